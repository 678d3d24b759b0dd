package cli

import (
	"net/http"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/seancehq/seance/api"
)

// forget removes a live image's record, as its monitor does when it has quit.
func forget(t *testing.T, live api.Live) {
	if err := os.Remove(live.Record()); err != nil {
		t.Error(err)
	}
}

func notice(seq uint64, kind, name, state string) api.Notice {
	return api.Notice{Seq: seq, Time: time.Date(2026, 1, 2, 3, 4, int(seq), 0, time.Local), Kind: kind, Name: name, State: state}
}

func someNotices() []any {
	ready, again, failed := notice(2, "service", "web-1", "running"), notice(4, "service", "web-1", "starting"), notice(5, "service", "counter", "failed")
	ready.Ready, ready.PID, ready.Instance = true, 23, 1
	again.PID, again.Instance = 24, 2
	failed.Message = "exit status 1; its last lines:\n  | oh"
	return []any{notice(1, "hook", "warm-up", "exited"), ready, notice(3, "image", "shop", "saving"), again, failed}
}

func eventRoutes(h http.HandlerFunc) map[string]http.HandlerFunc {
	routes := with(shop("shop"), "GET /v1/events", h)
	routes["GET /v1/handlers"] = answer(api.Handlers{Startup: []api.Handler{{ID: "logs", Kind: "seance"}, {ID: "web-1", Kind: "service"},
		{ID: "counter", Kind: "service"}, {ID: "warm-up", Kind: "hook"}}})
	return routes
}

func TestEvents(t *testing.T) {
	p := newPlace(t)
	var query string
	p.serve("shop", eventRoutes(func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.Query().Encode()
		answer(someNotices()...)(w, r)
	}))
	at := func(second int) string { return time.Date(2026, 1, 2, 3, 4, second, 0, time.Local).Format(logTime) }
	hook, first := at(1)+"  hook     warm-up  exited\n", at(2)+"  service  web-1    ready     pid 23\n"
	image, second := at(3)+"  image    shop     saving\n", at(4)+"  service  web-1    starting  instance 2, pid 24\n"
	last := at(5) + "  service  counter  failed    exit status 1\n"
	p.run("events").want(t, exitOK, hook+first+image+second+last, "")
	if want := "after=0&follow=false"; query != want {
		t.Errorf("asked for %s, want %s", query, want)
	}
	p.run("events", "--since", "2026-01-02 03:04:04").want(t, exitOK, second+last, "")
	p.run("events", "warm-up", "counter").want(t, exitOK, hook+last, "")
	p.run("events", "logs").want(t, exitNotFound, "", "seance: no such service or hook: logs\n")

	// A name that has replicas means all of them.
	got := p.run("events", "web", "--json")
	if want := `"name":"web-1","state":"running","ready":true,"instance":1,"pid":23}` + "\n"; got.status != exitOK || !containsLine(got.stdout, want) {
		t.Errorf("status %d, %s%s, want a line that ends with %s", got.status, got.stdout, got.stderr, want)
	}
}

// Who follows events goes on when the monitor that tells them is lost, with what
// it has not seen; and ends with the image.
func TestEventsFollowedAcrossMonitors(t *testing.T) {
	p := newPlace(t)
	var after []string
	var live api.Live
	live = p.serve("shop", eventRoutes(func(w http.ResponseWriter, r *http.Request) {
		after = append(after, r.URL.Query().Get("after"))
		if len(after) == 1 {
			answer(someNotices()[:2]...)(w, r)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		answer(someNotices()[2:]...)(w, r)
		forget(t, live)
	}))
	got := p.run("events", "-f", "--json")
	if want := []string{"0", "2"}; !reflect.DeepEqual(after, want) {
		t.Errorf("asked for what is after %q, want %q", after, want)
	}
	if n := len(linesOf(got.stdout)); n != 5 || got.status != exitOK || got.stderr != "seance: shop is no longer alive\n" {
		t.Errorf("status %d, %d lines, want 5:\n%s%s", got.status, n, got.stdout, got.stderr)
	}
}

func TestNamed(t *testing.T) {
	for service, want := range map[string]bool{"web": true, "web-1": true, "web-12": true, "web-x": false, "web-": false, "db-1": false, "web-1-1": false} {
		if got := named([]string{"web"}, service); got != want {
			t.Errorf("%s is one of web: %v, want %v", service, got, want)
		}
	}
}
