package initd

import (
	"context"
	"errors"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/session"
)

// arriving is a boot from a save whose start-up list is done, while what was under
// way with services when they were frozen goes on.
type arriving struct {
	giveUp context.CancelFunc
	done   chan struct{}
}

// arrive gives the result of a snapshot in a copy that was booted. The monitor is
// told of it when every service has come to where it was going. Whoever asked for
// the snapshot is told at once: it may be what its own service waits for.
func (in *Init) arrive(id string, result *session.Result, err error) *api.SnapshotResult {
	ctx, giveUp := context.WithCancel(context.Background())
	a := &arriving{giveUp, make(chan struct{})}
	in.started(result, err)
	in.mu.Lock()
	in.arriving = a
	in.mu.Unlock()
	r := in.report(id, result)
	go func() {
		defer close(a.done)
		in.tellBooted(r, result, errors.Join(err, in.services.Arrive(ctx)))
	}()
	return r
}

func (in *Init) tellBooted(r *api.SnapshotResult, result *session.Result, err error) {
	in.started(result, err)
	in.noteResult(r, err)
	img := in.describe()
	in.tell(api.Event{Type: api.EventResult, Time: time.Now(), Snapshot: r, Image: &img})
	in.told()
	in.quitIfOver()
}

// endArrival has a boot told now that is not told yet: the link is about to close.
func (in *Init) endArrival() {
	in.mu.Lock()
	a := in.arriving
	in.arriving = nil
	in.mu.Unlock()
	if a != nil {
		a.giveUp()
		<-a.done
	}
}
