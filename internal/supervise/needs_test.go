package supervise_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// chain makes services of one rank that write their names to a file when they
// start and when they end, each with those it needs.
func chain(file string, needs map[string][]string, order ...string) manifest.Manifest {
	man := services()
	for _, name := range order {
		s := service(name, `trap 'sleep 0.05; echo -`+name+` >> `+file+`; exit' TERM; echo +`+name+` >> `+file+`; sleep 0.05; echo up; while :; do sleep 0.01; done`)
		s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
		s.Needs = needs[name]
		man.Services = append(man.Services, s)
	}
	return man
}

func written(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// before tests that a stands before b.
func before(t *testing.T, lines []string, a, b string) {
	t.Helper()
	i, j := slices.Index(lines, a), slices.Index(lines, b)
	if i < 0 || j < 0 || i > j {
		t.Errorf("%s is not before %s: %q", a, b, lines)
	}
}

// TestNeedsOrderARank has the manager call all handlers of a rank at once, or
// one after the other.
func TestNeedsOrderARank(t *testing.T) {
	needs := map[string][]string{"web": {"cache", "api"}, "api": {"db"}, "cache": {"db"}}
	for name, opts := range map[string][]session.Option{"at once": {session.WithConcurrency()}, "one by one": nil} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "order")
			g := newRig(t, chain(file, needs, "db", "cache", "api", "web"))
			m := session.New(opts...)
			if err := g.Register(m); err != nil {
				t.Fatal(err)
			}
			boot(t, m)
			snapshot(t, m, false, true)
			lines := written(t, file)
			if len(lines) != 8 {
				t.Errorf("%q", lines)
			}
			for a, list := range needs {
				for _, b := range list {
					before(t, lines, "+"+b, "+"+a)
					before(t, lines, "-"+a, "-"+b)
				}
			}
		})
	}
}

func handlerErrors(r *session.Result) map[string]string {
	errs := map[string]string{}
	for _, h := range r.Handlers {
		if h.Err != nil {
			errs[h.ID] = h.Err.Error()
		}
	}
	return errs
}

// A service that is stopped while it waits for another says so of itself.
func TestStopOfOneThatWaitsForItsNeeds(t *testing.T) {
	db := service("db", "exec sleep 600")
	db.Ready = &manifest.Ready{Log: "never", Timeout: patient}
	web := service("web", "exec sleep 600")
	web.Needs = []string{"db"}
	g := newRig(t, services(db, web))
	booted := make(chan *session.Result)
	go func() {
		result, _ := g.manager().Boot(limit(t))
		booted <- result
	}()
	eventually(t, "both start", func() bool { return g.status("db").PID != 0 && g.Efforts("web") > 0 && g.Waiting("db") == 2 })
	g.stop("web")
	g.stop("db")
	errs := handlerErrors(<-booted)
	if want := `cannot start service "web": it was stopped meanwhile`; errs["web"] != want {
		t.Errorf("web: %q, want %q", errs["web"], want)
	}
	if want := `cannot start service "db": it was stopped meanwhile, before it was ready`; errs["db"] != want {
		t.Errorf("db: %q, want %q", errs["db"], want)
	}
}

func TestNeededServiceFails(t *testing.T) {
	db := service("db", "echo no disk; exit 3")
	db.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	db.Restart.Policy = manifest.RestartNo
	api, web := service("api", "exec sleep 600"), service("web", "exec sleep 600")
	api.Needs, web.Needs = []string{"db"}, []string{"api"}
	g := newRig(t, services(db, api, web, service("other", "exec sleep 600")))
	result, _ := g.manager().Boot(limit(t))
	errs := handlerErrors(result)
	for id, want := range map[string]string{
		"db":  "cannot start service \"db\": it ended before it was ready (exit status 3); its last lines:\n  | no disk",
		"api": `cannot start service "api": it needs "db", which failed: it ended before it was ready (exit status 3)`,
		"web": `cannot start service "web": it needs "api", which failed: it needs "db", which failed: it ended before it was ready (exit status 3)`,
	} {
		if errs[id] != want {
			t.Errorf("%s: %q, want %q", id, errs[id], want)
		}
		if s := g.status(id); s.State != supervise.Failed || id != "db" && s.Instance != 0 || s.Instance > 1 {
			t.Errorf("%+v", s)
		}
	}
	if s := g.status("other"); s.State != supervise.Running {
		t.Errorf("%+v", s)
	}
}

func TestNeededServiceIsDisabled(t *testing.T) {
	db, web := service("db", "exec sleep 600"), service("web", "exec sleep 600")
	db.Disabled, web.Needs = true, []string{"db"}
	g := newRig(t, services(db, web))
	result, _ := g.manager().Boot(limit(t))
	if got := handlerErrors(result)["web"]; got != `cannot start service "web": it needs "db", which is disabled; start both with: seance start web` {
		t.Errorf("%q", got)
	}
	if s := g.status("db"); s.State != supervise.Pending {
		t.Errorf("what is disabled was started: %+v", s)
	}
	g.start("web") // and what it needs
	if a, b := g.status("db"), g.status("web"); a.State != supervise.Running || b.State != supervise.Running {
		t.Errorf("%+v, %+v", a, b)
	}
}

// TestDisabledServiceComesBack has one that was started by hand.
func TestDisabledServiceComesBack(t *testing.T) {
	db := service("db", "exec sleep 600")
	db.Disabled = true
	g := newRig(t, services(db))
	m := g.manager(session.WithFreezer(&freezer{booting: true}))
	boot(t, m)
	g.start("db")
	snapshot(t, m, true, true)
	if s := g.status("db"); s.State != supervise.Running || s.Instance != 2 {
		t.Errorf("%+v", s)
	}
}

// TestNeedsWhenAStartUpIsCalledOff ends the start-up while a service waits for
// one that never gets ready.
func TestNeedsWhenAStartUpIsCalledOff(t *testing.T) {
	db, web := service("db", "exec sleep 600"), service("web", "exec sleep 600")
	db.Ready = &manifest.Ready{Log: "never", Timeout: time.Hour}
	web.Needs = []string{"db"}
	for name, opts := range map[string][]session.Option{"at once": {session.WithConcurrency()}, "one by one": nil} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, services(db, web))
			m := session.New(opts...)
			if err := g.Register(m); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(limit(t))
			go func() {
				eventually(t, "db starts", func() bool { return g.status("db").PID != 0 })
				cancel()
			}()
			if result, err := m.Boot(ctx); err == nil || result.Running {
				t.Errorf("it came up: %+v, %v", result, err)
			}
			for _, s := range g.Status() {
				if s.PID != 0 || s.Name == "web" && s.Instance != 0 {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

// TestStopOfOneThatWaitsForANeed stops it before the other is ready: it is not
// started when that is.
func TestStopOfOneThatWaitsForANeed(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	db, web := service("db", "until [ -e "+gate+" ]; do sleep 0.01; done; echo up; exec sleep 600"), service("web", "exec sleep 600")
	db.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	web.Needs = []string{"db"}
	g := newRig(t, services(db, web))
	m := g.manager()
	booted := make(chan map[string]string)
	go func() {
		result, _ := m.Boot(limit(t))
		booted <- handlerErrors(result)
	}()
	eventually(t, "db starts", func() bool { return g.status("db").PID != 0 })
	g.stop("web")
	writeFile(gate, "")
	errs := <-booted
	if s := g.status("web"); s.State != supervise.Stopped || s.Instance != 0 {
		t.Errorf("%+v", s)
	}
	if s := g.status("db"); s.State != supervise.Ready {
		t.Errorf("%+v", s)
	}
	if errs["web"] == "" || errs["db"] != "" {
		t.Errorf("%q", errs)
	}
}

// TestNeedsAfterAColdSave has what was stopped by the user stay so, and what
// needs it run without, as before.
func TestNeedsAfterAColdSave(t *testing.T) {
	db, web := service("db", "exec sleep 600"), service("web", "exec sleep 600")
	web.Needs = []string{"db"}
	g := newRig(t, services(db, web))
	m := g.manager(session.WithFreezer(&freezer{booting: true}))
	boot(t, m)
	g.stop("db")
	snapshot(t, m, true, true)
	if a, b := g.status("db"), g.status("web"); a.State != supervise.Stopped || b.State != supervise.Running || b.Instance != 2 {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestLimitOfRestarts(t *testing.T) {
	s := service("db", "exit 3")
	s.Restart.Delay, s.Restart.Limit, s.Restart.Within = time.Millisecond, 3, time.Hour
	g := newRig(t, services(s))
	g.start("db")
	eventually(t, "it has failed", func() bool { return g.status("db").State == supervise.Failed })
	after := g.status("db")
	var limit *supervise.LimitError
	if !errors.As(after.Err, &limit) || after.Err.Error() != "it was started again 3 times within 1h0m0s and has ended once more: exit status 3" || after.Instance != 4 {
		t.Errorf("%+v", after)
	}
	g.start("db") // begins afresh
	eventually(t, "it has failed again", func() bool { return g.status("db").State == supervise.Failed && g.status("db").Instance == 8 })
}
