package logfile

import (
	"context"
	"fmt"
	"time"
)

// How often a log that is followed is looked at: at once while lines come,
// then less and less often.
const (
	pollMin = 10 * time.Millisecond
	pollMax = 160 * time.Millisecond
)

// follow delivers what there is and what comes, until it is to end.
func (r *reader) follow(ctx context.Context) error {
	for pause := pollMin; ; {
		last := r.hasEnded() || r.query.isOver(time.Now()) // nothing that is asked for is written after this
		n, err := r.round(ctx)
		if err != nil {
			return err
		}
		if last {
			return r.finish()
		}
		if n > 0 {
			pause = pollMin
		}
		if more, err := r.wait(ctx, pause); err != nil || !more {
			return err
		}
		pause = min(2*pause, pollMax)
		if err := r.look(); err != nil {
			return fmt.Errorf("cannot read logs: %w", err)
		}
	}
}

// settled is how long after its time a line may get into its file: lines are
// written many at a time.
const settled = 200 * time.Millisecond

// isOver says that there will be no line any more that is not too new.
func (q *Query) isOver(now time.Time) bool {
	return !q.Until.IsZero() && now.Sub(q.Until) > settled
}

func (r *reader) hasEnded() bool {
	select {
	case <-r.query.Ended:
		return true
	default:
		return false
	}
}

// wait says whether to go on.
func (r *reader) wait(ctx context.Context, pause time.Duration) (more bool, err error) {
	if r.query.Idle != nil {
		if err := r.query.Idle(); err != nil {
			return false, err
		}
	}
	select {
	case <-ctx.Done():
		return false, nil
	case <-r.query.Ended:
	case <-time.After(pause):
	}
	return true, nil
}
