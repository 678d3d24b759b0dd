package reap

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Exit is how a process ended.
type Exit struct {
	// Code is the status given to exit(2), 0 to 255. It has no meaning when
	// Signal is set.
	Code int
	// Signal is what ended the process, 0 when it exited.
	Signal syscall.Signal
	// CoreDumped says that the signal made it dump core.
	CoreDumped bool
	// CPU is the time it and the children it waited for spent on a processor.
	CPU time.Duration
	// MaxRSS is the largest resident set of it or one such child, in bytes.
	MaxRSS int64
	// Time is when it was reaped.
	Time time.Time
}

// Success says that the process exited with status 0.
func (e Exit) Success() bool { return e.Signal == 0 && e.Code == 0 }

func (e Exit) String() string {
	if e.Signal == 0 {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	name := unix.SignalName(e.Signal)
	if name == "" {
		name = fmt.Sprintf("signal %d", int(e.Signal))
	}
	if e.CoreDumped {
		return "killed by " + name + " (core dumped)"
	}
	return "killed by " + name
}

// Process is a program that a Reaper started. It leads a Unix session and a
// process group of its own, both with its PID as their number.
type Process struct {
	reaper  *Reaper
	pid     int
	started time.Time
	onExit  func(*Process)
	done    chan struct{}
	exit    Exit // set before done is closed
	// becoming says that it is the shim still, or may be; guarded by Reaper.mu.
	becoming bool
	alone    bool // it was adopted, and leads no process group
}

// PID is the number of the process, of its group and of its Unix session.
func (p *Process) PID() int { return p.pid }

// Started is when the program was started.
func (p *Process) Started() time.Time { return p.started }

// Done is closed when the process has ended and been reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit is how the process ended. ok is false while it has not been reaped.
func (p *Process) Exit() (exit Exit, ok bool) {
	select {
	case <-p.done:
		return p.exit, true
	default:
		return Exit{}, false
	}
}

// Wait waits until the process has been reaped or ctx is done.
func (p *Process) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-p.done:
		return p.exit, nil
	case <-ctx.Done():
		return Exit{}, ctx.Err()
	}
}

// Signal sends sig to the process. It returns [os.ErrProcessDone] when the
// process has been reaped: its number may be another's by then.
func (p *Process) Signal(sig syscall.Signal) error { return p.kill(p.pid, sig) }

// SignalGroup sends sig to all of the process group that p leads. It returns
// [os.ErrProcessDone] when p has been reaped: the group may live on, but its
// number is safe to use only while its leader holds it.
func (p *Process) SignalGroup(sig syscall.Signal) error {
	if p.alone {
		return p.Signal(sig)
	}
	return p.kill(-p.pid, sig)
}

func (p *Process) kill(pid int, sig syscall.Signal) error {
	p.reaper.mu.Lock()
	defer p.reaper.mu.Unlock()
	if _, ended := p.Exit(); ended {
		return os.ErrProcessDone
	}
	if err := syscall.Kill(pid, sig); err != nil {
		return fmt.Errorf("cannot send %s to process %d: %w", unix.SignalName(sig), p.pid, err)
	}
	return nil
}

func (p *Process) endLocked(exit Exit) {
	p.exit = exit
	close(p.done)
}
