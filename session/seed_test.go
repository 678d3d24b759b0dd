package session_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/seancehq/seance/session"
	"github.com/seancehq/seance/session/sessiontest"
)

// The tests of this file follow the class comment of Pharo's SessionManager, sentence by sentence.

func TestANewSessionBeginsWhenAnImageIsBooted(t *testing.T) {
	m := session.New()
	if m.Current() != nil || m.Running() {
		t.Error("there is a session before the first boot")
	}
	res := boot(t, m)
	s := m.Current()
	if s == nil || !m.Running() || s.Stale() {
		t.Fatal("no session runs after the boot")
	}
	if !res.Booting || res.Session != s.ID() || s.ID() == "" {
		t.Errorf("result is %+v, the session %v", res, s)
	}
}

func TestASessionEndsWhenTheImageQuits(t *testing.T) {
	m := session.New()
	boot(t, m)
	s := m.Current()
	res, err := m.Snapshot(t.Context(), false, true)
	if err != nil || res.Outcome() != "quit" || res.Running {
		t.Fatalf("quit: %+v, %v", res, err)
	}
	if !s.Stale() || m.Running() || !errors.Is(context.Cause(s.Context()), session.ErrStale) {
		t.Error("the session has not ended")
	}
}

func TestThereIsOnlyOneActiveSessionAtATime(t *testing.T) {
	sessiontest.Run(func(c *sessiontest.Copy) {
		m := session.New(session.WithFreezer(c), session.WithSessionID(c.SessionID))
		boot(t, m)
		if _, err := m.Boot(t.Context()); !errors.Is(err, session.ErrRunning) {
			t.Errorf("second boot: %v, want ErrRunning", err)
		}
	})
}

func TestSavingShutsDownForAMomentAndTheSessionResumes(t *testing.T) {
	var d diary
	c := sessiontest.Run(func(c *sessiontest.Copy) {
		m := session.New(session.WithFreezer(c))
		register(t, m, d.handler("db"))
		register(t, m, d.handler("web"))
		boot(t, m)
		d.take()
		before := m.Current()
		c.OnThaw(func(bool) { d.add("frozen") })
		res, err := m.Snapshot(t.Context(), true, false)
		if err != nil || !res.Saved || res.Booting || res.Outcome() != "continuing" {
			t.Errorf("save: %+v, %v", res, err)
		}
		if m.Current() != before || before.Stale() {
			t.Error("the session did not go on")
		}
	})
	d.check(t, "shutdown web false", "shutdown db false", "frozen", "startup db false", "startup web false")
	if len(c.Images()) != 1 || c.HasQuit() {
		t.Errorf("%d images, quit: %v", len(c.Images()), c.HasQuit())
	}
}

func TestABootedImageGoesOnAtTheSnapshotInANewSession(t *testing.T) {
	var d diary
	var old, current []string
	first := sessiontest.Run(func(c *sessiontest.Copy) {
		m := session.New(session.WithFreezer(c), session.WithSessionID(c.SessionID))
		register(t, m, d.handler("db"))
		boot(t, m)
		before := m.Current()
		kept := 1 // memory that the image must still have
		d.take()
		res, err := m.Snapshot(t.Context(), true, true)
		d.add("%s %d", res.Outcome(), kept)
		if err != nil {
			t.Error(err)
		}
		if !before.Stale() {
			t.Error("the session from before goes on")
		}
		old, current = append(old, before.ID()), append(current, m.Current().ID())
	})
	d.check(t, "shutdown db true", "quit 1")
	if !first.HasQuit() {
		t.Error("the first copy was not told to quit")
	}
	for range 2 { // one image, two futures
		c, err := first.Images()[0].Boot()
		if err != nil {
			t.Fatal(err)
		}
		d.check(t, "shutdown db true", "startup db true", "booting 1")
		if c.HasQuit() {
			t.Error("a booted copy was told to quit")
		}
	}
	if old[0] != old[1] || old[1] != old[2] {
		t.Errorf("the session before the save has the identities %v", old)
	}
	if current[0] != old[0] || current[1] == old[0] || current[2] == old[0] || current[1] == current[2] {
		t.Errorf("sessions after the save are %v, before it %v", current, old[0])
	}
}

func TestABootedImageCanBeSavedAndBootedAgain(t *testing.T) {
	var outcomes []string
	program := func(c *sessiontest.Copy) {
		outcomes = nil
		m := session.New(session.WithFreezer(c), session.WithSessionID(c.SessionID))
		boot(t, m)
		for range 3 {
			res, err := m.Snapshot(t.Context(), true, false)
			if err != nil {
				t.Error(err)
			}
			outcomes = append(outcomes, res.Outcome())
		}
	}
	c := sessiontest.Run(program)
	second, err := c.Images()[1].Boot()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"continuing", "booting", "continuing"}; !slices.Equal(outcomes, want) {
		t.Errorf("second image: %q, want %q", outcomes, want)
	}
	if _, err := second.Images()[0].Boot(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"continuing", "booting", "booting"}; !slices.Equal(outcomes, want) {
		t.Errorf("image of the second image: %q, want %q", outcomes, want)
	}
}

func TestNeitherSaveNorQuitDoesNothing(t *testing.T) {
	var d diary
	m := session.New()
	register(t, m, d.handler("db"))
	boot(t, m)
	d.take()
	res, err := m.Snapshot(t.Context(), false, false)
	if err != nil || res.Booting || !res.Running || res.Outcome() != "continuing" {
		t.Errorf("nothing: %+v, %v", res, err)
	}
	d.check(t)
}

func TestTheDefaultCategoriesInOrder(t *testing.T) {
	var names []string
	for _, c := range session.New().Categories() {
		names = append(names, c.Name())
		if c.DefaultPriority() != 100 {
			t.Errorf("default priority of %s is %d", c.Name(), c.DefaultPriority())
		}
	}
	if want := []string{"system", "network", "gui", "tools", "user"}; !slices.Equal(names, want) {
		t.Errorf("categories are %q, want %q", names, want)
	}
}

func TestNewCategoriesStandLastOrAfterAnother(t *testing.T) {
	var d diary
	m := session.New()
	for _, c := range []struct{ name, after string }{{"late", ""}, {"data", session.System}, {"cache", "data"}} {
		create := func() (*session.Category, error) { return m.CreateCategoryAfter(c.name, c.after) }
		if c.after == "" {
			create = func() (*session.Category, error) { return m.CreateCategory(c.name) }
		}
		category, err := create()
		if err != nil {
			t.Fatal(err)
		}
		if err := category.Register(d.handler("in " + c.name)); err != nil {
			t.Fatal(err)
		}
	}
	register(t, m, d.handler("in system"), session.InCategory(session.System))
	register(t, m, d.handler("in network"), session.InCategory(session.Network))
	register(t, m, d.handler("in user"))
	want := []string{"in system", "in data", "in cache", "in network", "in user", "in late"}
	if got := ids(m.StartupList()); !slices.Equal(got, want) {
		t.Errorf("start-up list is %q, want %q", got, want)
	}
}

func TestCategoriesAreRefused(t *testing.T) {
	m := session.New()
	_, unknown := m.Category("data")
	_, twice := m.CreateCategory(session.GUI)
	_, afterUnknown := m.CreateCategoryAfter("data", "nowhere")
	_, afterTwice := m.CreateCategoryAfter(session.GUI, session.System)
	_, empty := m.CreateCategory("")
	for _, c := range []struct {
		what      string
		got, want error
		text      string
	}{
		{"unknown", unknown, session.ErrNotFound, `cannot find category "data": not found`},
		{"twice", twice, session.ErrExists, `cannot create category "gui": already exists`},
		{"after unknown", afterUnknown, session.ErrNotFound, `cannot create category "data" after "nowhere": not found`},
		{"after, twice", afterTwice, session.ErrExists, `cannot create category "gui": already exists`},
		{"empty", empty, session.ErrInvalid, `cannot create category: empty name: invalid`},
	} {
		if !errors.Is(c.got, c.want) || c.got.Error() != c.text {
			t.Errorf("%s: %v, want %s", c.what, c.got, c.text)
		}
	}
	if n := len(m.Categories()); n != 5 {
		t.Errorf("%d categories, want 5", n)
	}
}

func TestHandlersStandByPriorityThenByRegistration(t *testing.T) {
	var d diary
	m := session.New()
	system, err := m.Category(session.System)
	if err != nil {
		t.Fatal(err)
	}
	register(t, m, d.handler("default 1"), session.InCategory(session.System))
	register(t, m, d.handler("200"), session.InCategory(session.System), session.AtPriority(200))
	if err := system.Register(d.handler("10"), session.AtPriority(10)); err != nil {
		t.Fatal(err)
	}
	if err := system.Register(d.handler("default 2")); err != nil {
		t.Fatal(err)
	}
	register(t, m, d.handler("negative"), session.InCategory(session.System), session.AtPriority(-1))
	want := []string{"negative", "10", "default 1", "default 2", "200"}
	if got := ids(m.StartupList()); !slices.Equal(got, want) {
		t.Errorf("start-up list is %q, want %q", got, want)
	}
	slices.Reverse(want)
	if got := ids(m.ShutdownList()); !slices.Equal(got, want) {
		t.Errorf("shut-down list is %q, want %q", got, want)
	}
}

func TestDefaultManager(t *testing.T) {
	defer session.SetDefault(nil)
	first := session.Default()
	if first == nil || session.Default() != first {
		t.Error("the default manager is not one")
	}
	mine := session.New()
	session.SetDefault(mine)
	if session.Default() != mine {
		t.Error("SetDefault did not set it")
	}
}
