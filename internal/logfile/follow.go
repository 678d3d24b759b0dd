package logfile

import (
	"context"
	"fmt"
	"time"
)

// How often a log that is followed is looked at while lines come: at once, then less
// often. When nothing has come for some looks, it is watched, and looked at when
// something has happened to it. What cannot be watched is looked at on and on.
const (
	pollMin = 10 * time.Millisecond
	pollMax = 160 * time.Millisecond

	// quietLooks are in vain before a watch is set.
	quietLooks = 3
	// calmLooks are in vain after that, before the watch alone is relied on. In the
	// first a log may be found to have been emptied, and in the next is read.
	calmLooks = 2
	// retryLooks are between two tries to watch what could not be watched.
	retryLooks = 16
)

// vigil is what a reader that follows waits for.
type vigil struct {
	reader *reader
	looks  int    // in a row, that were in vain
	calm   int    // those of them since watch was set
	watch  *watch // nil: there is none
}

// forever is a pause that does not end by itself.
const forever = time.Duration(-1)

// looked takes in how many lines a look has found, and says how long to wait for the
// next, unless something happens before.
func (v *vigil) looked(found int) (pause time.Duration, woken <-chan struct{}) {
	if found > 0 || v.isWoken() {
		v.end()
		v.looks, v.calm = 0, 0
	}
	v.looks++
	switch {
	case v.watch != nil && v.calm == calmLooks:
		return forever, v.watch.woken
	case v.watch != nil:
		v.calm++
		return 0, nil
	case v.looks > quietLooks && v.looks%retryLooks == quietLooks+1 && !v.reader.query.Poll:
		var err error
		if v.watch, err = v.reader.watch(); err == nil {
			v.calm = 1
			return 0, nil
		}
	}
	return min(pollMin<<min(v.looks-1, 10), pollMax), nil
}

func (v *vigil) isWoken() bool {
	if v.watch == nil {
		return false
	}
	select {
	case <-v.watch.woken:
		return true
	default:
		return false
	}
}

func (v *vigil) end() {
	v.watch.end()
	v.watch = nil
}

// follow delivers what there is and what comes, until it is to end.
func (r *reader) follow(ctx context.Context) error {
	v := vigil{reader: r}
	defer v.end()
	for {
		last := r.hasEnded() || r.query.isOver(time.Now()) // nothing that is asked for is written after this
		n, err := r.round(ctx)
		if err != nil {
			return err
		}
		if last {
			return r.finish()
		}
		pause, woken := v.looked(n)
		if more, err := r.wait(ctx, pause, woken); err != nil || !more {
			return err
		}
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
func (r *reader) wait(ctx context.Context, pause time.Duration, woken <-chan struct{}) (more bool, err error) {
	if pause == 0 {
		return ctx.Err() == nil, nil
	}
	if r.query.Idle != nil {
		if err := r.query.Idle(); err != nil {
			return false, err
		}
	}
	if over := r.query.Until.Add(settled + time.Millisecond); pause == forever && !r.query.Until.IsZero() {
		pause = max(0, time.Until(over))
	}
	var tick <-chan time.Time
	if pause != forever {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		tick = timer.C
	}
	select {
	case <-ctx.Done():
		return false, nil
	case <-r.query.Ended:
	case <-woken:
	case <-tick:
	}
	return true, nil
}
