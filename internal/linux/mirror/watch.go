package mirror

import (
	"context"
	"slices"
	"time"

	"github.com/seancehq/seance/process"
)

// Look observes the processes of a live system as they are now.
type Look func() ([]process.Observed, error)

// Watch is a process table that is brought in line with a live system again and
// again. What begins and ends between two looks is not seen.
type Watch struct {
	look  Look
	table *process.Table
}

// NewWatch takes the first look.
func NewWatch(look Look) (*Watch, error) {
	seen, err := look()
	if err != nil {
		return nil, err
	}
	table, err := process.Mirror(seen)
	if err != nil {
		return nil, err
	}
	return &Watch{look, table}, nil
}

// Table is what the last look saw. Only the Watch changes it.
func (w *Watch) Table() *process.Table { return w.table }

// Next takes another look and returns what has changed.
func (w *Watch) Next() ([]process.Event, error) {
	seen, err := w.look()
	if err != nil {
		return nil, err
	}
	events, err := w.table.Sync(seen)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(events, w.isNoExec), nil
}

// isNoExec tells what looks as if a process ran another program, and is none. A
// kernel thread takes another name with each piece of work, and a process loses its
// arguments with its memory when it ends. Neither has arguments now, and every
// program has at least one, since Linux 5.18 sees to it (execve(2)).
func (w *Watch) isNoExec(e process.Event) bool {
	if e.Kind != process.EventExec {
		return false
	}
	p, ok := w.table.Process(e.PID)
	return ok && len(p.Command().Args) == 0
}

// Every takes a look once an interval and hands what has changed to each, until a
// look or each fails, or ctx ends.
func (w *Watch) Every(ctx context.Context, interval time.Duration, each func(time.Time, process.Event) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		events, err := w.Next()
		if err != nil {
			return err
		}
		now := time.Now()
		for _, e := range events {
			if err := each(now, e); err != nil {
				return err
			}
		}
	}
}
