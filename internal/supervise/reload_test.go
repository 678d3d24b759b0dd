package supervise_test

import (
	"errors"
	"fmt"
	"maps"
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

// reload reloads and sees that no step failed.
func (g *rig) reload(m *session.Manager, to manifest.Manifest) *supervise.Reload {
	g.t.Helper()
	r, err := g.Reload(limit(g.t), m, &to, false, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, s := range r.Steps {
		if s.Err != nil {
			g.t.Errorf("%s %s: %v", s.Action, s.Name, s.Err)
		}
	}
	if !r.Done {
		g.t.Error("it is not done")
	}
	return r
}

// stepsOf writes steps in short.
func stepsOf(r *supervise.Reload) (all []string) {
	for _, s := range r.Steps {
		text := s.Action + " " + s.Name
		if len(s.Keys) > 0 {
			text += " (" + strings.Join(s.Keys, ", ") + ")"
		}
		all = append(all, text)
	}
	return all
}

func sleeper(name string) manifest.Service { return service(name, "exec sleep 1000") }

// pids are those of the services that run.
func (g *rig) pids() map[string]int {
	all := map[string]int{}
	for _, s := range g.Status() {
		if s.PID != 0 {
			all[s.Name] = s.PID
		}
	}
	return all
}

func TestReloadTouchesOnlyWhatHasChanged(t *testing.T) {
	web, db, cache := sleeper("web"), sleeper("db"), sleeper("cache")
	db.Category, web.Needs = session.System, []string{"db"}
	g := newRig(t, services(web, db, cache))
	m := g.manager()
	boot(t, m)
	before := g.pids()

	web.Env = map[string]string{"COLOUR": "red"}
	db.Restart.Delay = time.Hour
	extra := sleeper("extra")
	extra.Category = session.Tools
	to := services(extra, web, db)
	plan, err := g.Reload(limit(t), m, &to, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"stop cache", "update db (restart)", "start extra", "restart web (env)"}
	if got := stepsOf(plan); !slices.Equal(got, want) || plan.Done {
		t.Errorf("the plan is %q, done %v, want %q", got, plan.Done, want)
	}
	if !maps.Equal(g.pids(), before) {
		t.Errorf("a dry run made %v of %v", g.pids(), before)
	}

	done := g.reload(m, to)
	if got := stepsOf(done); !slices.Equal(got, want) {
		t.Errorf("it did %q, want %q", got, want)
	}
	after := g.pids()
	if after["db"] != before["db"] || after["web"] == before["web"] || after["extra"] == 0 || len(after) != 3 {
		t.Errorf("it made %v of %v", after, before)
	}
	if !gone(before["cache"]) || !gone(before["web"]) {
		t.Error("what was to end lives")
	}
	if got, want := ids(m.StartupList()), []string{"db", "extra", "web"}; !slices.Equal(got, want) {
		t.Errorf("the start-up list is %q, want %q", got, want)
	}
	if err := g.Start(limit(t), "cache"); !errors.Is(err, supervise.ErrNotFound) {
		t.Errorf("what is gone can be started: %v", err)
	}
	if again := g.reload(m, to); len(again.Steps) != 0 || again.Unchanged != 3 {
		t.Errorf("the same again does %q, unchanged %d", stepsOf(again), again.Unchanged)
	}
	if g.Manifest().Services[0].Name != "extra" {
		t.Error("the manifest is the old one")
	}
}

// The lists after a reload are those of a fresh start, wherever things stood.
func TestListsAfterAReloadAreThoseOfAFreshStart(t *testing.T) {
	at := func(name, category string, priority int, needs ...string) manifest.Service {
		s := sleeper(name)
		s.Category, s.Priority, s.Needs = category, priority, needs
		return s
	}
	hook := func(name, category string) manifest.Hook {
		h := said(name, name)
		h.Category = category
		return h
	}
	from := services(at("a", "one", 1), at("b", "two", 1), at("c", session.User, 5), at("d", session.User, 5))
	from.Categories = []manifest.Category{{Name: "one", After: session.System}, {Name: "two", After: session.Tools}}
	from.Hooks = []manifest.Hook{hook("h", "one"), hook("i", session.User)}
	to := services(at("d", session.User, 5, "c"), at("b", "two", 1), at("e", "three", 7), at("c", session.User, 5))
	to.Categories = []manifest.Category{{Name: "two", After: session.System}, {Name: "three", After: "two"}}
	to.Hooks = []manifest.Hook{hook("i", "three")}

	g := newRig(t, from)
	m := g.manager()
	boot(t, m)
	if err := g.AddHook(m, said("live", "live")); err != nil {
		t.Fatal(err)
	}
	r := g.reload(m, to)
	want := []string{"stop h", "stop a", "start e", "update i (category)", "update d (needs)"}
	if got := stepsOf(r); !slices.Equal(got, want) {
		t.Errorf("it did %q, want %q", got, want)
	}
	fresh := newRigBeside(t, g, to).manager()
	got := slices.DeleteFunc(ids(m.StartupList()), func(id string) bool { return id == "live" })
	if want := ids(fresh.StartupList()); !slices.Equal(got, want) {
		t.Errorf("the start-up list is %q, fresh %q", got, want)
	}
	if !slices.Contains(ids(m.StartupList()), "live") {
		t.Error("the hook that was added is gone")
	}
	if got, want := categories(m), categories(fresh); !slices.Equal(got, want) {
		t.Errorf("the categories are %q, fresh %q", got, want)
	}
}

func categories(m *session.Manager) (names []string) {
	for _, c := range m.Categories() {
		names = append(names, c.Name())
	}
	return names
}

// newRigBeside is a supervisor of another manifest with the same reaper.
func newRigBeside(t *testing.T, g *rig, m manifest.Manifest) *rig {
	t.Helper()
	sup, err := supervise.New(supervise.Config{Manifest: &m, Reaper: g.reaper, Logs: g.logs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sup.Close)
	return &rig{t: t, Supervisor: sup}
}

func TestHooksOfAReload(t *testing.T) {
	man := services(sleeper("a"))
	man.Hooks = []manifest.Hook{said("old", "old"), said("kept", "before")}
	g := newRig(t, man)
	m := g.manager()
	boot(t, m)
	to := services(sleeper("a"))
	to.Hooks = []manifest.Hook{said("kept", "after"), said("new", "new")}
	g.reload(m, to)
	for name, want := range map[string][]string{
		"old":  {"stdout old booting=true", "stdout old quitting=true"},
		"kept": {"stdout before booting=true"}, // what is new counts from the next list on
		"new":  {"stdout new booting=true"},
	} {
		if got := g.output(name); !slices.Equal(got, want) {
			t.Errorf("hook %s wrote %q, want %q", name, got, want)
		}
	}
	snapshot(t, m, false, true)
	if got := g.output("kept"); !slices.Contains(got, "stdout after quitting=true") {
		t.Errorf("the changed hook wrote %q", got)
	}
}

// lastTold is what each handler was told last, at a start-up and a shut-down.
func lastTold(m *session.Manager) map[string]string {
	told := map[string]string{}
	for _, last := range m.LastRuns() {
		text := "-"
		if r := last.Startup; r != nil {
			text = fmt.Sprintf("booting=%v, %v", r.Booting, r.Err)
		}
		if r := last.Shutdown; r != nil {
			text += fmt.Sprintf("; quitting=%v, %v", r.Quitting, r.Err)
		}
		told[last.ID] = text
	}
	return told
}

func TestAReloadKeepsWhatHandlersDidLast(t *testing.T) {
	bad := service("bad", "exit 7")
	bad.Ready = &manifest.Ready{Log: "never", Timeout: patient}
	man := services(sleeper("same"), sleeper("web"), sleeper("old"), sleeper("turns"), bad)
	man.Hooks = []manifest.Hook{said("hook", "before"), said("other", "hello")}
	g := newRig(t, man)
	m := g.manager()
	if _, err := m.Boot(limit(t)); err == nil {
		t.Fatal("a service that fails is ready")
	}
	failed := lastTold(m)["bad"]
	if !strings.Contains(failed, "exit status 7") {
		t.Fatalf("the bad one did %q", failed)
	}
	web := sleeper("web")
	web.Env = map[string]string{"COLOUR": "red"}
	worse := bad
	worse.Name, worse.Ready = "worse", &manifest.Ready{Log: "nor this", Timeout: patient}
	to := services(sleeper("new"), web, sleeper("same"), bad, worse)
	to.Hooks = []manifest.Hook{said("other", "hello"), said("hook", "after"), said("turns", "a hook")}
	if _, err := g.Reload(limit(t), m, &to, false, nil); err != nil {
		t.Fatal(err)
	}
	const booted = "booting=true, <nil>"
	want := map[string]string{
		"same": booted, "hook": booted, "other": booted, "bad": failed, // as they were
		"new": booted, "turns": booted, "web": booted + "; quitting=true, <nil>", // as the reload has done
	}
	got := lastTold(m)
	if worse := got["worse"]; !strings.Contains(worse, "exit status 7") {
		t.Errorf("the one that the reload started in vain did %q", worse)
	}
	delete(got, "worse")
	if !maps.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// What changes its kind keeps its name.
func TestAServiceBecomesAHook(t *testing.T) {
	g := newRig(t, services(sleeper("x")))
	m := g.manager()
	boot(t, m)
	pid := g.pids()["x"]
	to := services(sleeper("y"))
	to.Hooks = []manifest.Hook{said("x", "hello")}
	r := g.reload(m, to)
	if got, want := stepsOf(r), []string{"stop x", "start x", "start y"}; !slices.Equal(got, want) {
		t.Errorf("it did %q, want %q", got, want)
	}
	if !gone(pid) {
		t.Error("the service lives")
	}
	if got, want := ids(m.StartupList()), []string{"x", "y"}; !slices.Equal(got, want) {
		t.Errorf("the start-up list is %q, want %q", got, want)
	}
	if s := g.status("x"); s.Kind != supervise.KindHook || s.State != supervise.Exited {
		t.Errorf("x is %+v", s)
	}
	g.reload(m, services(sleeper("x"), sleeper("y")))
	if s := g.status("x"); s.Kind != supervise.KindService || s.State != supervise.Running {
		t.Errorf("x is %+v", s)
	}
}

func TestAStoppedServiceStaysStopped(t *testing.T) {
	s := sleeper("s")
	g := newRig(t, services(s))
	m := g.manager()
	boot(t, m)
	g.stop("s")
	s.Env = map[string]string{"WORD": "new"}
	s.Command = []string{"/bin/sh", "-c", "echo $WORD; exec sleep 1000"}
	r := g.reload(m, services(s))
	if got, want := stepsOf(r), []string{"update s (command, env)"}; !slices.Equal(got, want) {
		t.Errorf("it did %q, want %q", got, want)
	}
	if st := g.status("s"); st.State != supervise.Stopped {
		t.Errorf("it is %s", st.State)
	}
	g.start("s")
	eventually(t, "it goes by what is new", func() bool { return contains(g.output("s"), "new") })
}

func TestDisabledInAReload(t *testing.T) {
	off := sleeper("off")
	off.Disabled = true
	g := newRig(t, services(sleeper("a")))
	m := g.manager()
	boot(t, m)
	r := g.reload(m, services(sleeper("a"), off))
	if got, want := stepsOf(r), []string{"update off (disabled)"}; !slices.Equal(got, want) {
		t.Errorf("it did %q, want %q", got, want)
	}
	if st := g.status("off"); st.PID != 0 {
		t.Errorf("it is %s", st.State)
	}
	r = g.reload(m, services(sleeper("a"), sleeper("off")))
	if got, want := stepsOf(r), []string{"start off (disabled)"}; !slices.Equal(got, want) {
		t.Errorf("it did %q, want %q", got, want)
	}
	if st := g.status("off"); st.State != supervise.Running {
		t.Errorf("it is %s", st.State)
	}
}

// A step that fails leaves the others done, and the next reload goes on.
func TestAReloadThatFailsInPart(t *testing.T) {
	good, bad := sleeper("good"), sleeper("bad")
	g := newRig(t, services(good, bad))
	m := g.manager()
	boot(t, m)
	bad.Command = []string{"/does/not/exist"}
	good.Env = map[string]string{"A": "B"}
	to := services(good, bad, sleeper("new"))
	r, err := g.Reload(limit(t), m, &to, false, nil)
	if err != nil || !r.Done {
		t.Fatalf("done %v, error %v", r.Done, err)
	}
	for _, s := range r.Steps {
		if failed := s.Err != nil; failed != (s.Name == "bad") {
			t.Errorf("%s %s: %v", s.Action, s.Name, s.Err)
		}
	}
	if st := g.status("bad"); st.State != supervise.Failed || !strings.Contains(fmt.Sprint(st.Err), "/does/not/exist") {
		t.Errorf("bad is %+v", st)
	}
	if st := g.status("new"); st.State != supervise.Running {
		t.Errorf("new is %+v", st)
	}
	bad.Command = []string{"/bin/sleep", "1000"}
	r = g.reload(m, services(good, bad, sleeper("new")))
	if got, want := stepsOf(r), []string{"restart bad (command)"}; !slices.Equal(got, want) {
		t.Errorf("it did %q, want %q", got, want)
	}
	if st := g.status("bad"); st.State != supervise.Running {
		t.Errorf("bad is %+v", st)
	}
}

func TestStepsOfAReloadAreInOrder(t *testing.T) {
	log := filepath.Join(t.TempDir(), "order")
	at := func(name, category string, needs ...string) manifest.Service {
		s := service(name, `trap 'echo -`+name+` >> `+log+`; exit' TERM; echo +`+name+` >> `+log+`; echo up; while :; do sleep 0.01; done`)
		s.Category, s.Needs = category, needs
		s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
		return s
	}
	list := []manifest.Service{at("web", "user", "api"), at("api", "user"), at("db", "system"), at("net", "network")}
	g := newRig(t, services(list...))
	m := g.manager()
	boot(t, m)
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i].Env = map[string]string{"NEW": "yes"}
	}
	var told []string
	to := services(list...)
	if _, err := g.Reload(limit(t), m, &to, false, func(text string) { told = append(told, text) }); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"-web", "-api", "-net", "-db", "+db", "+net", "+api", "+web"}
	if got := strings.Fields(string(text)); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(told) != 8 || told[0] != `stopping service "web"` || told[7] != `starting service "web"` {
		t.Errorf("it told %q", told)
	}
}
