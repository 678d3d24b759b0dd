package process

import (
	"errors"
	"fmt"
)

// The named reasons for which an operation is refused. Each wraps the Errno that
// Linux gives in the same situation, so both of these hold for one error:
//
//	errors.Is(err, process.ErrSessionLeader)
//	errors.Is(err, process.EPERM)
var (
	// ErrNoProcess: the process was freed, or never was.
	ErrNoProcess error = &reason{"no such process", ESRCH}
	// ErrNoThread: the thread has ended, or never was.
	ErrNoThread error = &reason{"no such thread", ESRCH}
	// ErrNoGroup: no group of that number exists in the session.
	ErrNoGroup error = &reason{"no such process group", EPERM}
	// ErrNoSession: the session is gone.
	ErrNoSession error = &reason{"no such session", ESRCH}
	// ErrForeign: the process, group or session belongs to another table.
	ErrForeign error = &reason{"it belongs to another process table", ESRCH}
	// ErrZombie: the process has exited; only its parent can still do something with it.
	ErrZombie error = &reason{"the process has exited", ESRCH}
	// ErrNotZombie: the process has not exited, so it cannot be freed.
	ErrNotZombie error = &reason{"the process has not exited", EBUSY}
	// ErrInit: the init process cannot exit.
	ErrInit error = &reason{"init cannot exit", EPERM}
	// ErrNotChild: the target is neither the caller nor one of its children.
	ErrNotChild error = &reason{"it is neither the caller nor a child of the caller", ESRCH}
	// ErrNotLeaderThread: the number is the TID of a thread, not a PID.
	ErrNotLeaderThread error = &reason{"the number names a thread, not a process", EINVAL}
	// ErrExeced: the child has executed a program since it was forked.
	ErrExeced error = &reason{"the child has already executed a program", EACCES}
	// ErrSessionLeader: a session leader cannot change its group.
	ErrSessionLeader error = &reason{"it leads a session", EPERM}
	// ErrGroupLeader: a group leader cannot create a session, nor its group twice.
	ErrGroupLeader error = &reason{"it leads a process group", EPERM}
	// ErrGroupExists: a group bears the number the new session would need.
	ErrGroupExists error = &reason{"a process group bears its PID", EPERM}
	// ErrOtherSession: the group, or the child, is in another session.
	ErrOtherSession error = &reason{"it is in another session", EPERM}
	// ErrNumberTaken: the number of an emptied group was given to somebody else.
	ErrNumberTaken error = &reason{"the number of the emptied group was taken meanwhile", EPERM}
	// ErrBadNumber: a PID, PGID or TID is out of range.
	ErrBadNumber error = &reason{"the number is out of range", EINVAL}
	// ErrInUse: the requested PID is carried by a process, thread, group or session.
	ErrInUse error = &reason{"the number is in use", EEXIST}
	// ErrExhausted: no PID is left.
	ErrExhausted error = &reason{"no PID is left", EAGAIN}
	// ErrNoChild: no child fits what is waited for.
	ErrNoChild error = &reason{"no child fits", ECHILD}
	// ErrWouldBlock: children fit, but none has anything to report yet. A kernel
	// puts the caller to sleep until its next SIGCHLD, and then asks again.
	ErrWouldBlock error = &reason{"no child has anything to report yet", EAGAIN}
	// ErrBadOption: options that contradict each other or are unknown.
	ErrBadOption error = &reason{"the options are not valid", EINVAL}
	// ErrBadSignal: the signal cannot do what is asked, such as stop a process.
	ErrBadSignal error = &reason{"the signal does not do that", EINVAL}
	// ErrNotSessionLeader: only a session leader can get a controlling terminal.
	ErrNotSessionLeader error = &reason{"it does not lead a session", EPERM}
	// ErrHasTerminal: the session leader already has a controlling terminal.
	ErrHasTerminal error = &reason{"it has a controlling terminal already", EPERM}
	// ErrTerminalInUse: the terminal controls another session.
	ErrTerminalInUse error = &reason{"the terminal controls another session", EPERM}
	// ErrNoTerminal: the terminal is not the caller's controlling terminal.
	ErrNoTerminal error = &reason{"it is not the controlling terminal of the process", ENOTTY}
	// ErrNoSuchGroup: tcsetpgrp(3) was given a number nothing carries.
	ErrNoSuchGroup error = &reason{"nothing carries the number", ESRCH}
	// ErrOrphaned: background access to the terminal, or a stop by the terminal,
	// in an orphaned group, which nobody could continue.
	ErrOrphaned error = &reason{"the process group is orphaned", EIO}
	// ErrBackground: the caller is in the background, and its group was sent SIGTTIN
	// or SIGTTOU. A kernel tries again when the signal has been handled.
	ErrBackground error = &reason{"it is in the background", EINTR}
	// ErrIgnored: a background read while SIGTTIN is ignored or blocked.
	ErrIgnored error = &reason{"SIGTTIN is ignored or blocked", EIO}
	// ErrBadState: a State that no table could have given.
	ErrBadState error = &reason{"the state is not valid", EINVAL}
	// ErrVersion: a State of a version this package does not know.
	ErrVersion error = &reason{"the state has an unknown version", EINVAL}
	// ErrBadObservation: observations that contradict themselves.
	ErrBadObservation error = &reason{"the observation is not valid", EINVAL}
)

// reason is a named error with the errno Linux gives for it.
type reason struct {
	text  string
	errno Errno
}

func (r *reason) Error() string { return r.text }
func (r *reason) Unwrap() error { return r.errno }

// Error is a refused operation: what was to be done, to whom, and why not.
type Error struct {
	Op   string // what was to be done, such as "create a session for"
	Kind string // "process", "thread", "group", "session" or "terminal"
	ID   PID    // the number of what it was to be done to
	Err  error  // one of the named errors of this package
}

func (e *Error) Error() string {
	return fmt.Sprintf("cannot %s %s %d: %v", e.Op, e.Kind, e.ID, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Errno returns the error number Linux gives in this situation.
func (e *Error) Errno() Errno { return ErrnoOf(e.Err) }

// ErrnoOf returns the Errno inside err, and 0 if there is none.
func ErrnoOf(err error) Errno {
	var errno Errno
	if errors.As(err, &errno) {
		return errno
	}
	return 0
}

func refuse(op, kind string, id PID, why error) error {
	return &Error{Op: op, Kind: kind, ID: id, Err: why}
}
