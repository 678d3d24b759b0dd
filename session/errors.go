package session

import (
	"errors"
	"fmt"
	"time"
)

// What a call can be refused for, or fail with; compare with [errors.Is].
var (
	// ErrNotFound: no category, or no handler, has this name.
	ErrNotFound = errors.New("not found")
	// ErrExists: a category of this name exists already.
	ErrExists = errors.New("already exists")
	// ErrInUse: the category still has handlers; unregister them, or register them elsewhere.
	ErrInUse = errors.New("there are still handlers in it")
	// ErrInvalid: an empty name, a nil handler, a negative time limit.
	ErrInvalid = errors.New("invalid")
	// ErrBusy: a boot or a snapshot is under way (perhaps the caller is a handler of it).
	ErrBusy = errors.New("the session is being booted, saved or ended just now; try again when that is done")
	// ErrRunning: Boot was called while a session is running.
	ErrRunning = errors.New("a session is running already")
	// ErrNotRunning: there is no running session to save or to quit; call Boot first.
	ErrNotRunning = errors.New("no session is running; boot one first")
	// ErrNoFreezer: a save was asked of a manager that was made without [WithFreezer].
	ErrNoFreezer = errors.New("the manager has no freezer")
	// ErrAccess: a save was asked in a session that is not read-write.
	ErrAccess = errors.New("the session is not read-write")
	// ErrStale: the session has ended.
	ErrStale = errors.New("the session has ended")
	// ErrTimeout: a handler took longer than its time limit; see [OverrunError].
	ErrTimeout = errors.New("time limit exceeded")
	// ErrStillRunning: a handler was not called because an earlier call of it, which overran its
	// limit, has not returned yet.
	ErrStillRunning = errors.New("an earlier call that overran its time limit is still running")
)

// What a boot or a snapshot as a whole can fail in; [Result.Err] wraps one of these and the cause.
var (
	ErrStartup  = errors.New("cannot start up the session")
	ErrShutdown = errors.New("cannot shut down the session")
	ErrSave     = errors.New("cannot save the image")
	ErrQuit     = errors.New("cannot quit the image")
	ErrBoot     = errors.New("the saved image was booted, but not without a fault")
)

var errGoexit = errors.New("the handler ended its goroutine (runtime.Goexit)")

// Naming is an error of a handler that says itself which one has failed, at what: a
// [HandlerError] of it adds nothing, so that a message names the handler once.
type Naming interface {
	error
	NamesHandler()
}

// HandlerError says which handler failed, at what.
type HandlerError struct {
	ID       string
	Category string
	Action   Action
	Err      error
}

func (e *HandlerError) Error() string {
	if own, ok := e.Err.(Naming); ok {
		return own.Error()
	}
	switch e.Action {
	case Deferred:
		return fmt.Sprintf("cannot run deferred action %q: %v", e.ID, e.Err)
	case Shutdown:
		return fmt.Sprintf("cannot shut down handler %q: %v", e.ID, e.Err)
	}
	return fmt.Sprintf("cannot start up handler %q: %v", e.ID, e.Err)
}

func (e *HandlerError) Unwrap() error { return e.Err }

// OverrunError is the error of a handler that took longer than its limit. It is an [ErrTimeout].
type OverrunError struct {
	Limit time.Duration
	// LeftRunning is true when the call had not returned by the end of the grace time either: it
	// is still running, and listed by [Manager.Leftovers] until it returns.
	LeftRunning bool
	// Err is what the handler returned, when it did.
	Err error
}

func (e *OverrunError) Error() string {
	if e.LeftRunning {
		return fmt.Sprintf("not done within its time limit of %v, and still running", e.Limit)
	}
	return fmt.Sprintf("not done within its time limit of %v: %v", e.Limit, e.Err)
}

// Is reports whether target is [ErrTimeout].
func (e *OverrunError) Is(target error) bool { return target == ErrTimeout }

func (e *OverrunError) Unwrap() error { return e.Err }

// PanicError is the error of a handler, a deferred action, an observer or a freezer that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value of the panic when it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
