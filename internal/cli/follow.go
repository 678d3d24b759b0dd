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
		f := &follower{each: each, marks: map[string]string{}}
		q.Marks = true
		for {
			err := t.Logs(ctx, f.rest(q), f.line)
			if f.failed != nil || !unanswered(err) || ctx.Err() != nil {
				return err
			}
			select {
			case <-time.After(followPause):
			case <-ctx.Done():
				return interruptedError{}
			}
			if !live.Recorded() {
				return readLogs(ctx, live, f.rest(q), false, f.line) // it has quit: these are its last words
			}
			next, err := a.attach(ctx, live)
			switch {
			case isNotAlive(err):
				a.warn("%v", err)
				return readLogs(ctx, live, f.rest(q), false, f.line)
			case err != nil:
				return err
			}
			t = next
		}
	}
}

// follower passes on lines and knows where it is, so that it can go on with
// another monitor.
type follower struct {
	each   func(api.LogLine) error
	failed error             // of each
	marks  map[string]string // by service, of where it begins and then of its last line
	begun  bool              // there was a line: all begins are known
}

func (f *follower) line(l api.LogLine) error {
	f.marks[l.Service] = l.Mark
	if l.Begin {
		return nil
	}
	f.begun, l.Mark = true, ""
	f.failed = f.each(l)
	return f.failed
}

// rest is what a query leaves to be read. Logs without a mark were not there
// when it began: all of them is new.
func (f *follower) rest(q api.LogQuery) api.LogQuery {
	if f.begun {
		q.Tail, q.After = -1, f.marks
	}
	return q
}
