package initd

import (
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/session"
)

// describe says what init knows of the image.
func (in *Init) describe() api.Image {
	img := api.Image{State: api.StateBooting, Manifest: in.services.Manifest().Path, Freezer: api.FreezerRespawn}
	if in.spec.Hot {
		img.Freezer = api.FreezerCRIU
	}
	if now := in.manager.Current(); now != nil {
		img.Session, img.Started = now.ID(), now.Started()
	}
	in.count(&img)
	in.mu.Lock()
	defer in.mu.Unlock()
	img.Name, img.Error = in.name, in.failed
	switch {
	case in.asked != nil:
		img.State = in.asked.state
	case in.reloading != nil:
		img.State = api.StateReloading
	case !in.bootingLocked():
		img.State = api.StateRunning
	}
	return img
}

// count counts the services that are to run. What nobody has started is not amiss,
// nor what somebody has stopped, other than the image itself.
func (in *Init) count(img *api.Image) {
	in.mu.Lock()
	quiet := in.asked == nil
	in.mu.Unlock()
	for _, s := range in.services.Status() {
		switch {
		case s.Kind != supervise.KindService:
			continue
		case s.Disabled && s.State == supervise.Pending, quiet && s.State == supervise.Stopped:
			continue
		}
		img.Services++
		if s.Ready || s.Done() {
			img.Ready++
		}
	}
}

// bootingLocked says whether the start-up list still runs for the first time.
// The session begins before that, so that the manager is running already.
func (in *Init) bootingLocked() bool {
	_, underway := in.manager.Progress()
	return !in.manager.Running() || underway && in.asked == nil
}

// listServices lists the services in start-up order.
func (in *Init) listServices() []api.Service {
	byName := map[string]supervise.Status{}
	for _, s := range in.services.Status() {
		if s.Kind == supervise.KindService {
			byName[s.Name] = s
		}
	}
	all := []api.Service{}
	for _, e := range in.manager.StartupList() {
		if s, ok := byName[e.ID]; ok {
			all = append(all, in.service(s))
		}
	}
	return all
}

// listHandlers gives both lists, with what each handler did last.
func (in *Init) listHandlers() api.Handlers {
	kinds := in.kinds()
	var h api.Handlers
	for _, last := range in.manager.LastRuns() {
		h.Startup = append(h.Startup, api.Handler{
			ID: last.ID, Kind: kinds[last.ID], Category: last.Category, Priority: last.Priority,
			LastStartup: lastRun(last.Startup), LastShutdown: lastRun(last.Shutdown),
		})
	}
	for i := len(h.Startup) - 1; i >= 0; i-- {
		h.Shutdown = append(h.Shutdown, h.Startup[i])
	}
	return h
}

func lastRun(r *session.Record) *api.HandlerRun {
	if r == nil {
		return nil
	}
	run := handlerRun(*r)
	return &run
}

// kindOwn is the kind of init's own handlers.
const kindOwn = "seance"

// kinds says of each handler what it is.
func (in *Init) kinds() map[string]string {
	kinds := map[string]string{"link": kindOwn, "logs": kindOwn}
	for _, s := range in.services.Status() {
		kinds[s.Name] = string(s.Kind)
	}
	return kinds
}

func (in *Init) service(s supervise.Status) api.Service {
	out := api.Service{
		Name: s.Name, State: string(s.State), Ready: s.Ready, PID: s.PID, Instance: s.Instance, Restarts: s.Restarts,
		Exit: s.Exit, Terminal: s.Terminal, Category: s.Category, Priority: s.Priority, Command: s.Command,
		Of: s.Of, Needs: s.Needs, Disabled: s.Disabled, Detached: s.Detached, Status: s.Said,
	}
	if s.Err != nil {
		out.Error = s.Err.Error()
	}
	if err := in.logs.Trouble(s.Name); err != nil {
		out.LogError = err.Error()
	}
	if s.PID != 0 {
		out.Started, out.UptimeMS = &s.Started, ms(s.Uptime)
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
