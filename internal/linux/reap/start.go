package reap

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spec is a program to start.
type Spec struct {
	// Args is the argument vector. Args[0] is looked up in the PATH of Env,
	// unless it has a slash; then it is relative to Dir.
	Args []string
	// Dir is the working directory. Default: the caller's.
	Dir string
	// Env is the whole environment, KEY=value each. nil means empty.
	Env []string
	// Files become the descriptors 0, 1, 2 and so on; nil ones, and those of the
	// first three that are missing, are /dev/null. They are put into blocking mode.
	Files []*os.File
	// Terminal makes Files[0], a terminal, the controlling one.
	Terminal bool
	// Credential is the user and groups to run as. Default: the caller's.
	Credential *syscall.Credential
	// OnExit is called when the process has been reaped. It runs on the reaper's
	// goroutine and must not block.
	OnExit func(*Process)
}

// Start starts a program as leader of a Unix session of its own, with default
// signal dispositions and no signal blocked. The error of a program that
// cannot be executed is a [*StartError].
func (r *Reaper) Start(spec Spec) (*Process, error) {
	path, err := lookPath(spec)
	if err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()

	p := &Process{reaper: r, onExit: spec.OnExit, done: make(chan struct{})}
	attr := attributes(spec, null)
	err = r.fork(p, path, spec.Args, attr)
	runtime.KeepAlive(spec.Files)
	if err == ErrClosed {
		return nil, err
	}
	if err != nil {
		return nil, explain(spec, path, err)
	}
	return p, nil
}

func attributes(spec Spec, null *os.File) *syscall.ProcAttr {
	files := make([]uintptr, max(3, len(spec.Files)))
	for i := range files {
		files[i] = null.Fd()
		if i < len(spec.Files) && spec.Files[i] != nil {
			files[i] = spec.Files[i].Fd()
		}
	}
	env := spec.Env
	if env == nil {
		env = []string{} // nil would mean the caller's
	}
	return &syscall.ProcAttr{
		Dir:   spec.Dir,
		Env:   env,
		Files: files,
		Sys: &syscall.SysProcAttr{
			Setsid:     true,
			Setctty:    spec.Terminal,
			Ctty:       0,
			Credential: spec.Credential,
		},
	}
}

// fork starts the program and makes p known before anybody can reap it.
// syscall.ForkExec forks with CLONE_VFORK|CLONE_VM, so the cost does not grow
// with the caller's memory.
func (r *Reaper) fork(p *Process, path string, args []string, attr *syscall.ProcAttr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	restore := unblockSignals()
	pid, err := syscall.ForkExec(path, args, attr)
	restore()
	if err != nil {
		return err
	}
	p.pid = pid
	p.started = time.Now()
	r.procs[pid] = p
	return nil
}

// unblockSignals empties the signal mask of the thread, which its next child
// inherits through fork and exec (signal(7)). The function returned puts it
// back.
func unblockSignals() (restore func()) {
	runtime.LockOSThread()
	var none, old unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, &old); err != nil || old == none {
		return runtime.UnlockOSThread
	}
	return func() {
		_ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) // the same set was valid before
		runtime.UnlockOSThread()
	}
}
