package supervise

import (
	"context"
	"errors"
)

// Hurry has everything that is being stopped, and what is stopped from now on,
// killed at once: there is no grace time any more, and no hook is waited for.
// The order in which things are stopped stays as it is.
func (sup *Supervisor) Hurry() { sup.tracker.hurry() }

// hasty makes a context that ends with another, or when there is hurry.
func (t *tracker) hasty(ctx context.Context) (context.Context, context.CancelFunc) {
	hasty, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(t.hurried, func() { cancel(errHurry) })
	return hasty, func() {
		stop()
		cancel(nil)
	}
}

// errHurry is why a context of hasty ended.
var errHurry = errors.New("all is to end at once")
