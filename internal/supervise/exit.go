package supervise

import "github.com/seancehq/seance/internal/linux/reap"

// ExitError is a program that ended otherwise than with exit status 0.
type ExitError struct{ Exit reap.Exit }

func (e *ExitError) Error() string { return e.Exit.String() }

// exitError is nil for exit status 0.
func exitError(e reap.Exit) error {
	if e.Success() {
		return nil
	}
	return &ExitError{e}
}
