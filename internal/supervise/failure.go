package supervise

import (
	"errors"
	"fmt"
)

// HandlerError is why something could not be done with a service or a hook. It
// names that, once, and is a [session.Naming].
type HandlerError struct {
	// What could not be done, such as: cannot start service "db".
	What string
	Err  error
}

func (e *HandlerError) Error() string { return e.What + ": " + e.Err.Error() }
func (e *HandlerError) Unwrap() error { return e.Err }

// NamesHandler says that the session manager need not.
func (e *HandlerError) NamesHandler() {}

// failure is the error of what could not be done with a service or a hook.
func failure(verb, kind, name string, err error) error {
	return &HandlerError{What: fmt.Sprintf("cannot %s %s %q", verb, kind, name), Err: err}
}

// Root is what has failed in the first place when a service was not started
// because of one that it needs; else err itself.
func Root(err error) error {
	for {
		var need *NeedError
		if !errors.As(err, &need) || need.Err == nil || need.Err == errDisabled {
			return err
		}
		err = failure("start", "service", need.Name, need.Err)
	}
}

// Cause is what an error says beside the name of the service or hook, for where
// that stands already.
func Cause(err error) error {
	if named, ok := err.(*HandlerError); ok {
		return named.Err
	}
	return err
}
