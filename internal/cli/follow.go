package cli

import (
	"context"
	"time"

	"github.com/seancehq/seance/api"
)

// followPause is how long a command that follows waits between the loss of one
// monitor and the start of the next.
const followPause = 50 * time.Millisecond

// followLive follows the logs of a live image until it ends. When its monitor
// is lost it goes on with the next one.
func (a *app) followLive(t *target, live api.Live) logSource {
	return func(ctx context.Context, q api.LogQuery, each func(api.LogLine) error) error {
		f := &follower{each: each, began: time.Now(), all: q.Tail < 0, shown: map[string]mark{}}
		for {
			err := t.Logs(ctx, q, f.line)
			if f.failed != nil || !unanswered(err) || ctx.Err() != nil {
				return err
			}
			f.again()
			q.Tail = -1 // it knows by itself what it has shown
			select {
			case <-time.After(followPause):
			case <-ctx.Done():
				return interruptedError{}
			}
			if !live.Recorded() {
				return readLogs(ctx, live, q, false, f.line) // it has quit: these are its last words
			}
			next, err := a.attach(ctx, live)
			switch {
			case isNotAlive(err):
				a.warn("%v", err)
				return readLogs(ctx, live, q, false, f.line)
			case err != nil:
				return err
			}
			t = next
		}
	}
}

// follower passes on each line once, though it is read again and again.
type follower struct {
	each   func(api.LogLine) error
	failed error // of each

	began  time.Time
	all    bool            // older lines were asked for, all of them
	later  bool            // the logs are being read again
	shown  map[string]mark // by service
	passed map[string]int  // by service, lines of the mark's time in this reading
}

// mark is the last line shown of a service. Lines that come together have the
// same time.
type mark struct {
	at time.Time
	n  int // lines of that time
}

// again begins another reading.
func (f *follower) again() { f.later, f.passed = true, map[string]int{} }

func (f *follower) line(l api.LogLine) error {
	if f.later && f.known(l) {
		return nil
	}
	m := f.shown[l.Service]
	if !l.Time.Equal(m.at) {
		m = mark{at: l.Time}
	}
	m.n++
	f.shown[l.Service] = m
	f.failed = f.each(l)
	return f.failed
}

// known says whether a line was shown before, or was not asked for.
func (f *follower) known(l api.LogLine) bool {
	m, ok := f.shown[l.Service]
	switch {
	case !ok:
		return !f.all && l.Time.Before(f.began)
	case l.Time.Equal(m.at):
		f.passed[l.Service]++
		return f.passed[l.Service] <= m.n
	}
	return l.Time.Before(m.at)
}
