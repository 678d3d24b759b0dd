package serve_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/linux/mirror"
	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/internal/serve"
	"github.com/seancehq/seance/process"
)

// recorder answers each call with what it was told to, and keeps what was asked.
type recorder struct {
	answers map[string]any

	mu    sync.Mutex
	calls map[string]string // the request of each call, as it came
}

func (r *recorder) answer(_ context.Context, method string, body json.RawMessage) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls[method] = string(body)
	return r.answers[method], nil
}

func (r *recorder) asked(method string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[method]
}

// Every method of the client says what its route takes, and reads what that
// answers.
func TestTheClientSpeaksToTheServer(t *testing.T) {
	web := api.Service{Name: "web", State: "ready", Ready: true, Command: []string{"web"}, Category: "user"}
	rec := &recorder{calls: map[string]string{}, answers: map[string]any{
		link.CallImage:     api.Image{Name: "shop", State: api.StateRunning},
		link.CallServices:  []api.Service{web},
		link.CallUsage:     []api.Service{{Name: "web", Usage: &api.Usage{Processes: 3}}},
		link.CallChange:    api.ServicesResult{Services: []api.ServiceChange{{Name: "web", Changed: true}}},
		link.CallWait:      []api.Service{web},
		link.CallHandlers:  api.Handlers{Startup: []api.Handler{{ID: "web"}}},
		link.CallHierarchy: process.State{Version: 1},
		link.CallManifest:  api.Source{Manifest: []byte("name: shop"), ManifestPath: "/srv/seance.yaml"},
		link.CallReload:    api.ReloadResult{Unchanged: 2, Done: true},
		link.CallNotices:   []api.Notice{{Seq: 8, Name: "web"}},
		link.CallMetrics:   link.Metrics{Image: api.Image{Name: "shop"}},

		link.CallAddHandler: api.Handler{ID: "warm-up"}, link.CallRemoveHandler: struct{}{},
		link.CallAddCategory: struct{}{}, link.CallRemoveCategory: struct{}{},
	}}
	c := listen(t, serve.Handler(serve.Config{Caller: link.Calls(rec.answer), Own: map[string]http.Handler{
		"GET /v1/logs":             serve.Logs(serve.LogFolder{Dir: logs(t), Ended: closed(), OnError: func(err error) { t.Error(err) }}),
		"GET /v1/hierarchy/events": serve.HierarchyEvents(seen, closed(), serve.ErrorOf),
		"POST /v1/snapshot":        http.HandlerFunc(snapshot),
	}}))
	ctx := t.Context()
	forgotten := map[string]bool{}
	for m := range reflect.TypeFor[*api.Client]().Methods() {
		forgotten[m.Name] = true
	}
	// What each method gives, what it should, and what init was asked.
	for name, try := range map[string]func() (got, want any, call, asked string, err error){
		"Image": func() (any, any, string, string, error) {
			got, err := c.Image(ctx)
			return got.Name, "shop", link.CallImage, "null", err
		},
		"Services": func() (any, any, string, string, error) {
			got, err := c.Services(ctx)
			return got, []api.Service{web}, link.CallServices, "null", err
		},
		"ServicesWithUsage": func() (any, any, string, string, error) {
			got, err := c.ServicesWithUsage(ctx)
			return got[0].Usage.Processes, 3, link.CallUsage, "null", err
		},
		"ChangeServices": func() (any, any, string, string, error) {
			got, err := c.ChangeServices(ctx, api.ServicesRequest{Action: api.ActionStop, Services: []string{"web"}, Wait: true})
			return got.Services[0].Changed, true, link.CallChange, `{"action":"stop","services":["web"],"wait":true}`, err
		},
		"WaitService": func() (any, any, string, string, error) {
			got, err := c.WaitService(ctx, "web/1 ?", api.WaitStopped)
			return got, []api.Service{web}, link.CallWait, `{"name":"web/1 ?","for":"stopped"}`, err
		},
		"Handlers": func() (any, any, string, string, error) {
			got, err := c.Handlers(ctx)
			return got.Startup, []api.Handler{{ID: "web"}}, link.CallHandlers, "null", err
		},
		"AddHandler": func() (any, any, string, string, error) {
			got, err := c.AddHandler(ctx, api.HandlerRequest{ID: "warm-up", Startup: []string{"true"}})
			return got.ID, "warm-up", link.CallAddHandler, `{"id":"warm-up","startup":["true"]}`, err
		},
		"RemoveHandler": func() (any, any, string, string, error) {
			return nil, nil, link.CallRemoveHandler, `"warm up"`, c.RemoveHandler(ctx, "warm up")
		},
		"AddCategory": func() (any, any, string, string, error) {
			return nil, nil, link.CallAddCategory, `{"name":"db","after":"system"}`, c.AddCategory(ctx, api.CategoryRequest{Name: "db", After: "system"})
		},
		"RemoveCategory": func() (any, any, string, string, error) {
			return nil, nil, link.CallRemoveCategory, `"db"`, c.RemoveCategory(ctx, "db")
		},
		"Hierarchy": func() (any, any, string, string, error) {
			got, err := c.Hierarchy(ctx)
			var state process.State
			_ = json.Unmarshal(got, &state)
			return state.Version, 1, link.CallHierarchy, "null", err
		},
		"Source": func() (any, any, string, string, error) {
			got, err := c.Source(ctx)
			return string(got.Manifest) + got.ManifestPath, "name: shop/srv/seance.yaml", link.CallManifest, "null", err
		},
		"Reload": func() (any, any, string, string, error) {
			got, err := c.Reload(ctx, api.ReloadRequest{Manifest: []byte("m"), ManifestPath: "/m", DryRun: true}, nil)
			return *got, api.ReloadResult{Unchanged: 2, Done: true}, link.CallReload, `{"manifest":"bQ==","manifest_path":"/m","dry_run":true}`, err
		},
		"Notices": func() (any, any, string, string, error) {
			var got []api.Notice
			err := c.Notices(ctx, 7, false, func(n api.Notice) error { got = append(got, n); return nil })
			return got, []api.Notice{{Seq: 8, Name: "web"}}, link.CallNotices, `{"after":7,"max":256}`, err
		},
		"Metrics": func() (any, any, string, string, error) {
			got, err := c.Metrics(ctx)
			_, bad := parse(got)
			return bad, nil, link.CallMetrics, "null", err
		},
		"Logs": func() (any, any, string, string, error) {
			var got []string
			err := c.Logs(ctx, api.LogQuery{Services: []string{"web"}, Tail: 1, Grep: "l.ne"}, func(l api.LogLine) error { got = append(got, l.Text); return nil })
			return got, []string{"line 2"}, "", "", err
		},
		"WatchHierarchy": func() (any, any, string, string, error) {
			var got []bool
			err := c.WatchHierarchy(ctx, time.Second, func(h api.HierarchyChange) error { got = append(got, h.Hierarchy != nil); return nil })
			return got, []bool{true}, "", "", err
		},
		"Snapshot": func() (any, any, string, string, error) {
			var told []string
			got, err := c.Snapshot(ctx, api.SnapshotRequest{Save: true, Ref: "shop:1"}, func(e api.Event) { told = append(told, e.Message) })
			return append(told, got.Saved.Ref), []string{"freezing", "shop:1"}, "", "", err
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, want, call, asked, err := try()
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%#v, %v; want %#v", got, err, want)
			}
			if call != "" && rec.asked(call) != asked {
				t.Errorf("init was asked %s with %s, want %s", call, rec.asked(call), asked)
			}
		})
		delete(forgotten, name)
	}
	for name := range forgotten {
		t.Errorf("no test of the client's method %s", name)
	}
}

// seen is the one process that runs this test.
func seen() ([]process.Observed, error) { return mirror.Below(procfs.New("/proc"), os.Getpid()) }

func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// logs is a folder with two lines of a service.
func logs(t *testing.T) string {
	t.Helper()
	set := logfile.NewSet(t.TempDir(), logfile.Options{})
	if err := set.Open(); err != nil {
		t.Fatal(err)
	}
	set.Log("web").Note("line 1")
	set.Log("web").Note("line 2")
	set.End()
	return set.Dir()
}

// snapshot answers as the monitor does.
func snapshot(w http.ResponseWriter, r *http.Request) {
	var req api.SnapshotRequest
	if err := serve.Body(r, &req); err != nil {
		serve.Refuse(w, serve.ErrorOf(err))
		return
	}
	send := serve.Stream[api.Event](w)
	send(api.Event{Type: api.EventStage, Message: "freezing"})
	send(api.Event{Type: api.EventResult, Snapshot: &api.SnapshotResult{Outcome: api.Continuing, Saved: &api.SavedInfo{Ref: req.Ref}}})
}
