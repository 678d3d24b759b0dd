package initd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
)

// reloading is a reload under way.
type reloading struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when it is over
}

// reload has the image become what another manifest says. It goes on when ctx
// ends: only a quit calls it off.
//
// A save and a reload exclude each other, so that a saved image is either what
// it was or what it is to be.
func (in *Init) reload(ctx context.Context, req api.ReloadRequest) (any, error) {
	to, err := manifest.Parse(req.ManifestPath, req.Manifest)
	if err != nil {
		return nil, refused(api.CodeBad, "cannot reload image %q: %v", in.imageName(), err)
	}
	if in.foreground != nil {
		to = in.foreground.selected(to)
	}
	if req.DryRun {
		return in.applied(in.services.Reload(ctx, in.manager, to, true, nil))
	}
	ctx, end, err := in.beginReload(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	defer end()
	in.note("reloading", "")
	result, err := in.services.Reload(ctx, in.manager, to, false, in.progress)
	if ctx.Err() != nil {
		return nil, refused(api.CodeNotAlive, "the reload of image %q was called off: it is quitting", in.imageName())
	}
	in.checkLogs()
	in.note("running", reloadedInWords(result, err))
	return in.applied(result, err)
}

// beginReload lets one reload in at a time, and none while a list runs.
func (in *Init) beginReload(ctx context.Context) (context.Context, func(), error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	doing := api.StateRunning
	switch {
	case in.asked != nil:
		doing = in.asked.state
	case in.bootingLocked():
		doing = api.StateBooting
	case in.reloading != nil:
		doing = api.StateReloading
	}
	if doing != api.StateRunning {
		return nil, nil, api.BusyReload(in.name, doing)
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &reloading{cancel, make(chan struct{})}
	in.reloading = r
	return ctx, func() { in.endReload(r) }, nil
}

func (in *Init) endReload(r *reloading) {
	r.cancel()
	in.mu.Lock()
	in.reloading = nil
	in.mu.Unlock()
	close(r.done)
}

// callOffReload ends a reload for a quit, and waits for its end.
func (in *Init) callOffReload() {
	in.mu.Lock()
	r := in.reloading
	in.mu.Unlock()
	if r != nil {
		r.cancel()
		<-r.done
	}
}

// progress tells what a reload does now.
func (in *Init) progress(message string) {
	in.tell(api.Event{Type: api.EventStage, Time: time.Now(), Message: message})
}

// applied is what came of a reload, in the form that goes over the API.
func (in *Init) applied(r *supervise.Reload, err error) (any, error) {
	if err != nil {
		return nil, in.inWire(err)
	}
	result := api.ReloadResult{Steps: []api.ReloadStep{}, Unchanged: r.Unchanged, Done: r.Done}
	for _, s := range r.Steps {
		step := api.ReloadStep{Action: api.ReloadAction(s.Action), Name: s.Name, Kind: string(s.Kind), Keys: s.Keys}
		if s.Err != nil {
			step.Error = s.Err.Error()
		}
		result.Steps = append(result.Steps, step)
	}
	return result, nil
}

func reloadedInWords(r *supervise.Reload, err error) string {
	if err != nil {
		return "the manifest was not reloaded: " + firstLine(err)
	}
	words := fmt.Sprintf("the manifest was reloaded in %d steps", len(r.Steps))
	if len(r.Steps) == 1 {
		words = "the manifest was reloaded in 1 step"
	}
	var failed []string
	for _, s := range r.Steps {
		if s.Err != nil {
			failed = append(failed, s.Name)
		}
	}
	if len(failed) == 0 {
		return words
	}
	return fmt.Sprintf("%s, of which %d failed: %s", words, len(failed), strings.Join(failed, ", "))
}

// source is the manifest that the image runs now.
func (in *Init) source() link.Source {
	m := in.services.Manifest()
	return link.Source{Manifest: m.Source, ManifestPath: m.Path}
}
