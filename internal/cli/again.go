package cli

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// endedError says that a live image has ended in order while a command was
// about it.
type endedError struct{ name string }

func (e endedError) Error() string { return fmt.Sprintf("%s is no longer alive", e.name) }

func (endedError) Is(target error) bool { return target == errNoLiveImage }

// isEnded says whether err is that an image has ended, in order or not.
func isEnded(err error) bool { return errors.As(err, new(endedError)) || isNotAlive(err) }

// again speaks to the image of t once more after its monitor was lost. The next
// monitor takes over, or finds the image dead; one that has quit has left no
// record.
func (a *app) again(ctx context.Context, t *target) (*target, error) {
	if t.inside {
		return nil, endedError{t.image.Name} // who is inside has lost init itself
	}
	select {
	case <-time.After(followPause):
	case <-ctx.Done():
		return nil, interruptedError{}
	}
	home, err := a.homeFolder()
	if err != nil {
		return nil, err
	}
	live := home.Live(t.image.Name)
	if !live.Recorded() {
		return nil, endedError{t.image.Name}
	}
	return a.attach(ctx, live)
}
