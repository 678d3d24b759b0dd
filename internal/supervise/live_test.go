package supervise_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// said is a hook that says what it is told.
func said(name, word string) manifest.Hook {
	return manifest.Hook{
		Name: name, Category: session.Tools, Priority: 7, Timeout: time.Minute,
		Startup:  []string{"/bin/sh", "-c", "echo " + word + " booting=$SEANCE_BOOTING"},
		Shutdown: []string{"/bin/sh", "-c", "echo " + word + " quitting=$SEANCE_QUITTING"},
	}
}

func ids(list []session.Entry) (all []string) {
	for _, e := range list {
		all = append(all, e.ID)
	}
	return all
}

func TestAHookAddedLaterBehavesAsOneOfTheManifest(t *testing.T) {
	g := newRig(t, services(service("db", "sleep 1000")))
	m := g.manager()
	if _, err := m.Boot(limit(t)); err != nil {
		t.Fatal(err)
	}
	if err := g.AddHook(m, said("greet", "hello")); err != nil {
		t.Fatal(err)
	}
	if got, want := ids(m.StartupList()), []string{"greet", "db"}; !slices.Equal(got, want) {
		t.Errorf("the start-up list is %q, want %q: by category", got, want)
	}
	if out := g.output("greet"); len(out) > 0 {
		t.Errorf("adding it ran it: %q", out)
	}
	if _, err := m.Snapshot(limit(t), false, true); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Boot(limit(t)); err != nil {
		t.Fatal(err)
	}
	want := []string{"stdout hello quitting=true", "stdout hello booting=true"}
	if got := g.output("greet"); !slices.Equal(got, want) {
		t.Errorf("it wrote %q, want %q", got, want)
	}
	if s := g.status("greet"); s.Kind != supervise.KindHook || s.Instance != 2 || s.Category != session.Tools {
		t.Errorf("its status is %+v", s)
	}
}

func TestAddingAHookAgainReplacesIt(t *testing.T) {
	m0 := services(service("db", "sleep 1000"))
	m0.Hooks = []manifest.Hook{said("greet", "old")}
	g := newRig(t, m0)
	m := g.manager()
	again := said("greet", "new")
	again.Category = session.User
	if err := g.AddHook(m, again); err != nil {
		t.Fatal(err)
	}
	if got, want := ids(m.StartupList()), []string{"greet", "db"}; !slices.Equal(got, want) {
		t.Errorf("the start-up list is %q, want %q", got, want)
	}
	if _, err := m.Boot(limit(t)); err != nil {
		t.Fatal(err)
	}
	if got, want := g.output("greet"), []string{"stdout new booting=true"}; !slices.Equal(got, want) {
		t.Errorf("it wrote %q, want %q", got, want)
	}
	if s := g.status("greet"); s.Category != session.User {
		t.Errorf("its category is %q", s.Category)
	}
}

func TestAHookThatIsRemovedIsNotRun(t *testing.T) {
	m0 := services(service("db", "sleep 1000"))
	m0.Hooks = []manifest.Hook{said("greet", "hello")}
	g := newRig(t, m0)
	m := g.manager()
	if err := g.RemoveHook(m, "greet"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Boot(limit(t)); err != nil {
		t.Fatal(err)
	}
	if out := g.output("greet"); len(out) > 0 {
		t.Errorf("it was run: %q", out)
	}
	if n := len(g.Status()); n != 1 {
		t.Errorf("%d statuses, want that of the service alone", n)
	}
	if err := g.RemoveHook(m, "greet"); !errors.Is(err, supervise.ErrNoHook) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestWhatAHookMayNotBe(t *testing.T) {
	g := newRig(t, services(service("db", "sleep 1000")))
	m := g.manager()
	if err := g.AddHook(m, said("db", "x")); !errors.Is(err, supervise.ErrService) {
		t.Errorf("a service's name: %v", err)
	}
	if err := g.RemoveHook(m, "db"); !errors.Is(err, supervise.ErrService) {
		t.Errorf("a service removed: %v", err)
	}
	nowhere := said("greet", "x")
	nowhere.Category = "nowhere"
	if err := g.AddHook(m, nowhere); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("an unknown category: %v", err)
	}
	if got, want := ids(m.StartupList()), []string{"db"}; !slices.Equal(got, want) || len(g.Status()) != 1 {
		t.Errorf("the start-up list is %q, want %q, and the status of it", got, want)
	}
}

// What a removed hook left in the background writes on; Close waits for it, or
// goleak finds who reads it.
func TestARemovedHooksProgramsLiveOn(t *testing.T) {
	m0 := services(service("db", "sleep 1000"))
	h := said("greet", "x")
	h.Startup = []string{"/bin/sh", "-c", "(while sleep 0.01; do echo on; done) & exit 0"}
	m0.Hooks = []manifest.Hook{h}
	g := newRig(t, m0)
	m := g.manager()
	if _, err := m.Boot(limit(t)); err != nil {
		t.Fatal(err)
	}
	if err := g.RemoveHook(m, "greet"); err != nil {
		t.Fatal(err)
	}
	before := len(g.output("greet"))
	eventually(t, "it goes on writing", func() bool { return len(g.output("greet")) > before })
}
