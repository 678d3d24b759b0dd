// Package rewind lets system calls begin again that a freeze has cut short.
//
// A thread that is seized while it waits with a time limit, in poll(2) or
// futex(2) for one, finds once it is let go that the call has failed with
// EINTR: the kernel alone could have had it wait on, and whoever seized the
// thread has put back the registers of a call that has returned. Many programs
// call again. Some end: tail(1) with -f does.
//
// As long as the thread has not run on, its registers can be set to what they
// were just before the call. A sleep goes on for what was left of it, if the
// program asked to be told what was left; any other call begins its time anew.
package rewind

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Threads sets those of the threads back whose last call failed with EINTR.
// They must stand still, as in a frozen cgroup, and have no tracer. A thread
// that is gone needs nothing.
func Threads(tids []int) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // a tracer is a thread, see ptrace(2)
		defer runtime.UnlockOSThread()
		var errs []error
		for _, tid := range tids {
			if err := thread(tid); err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.ECHILD) {
				errs = append(errs, fmt.Errorf("cannot set back thread %d: %w", tid, err))
			}
		}
		done <- errors.Join(errs...)
	}()
	return <-done
}

// thread stops a thread for a moment, whose end lets it be as it was.
func thread(tid int) error {
	if err := unix.PtraceSeize(tid); err != nil {
		return err
	}
	defer unix.PtraceDetach(tid)
	if err := unix.PtraceInterrupt(tid); err != nil {
		return err
	}
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(tid, &status, unix.WALL, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	if !status.Stopped() {
		return nil // it has ended
	}
	return setBack(tid)
}
