package initd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/session"
)

// asked is a snapshot under way.
type asked struct {
	id, ref string
	state   api.State // what the image is doing for it
	early   bool      // it calls the first start-up off
}

// beginSnapshot admits a snapshot for the monitor, and begins it once the
// monitor has been answered: the link will be closed before there is a result,
// which is sent as an event.
func (in *Init) beginSnapshot(ctx context.Context, req api.SnapshotRequest) (any, error) {
	id, err := in.admit(req)
	if err != nil {
		return nil, err
	}
	begin := func() { go in.take(context.WithoutCancel(ctx), id, req) }
	if in.callsOff() {
		begin = in.cancelBoot
	}
	return link.Reply{Value: link.Accepted{Snapshot: id}, Then: begin}, nil
}

// makeSnapshot makes a snapshot that was admitted, for a program inside the
// image or for init itself. It returns twice, once in each copy.
func (in *Init) makeSnapshot(ctx context.Context, id string, req api.SnapshotRequest) *api.SnapshotResult {
	if in.callsOff() {
		in.cancelBoot()
		if in.foreground != nil {
			return in.foreground.calledOff(id)
		}
		select {} // init ends
	}
	r := in.take(context.WithoutCancel(ctx), id, req)
	if in.foreground != nil && r.Outcome == api.Quit {
		<-in.foreground.cleared
	}
	return r
}

// admit lets one snapshot in at a time and gives it an identity.
func (in *Init) admit(req api.SnapshotRequest) (id string, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.admitLocked(req)
}

func (in *Init) admitLocked(req api.SnapshotRequest) (id string, err error) {
	if in.foreground != nil && req.Save {
		return "", errForeground(in.name)
	}
	if in.asked != nil {
		return "", api.Busy(in.name, in.asked.state, req)
	}
	if in.reloading != nil && req.Save {
		return "", api.Busy(in.name, api.StateReloading, req)
	}
	early := in.bootingLocked()
	if early && (req.Save || !req.Quit) {
		return "", api.Busy(in.name, api.StateBooting, req)
	}
	in.asked = &asked{id: newID(), ref: req.Ref, state: api.StateSaving, early: early}
	if !req.Save {
		in.asked.state = api.StateQuitting
	}
	in.saved, in.frozenMS = nil, 0
	return in.asked.id, nil
}

// callsOff says whether the snapshot under way is a quit that does not wait
// for the first start-up to be done.
func (in *Init) callsOff() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.asked != nil && in.asked.early
}

// quitIfAsked quits an image that came up in the very moment in which its
// start-up was called off.
func (in *Init) quitIfAsked() {
	if in.callsOff() {
		go in.take(context.Background(), in.asked.id, api.SnapshotRequest{Quit: true})
	}
}

func newID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails, see its documentation
	return fmt.Sprintf("%s-%x", time.Now().UTC().Format("20060102T150405.000"), b)
}

// take makes the snapshot and tells the monitor what came of it. It waits until
// the monitor knows how the first start-up went: a program may ask before that,
// and the link closes for a snapshot.
func (in *Init) take(ctx context.Context, id string, req api.SnapshotRequest) *api.SnapshotResult {
	<-in.up
	in.endArrival()
	in.callOffReload()
	in.noteSnapshot(req)
	result, err := in.manager.Snapshot(ctx, req.Save, req.Quit)
	if result.Booting {
		return in.arrive(id, result, onlyStartup(result))
	}
	in.started(result, err)
	r := in.report(id, result)
	if r.Outcome == api.Quit {
		r.Survivors = in.survivors()
	}
	in.noteResult(r, err)
	in.tell(api.Event{Type: api.EventResult, Time: time.Now(), Snapshot: r})
	in.told()
	if in.foreground != nil && !result.Running {
		in.foreground.finish(result, err)
	}
	if req.Save {
		in.quitIfOver() // it may have ended meanwhile
	}
	return r
}

// onlyStartup leaves of a result in a booted copy what was done in this copy.
// What failed before the freeze was told then.
func onlyStartup(result *session.Result) error {
	result.Handlers = slices.DeleteFunc(result.Handlers, func(r session.Record) bool { return r.Action == session.Shutdown })
	return result.AllErrors()
}

// report puts a result into the form that goes over the API, and makes way
// for the next snapshot.
func (in *Init) report(id string, result *session.Result) *api.SnapshotResult {
	in.mu.Lock()
	defer in.mu.Unlock()
	if result.Running {
		in.asked = nil
	}
	in.untold = true
	r := &api.SnapshotResult{
		ID: id, Outcome: outcome(result), Saved: in.saved, FrozenMS: in.frozenMS,
		TotalMS: ms(result.Duration),
	}
	for _, rec := range result.Handlers {
		r.Handlers = append(r.Handlers, handlerRun(rec))
	}
	r.Error = cause(result)
	in.countLocked(r)
	return r
}

// cause is what went wrong, in the words of whoever saw it: what the monitor
// said of a failed save says more than that there was one.
func cause(r *session.Result) string {
	var told *api.Error
	switch err := r.AllErrors(); {
	case err == nil:
		return ""
	case errors.As(r.Err, &told):
		return told.Message
	default:
		return err.Error()
	}
}

func outcome(r *session.Result) api.Outcome {
	switch {
	case r.Booting:
		return api.Booting
	case !r.Save && !r.Quit:
		return api.Nothing
	case r.Save && !r.Saved, r.Err != nil:
		return api.Failed
	case r.Quit && !r.Running:
		return api.Quit
	}
	return api.Continuing
}

func handlerRun(r session.Record) api.HandlerRun {
	run := api.HandlerRun{
		ID: r.ID, Action: r.Action.String(), Booting: r.Booting, Quitting: r.Quitting,
		Started: r.Start, DurationMS: ms(r.Duration),
	}
	if r.Err != nil {
		run.Error = supervise.Cause(r.Err).Error() // the handler's name is beside it
	}
	return run
}

// tell passes an event on to the monitor, and to those who wait for it inside.
func (in *Init) tell(e api.Event) {
	in.link.Send(e)
	in.hub.Publish(e)
}

// observe passes the session manager's events on to the monitor.
func (in *Init) observe(e session.Event) {
	switch e.Kind {
	case session.PhaseBegins:
		if e.Progress.Phase == session.Done {
			return
		}
		in.notePhase(e.Progress.Phase)
		in.tell(api.Event{Type: api.EventStage, Time: e.Time, Message: e.Progress.Phase.String()})
	case session.HandlerBegins, session.HandlerDone:
		run := handlerRun(e.Handler)
		phase := "before"
		if e.Kind == session.HandlerDone {
			phase = "after"
			in.keepFailure(e.Handler)
		}
		in.tell(api.Event{Type: api.EventHandler, Time: e.Time, Handler: &run, Phase: phase})
	}
}
