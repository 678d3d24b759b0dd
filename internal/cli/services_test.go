package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seancehq/seance/api"
)

// changed answers a request for a change of services, and keeps it.
func changed(asked *api.ServicesRequest, services ...api.ServiceChange) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(asked)
		answer(api.ServicesResult{Services: services})(w, r)
	}
}

func TestChangeServices(t *testing.T) {
	for args, tc := range map[string]struct {
		asked  api.ServicesRequest
		result []api.ServiceChange
		want   printed
	}{
		"start --wait db web job": {
			api.ServicesRequest{Action: api.ActionStart, Services: []string{"db", "web", "job"}, Wait: true},
			[]api.ServiceChange{{Name: "db", State: "running"}, {Name: "web", State: "ready", Changed: true}, {Name: "job", State: "exited", Changed: true}},
			printed{exitOK, "db was running already\nweb has started and is ready\njob has run to its end\n", ""}},
		"start db web": {
			api.ServicesRequest{Action: api.ActionStart, Services: []string{"db", "web"}},
			[]api.ServiceChange{{Name: "db", State: "starting", Changed: true}, {Name: "web", State: "starting"}},
			printed{exitOK, "db is starting\nweb was starting already\n", ""}},
		"stop -w db web": {
			api.ServicesRequest{Action: api.ActionStop, Services: []string{"db", "web"}, Wait: true},
			[]api.ServiceChange{{Name: "db", State: "stopped", Changed: true, Survivors: []string{"12 (agent)", "13 (agent)"}}, {Name: "web", State: "failed"}},
			printed{exitOK, "db has stopped\nweb was not running\n", "seance: db is detached, and lives on in: 12 (agent), 13 (agent)\n"}},
		"stop db": {
			api.ServicesRequest{Action: api.ActionStop, Services: []string{"db"}},
			[]api.ServiceChange{{Name: "db", State: "stopping", Changed: true}},
			printed{exitOK, "db is stopping\n", ""}},
		"restart db": {
			api.ServicesRequest{Action: api.ActionRestart, Services: []string{"db"}},
			[]api.ServiceChange{{Name: "db", State: "starting", Changed: true}},
			printed{exitOK, "db is restarting\n", ""}},
		"-q stop db": {
			api.ServicesRequest{Action: api.ActionStop, Services: []string{"db"}},
			[]api.ServiceChange{{Name: "db", State: "stopped", Changed: true}},
			printed{exitOK, "", ""}},
		"restart --wait db web mail": {
			api.ServicesRequest{Action: api.ActionRestart, Services: []string{"db", "web", "mail"}, Wait: true},
			[]api.ServiceChange{{Name: "db", State: "failed", Changed: true, Error: "cannot start service \"db\": exit status 1; its last lines:\n  | oh"},
				{Name: "web", State: "running", Changed: true}, {Name: "mail", State: "failed", Error: "cannot start service \"mail\": no such program"}},
			printed{exitFailed, "web has restarted and is ready\n", "seance: cannot start service \"db\": exit status 1; its last lines:\n  | oh\nseance: cannot start service \"mail\": no such program\n"}},
	} {
		t.Run(args, func(t *testing.T) {
			p := newPlace(t)
			var asked api.ServicesRequest
			p.serve("shop", with(shop("shop"), "POST /v1/services", changed(&asked, tc.result...)))
			p.run(strings.Fields(args)...).want(t, tc.want.status, tc.want.stdout, tc.want.stderr)
			if !reflect.DeepEqual(asked, tc.asked) {
				t.Errorf("asked for %+v, want %+v", asked, tc.asked)
			}
		})
	}
}

func TestChangeServicesJSON(t *testing.T) {
	p := newPlace(t)
	one := api.ServiceChange{Name: "db", State: "failed", Error: "cannot start service \"mail\": no such program"}
	p.serve("shop", with(shop("shop"), "POST /v1/services", changed(new(api.ServicesRequest), one)))
	got := p.run("start", "db", "--json")
	var result api.ServicesResult
	if err := json.Unmarshal([]byte(got.stdout), &result); err != nil || len(result.Services) != 1 || !reflect.DeepEqual(result.Services[0], one) {
		t.Errorf("got %s (%v)", got.stdout, err)
	}
	if got.status != exitFailed || got.stderr != "seance: cannot start service \"mail\": no such program\n" {
		t.Errorf("status %d, %s", got.status, got.stderr)
	}
}

func TestChangeOfUnknownService(t *testing.T) {
	p := newPlace(t)
	p.serve("shop", with(shop("shop"), "POST /v1/services", refuse(404, api.Error{Code: api.CodeNotFound, Message: "no such service: wbe"})))
	p.run("stop", "wbe").want(t, exitNotFound, "", "seance: no such service: wbe\n")
}

// hang answers nothing until the one who asks has gone.
func hang(_ http.ResponseWriter, r *http.Request) {
	_ = json.NewDecoder(r.Body).Decode(new(any))
	<-r.Context().Done()
}

func TestChangeThatIsNotDoneInTime(t *testing.T) {
	p := newPlace(t)
	p.serve("shop", with(shop("shop"), "POST /v1/services", hang))
	p.run("stop", "--wait", "--timeout", "50ms", "db").want(t, exitTimeout, "",
		"seance: not done after 50ms; what shop was asked to do goes on in the background\n")
}

func TestInterruptedChange(t *testing.T) {
	p := newPlace(t)
	ctx, cancel := context.WithCancel(t.Context())
	p.serve("shop", with(shop("shop"), "POST /v1/services", func(w http.ResponseWriter, r *http.Request) {
		cancel()
		hang(w, r)
	}))
	p.runContext(ctx, "stop", "--wait", "db").want(t, exitInterrupted, "",
		"seance: interrupted; what shop was asked to do goes on in the background\n")
}

func TestWait(t *testing.T) {
	p := newPlace(t)
	var mu sync.Mutex // for what is waited for at the same time
	var asked []string
	routes := with(shop("shop"), "GET /v1/services/{name}/wait", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.PathValue("name")+" "+r.URL.Query().Get("for"))
		mu.Unlock()
		if r.PathValue("name") == "bad" {
			refuse(500, api.Error{Code: api.CodeCannot, Message: "service \"bad\" has failed: exit status 1"})(w, r)
			return
		}
		answer([]api.Service{{Name: r.PathValue("name"), State: "ready"}})(w, r)
	})
	p.serve("shop", routes)
	p.run("wait", "db").want(t, exitOK, "", "")
	p.run("wait", "db", "--stopped").want(t, exitOK, "", "")
	p.run("wait", "--ready", "bad", "--timeout", "1m").want(t, exitFailed, "", "seance: service \"bad\" has failed: exit status 1\n")
	if want := []string{"db ready", "db stopped", "bad ready"}; !reflect.DeepEqual(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
	var got []api.Service
	out := p.run("wait", "db", "web", "--json")
	if err := json.Unmarshal([]byte(out.stdout), &got); err != nil || len(got) != 2 || got[0].Name != "db" || got[1].Name != "web" {
		t.Errorf("got %s (%v)", out.stdout, err)
	}
}

// Of several, the first that fails ends the wait for all.
func TestWaitEndsWithTheFirstFailure(t *testing.T) {
	p := newPlace(t)
	p.serve("shop", with(shop("shop"), "GET /v1/services/{name}/wait", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("name") == "slow" {
			hang(w, r)
			return
		}
		refuse(500, api.Error{Code: api.CodeCannot, Message: "service \"bad\" has failed"})(w, r)
	}))
	p.run("wait", "slow", "bad").want(t, exitFailed, "", "seance: service \"bad\" has failed\n")
}

func TestWaitInVain(t *testing.T) {
	p := newPlace(t)
	routes := with(shop("shop"), "GET /v1/services/{name}/wait", hang)
	routes["GET /v1/services"] = answer([]api.Service{{Name: "web-1", Of: "web", State: "starting"}, {Name: "web-2", Of: "web", State: "running", Ready: true}, {Name: "db", State: "failed"}})
	p.serve("shop", routes)
	p.run("wait", "web", "--timeout", "50ms").want(t, exitTimeout, "", "seance: not ready after 50ms; web-1 is starting; web-2 is ready\n")
}

// A monitor that is lost meanwhile is no answer. When the image has quit, all of
// its services have stopped, and none will get ready.
func TestWaitForWhatQuits(t *testing.T) {
	for what, want := range map[string]printed{
		"--stopped": {exitOK, "", ""},
		"--ready":   {exitNotFound, "", "seance: shop is no longer alive\n"},
	} {
		p := newPlace(t)
		var live api.Live
		live = p.serve("shop", with(shop("shop"), "GET /v1/services/{name}/wait", func(w http.ResponseWriter, r *http.Request) {
			forget(t, live)
			panic(http.ErrAbortHandler)
		}))
		p.run("wait", "db", what).want(t, want.status, want.stdout, want.stderr)
	}
}

func TestMetrics(t *testing.T) {
	const text = "# TYPE seance_services gauge\nseance_services 3\n"
	p := newPlace(t)
	p.serve("shop", with(shop("shop"), "GET /metrics", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
	p.run("metrics").want(t, exitOK, text, "")
}

func TestParseMoment(t *testing.T) {
	zone := time.FixedZone("there", 2*60*60)
	now := time.Date(2026, 3, 4, 15, 16, 17, 0, zone)
	for s, want := range map[string]time.Time{
		"10m":                       now.Add(-10 * time.Minute),
		"1h30m":                     now.Add(-90 * time.Minute),
		"2026-01-31T15:04:05Z":      time.Date(2026, 1, 31, 15, 4, 5, 0, time.UTC),
		"2026-01-31T15:04:05.5Z":    time.Date(2026, 1, 31, 15, 4, 5, 500_000_000, time.UTC),
		"2026-01-31T15:04:05+02:00": time.Date(2026, 1, 31, 15, 4, 5, 0, zone),
		"2026-01-31 15:04:05":       time.Date(2026, 1, 31, 15, 4, 5, 0, zone),
		"2026-01-31 15:04":          time.Date(2026, 1, 31, 15, 4, 0, 0, zone),
		"2026-01-31":                time.Date(2026, 1, 31, 0, 0, 0, 0, zone),
		"12:30":                     time.Date(2026, 3, 4, 12, 30, 0, 0, zone),
		"12:30:45":                  time.Date(2026, 3, 4, 12, 30, 45, 0, zone),
	} {
		if got, err := parseMoment(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v (%v), want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "soon", "-10m", "10", "2026-13-01", "25:00"} {
		if got, err := parseMoment(s, now); err == nil {
			t.Errorf("%q is %v, want an error", s, got)
		}
	}
}
