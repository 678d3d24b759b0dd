package ns

import (
	"os"
	"syscall"
)

// Program is what [Start] runs.
type Program struct {
	Path string
	Args []string // with the program's name as the first
	Env  []string
	// Stdin, Stdout and Stderr are the only descriptors it gets.
	Stdin, Stdout, Stderr *os.File
}

// Start runs a program as the first process of new pid, mount, ipc and uts
// namespaces, leader of a session of its own. It returns the PID as the
// caller's namespace sees it. The caller waits for it.
func Start(p Program) (int, error) {
	return start(p, syscall.CLONE_NEWPID|syscall.CLONE_NEWNS|syscall.CLONE_NEWIPC|syscall.CLONE_NEWUTS)
}

// StartPlain runs a program like [Start], but in the caller's namespaces.
func StartPlain(p Program) (int, error) { return start(p, 0) }

func start(p Program, flags uintptr) (int, error) {
	pid, err := syscall.ForkExec(p.Path, p.Args, &syscall.ProcAttr{
		Dir:   "/",
		Env:   p.Env,
		Files: []uintptr{p.Stdin.Fd(), p.Stdout.Fd(), p.Stderr.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true, Cloneflags: flags},
	})
	if err != nil {
		return 0, &os.PathError{Op: "exec", Path: p.Path, Err: err}
	}
	return pid, nil
}
