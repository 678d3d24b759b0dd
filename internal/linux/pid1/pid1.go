// Package pid1 runs one program in the way that the first process of a
// container has to: it passes signals on to the program, reaps the orphans
// that the kernel hands it, ends as the program ended, and leaves nothing
// running. It does the same as an ordinary process, as a child subreaper
// (PR_SET_CHILD_SUBREAPER(2const)).
//
// The program has what a shell would have given it: the same standard input
// and output and other descriptors, environment, working directory and
// ignored signals. It leads a process group of its own, to which a terminal is
// handed over, so that what is typed there reaches it once and not twice.
//
// Nothing is needed of the file system. Only when this is not process 1, /proc
// shows what the program has left behind.
//
// # Locks
//
// child.mu is held over kill(2) and over the wait that gives the program's
// number back to the kernel: no other process ever gets a signal in its place.
package pid1

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/linux/storm"
)

// Exit statuses of a program that could not be run, as shells have them.
const (
	CannotExecute = 126
	NotFound      = 127
)

// Options are what to run, and how.
type Options struct {
	// Args is the program with its arguments.
	Args []string
	// Group sends signals to the program's process group, not to it alone.
	Group bool
	// Grace is how long what the program leaves behind has after SIGTERM.
	Grace time.Duration
	// Guard starts a process, a child of this one, that ends what is left when this
	// one is killed. nil: there is none. Process 1 needs none, for the kernel does it.
	Guard func() (pid int, err error)
	// Mark is what the guard knows the program by, see [reap.ReadMark].
	Mark uint64
}

// StartError says that the program could not be run.
type StartError struct {
	Status int // CannotExecute or NotFound
	Err    error
}

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

// Run runs the program until it and all that it left behind have ended. It
// returns the program's exit status, 128+N when signal N killed it. It takes
// over every wait and every signal of the process, which is to end after it.
func Run(o Options) (status int, err error) {
	debug.SetGCPercent(-1) // nothing is allocated for an orphan or a signal
	// The program gets a signal at the death of the thread that started it: this
	// one stays, and waits (PR_SET_PDEATHSIG(2const)).
	runtime.LockOSThread()
	path, err := find(o.Args[0])
	if err != nil {
		return 0, err
	}
	first := os.Getpid() == 1
	if !first {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return 0, fmt.Errorf("cannot become a child subreaper: %w", err)
		}
	}
	c := &child{group: o.Group, first: first, tty: openTerminal()}
	if first {
		o.Guard, o.Mark = nil, 0
	}
	c.guard.start = o.Guard
	if !first {
		// Where /proc does not show them, they cannot be told from what the program leaves.
		c.guard.inherited, _ = reap.Inherited("/proc")
	}
	signals := catch() // before the start: none is lost
	storm.Hush()       // for good: who waits for a child is woken up by its end itself
	c.guard.begin()
	defer c.guard.end()
	reap.WithMark(o.Mark, func() { c.pid, err = start(path, o.Args, first) })
	if err != nil {
		return 0, err
	}
	c.tty.give(c.pid)
	go c.forward(signals)
	status = c.wait()
	c.tty.takeBack()
	return status, endRest(first, &c.guard, o.Grace)
}

// find looks a program up as execvp(3) does.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	switch {
	case err == nil || errors.Is(err, exec.ErrDot):
		return path, nil
	case errors.Is(err, fs.ErrPermission):
		return "", &StartError{CannotExecute, fmt.Errorf("program %q is not executable", program)}
	case errors.Is(err, fs.ErrNotExist):
		return "", &StartError{NotFound, fmt.Errorf("program %q does not exist", program)}
	case errors.Is(err, exec.ErrNotFound):
		return "", &StartError{NotFound, fmt.Errorf("program %q is in no folder of PATH%s", program, shortPath())}
	}
	return "", &StartError{CannotExecute, fmt.Errorf("cannot run program %q: %w", program, errors.Unwrap(err))}
}

// shortPath is PATH in parentheses where that is short, as in a container.
func shortPath() string {
	if path := os.Getenv("PATH"); len(path) < 80 {
		return " (" + path + ")"
	}
	return ""
}

// start starts the program. What has no header of its own is a script for the
// shell, as it is for execvp(3).
func start(path string, args []string, first bool) (pid int, err error) {
	sys := &syscall.SysProcAttr{Setpgid: true}
	if !first {
		sys.Pdeathsig = syscall.SIGTERM
	}
	attr := &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: sys}
	pid, err = syscall.ForkExec(path, args, attr)
	if errors.Is(err, syscall.ENOEXEC) {
		pid, err = syscall.ForkExec("/bin/sh", append([]string{"sh", path}, args[1:]...), attr)
	}
	switch {
	case err == nil:
		return pid, nil
	case errors.Is(err, syscall.ENOENT):
		// The file was there a moment ago: it is what the file asks for that is not.
		return 0, &StartError{CannotExecute, fmt.Errorf("cannot run program %q: its interpreter or loader does not exist", args[0])}
	}
	return 0, &StartError{CannotExecute, fmt.Errorf("cannot run program %q: %w", args[0], err)}
}

// child is the program while it runs.
type child struct {
	pid   int
	group bool
	first bool
	tty   terminal
	guard guard // of the goroutine that waits alone

	mu    sync.Mutex // see the package comment
	ended bool
}

// signal sends a signal to the program, unless it has ended.
func (c *child) signal(sig syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	if c.group {
		_ = syscall.Kill(-c.pid, sig)
		return
	}
	// A program of another user's (su, sudo) cannot be sent one: there is nobody
	// who could do better.
	_ = syscall.Kill(c.pid, sig)
}

// resume lets the program's process group go on.
func (c *child) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		_ = syscall.Kill(-c.pid, syscall.SIGCONT)
	}
}

// wait reaps until the program has ended, and returns its exit status.
func (c *child) wait() int {
	for gauge := storm.NewGauge(time.Now()); ; {
		peek()
		storm.Sleep(gauge.Wait(time.Now()))
		status, stopped := c.collect()
		c.guard.begin() // again, if somebody has killed it
		switch {
		case c.ended:
			return exitStatus(status)
		case stopped != 0:
			c.stopped(stopped)
		}
	}
}

// peek waits until a child has ended or has been stopped, and leaves it as it is.
func peek() {
	for unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// collect reaps all that have ended. It says how the program ended if it was one
// of them, and by which signal it was stopped if it was.
func (c *child) collect() (status syscall.WaitStatus, stopped syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		var s syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &s, syscall.WNOHANG|syscall.WUNTRACED, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil || pid == 0:
			return status, stopped
		case s.Stopped():
			if pid == c.pid {
				stopped = s.StopSignal()
			}
		default:
			if pid == c.pid {
				status, c.ended = s, true
			}
			c.guard.reaped(pid, s)
		}
	}
}

// exitStatus is what a shell makes of a wait status.
func exitStatus(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}
