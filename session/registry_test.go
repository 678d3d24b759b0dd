package session_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seancehq/seance/session"
)

func TestRegisteringAnIDAgainReplacesTheOldOneWhereverItStood(t *testing.T) {
	var d diary
	m := session.New()
	register(t, m, d.handler("a"), session.InCategory(session.System))
	register(t, m, d.handler("b"), session.InCategory(session.System))
	register(t, m, session.Func("a", nil, nil), session.InCategory(session.System))
	if got, want := ids(m.StartupList()), []string{"b", "a"}; !slices.Equal(got, want) {
		t.Errorf("same rank: %q, want %q", got, want)
	}
	register(t, m, session.Func("b", nil, nil), session.InCategory(session.User), session.AtPriority(7))
	list := m.StartupList()
	if got, want := ids(list), []string{"a", "b"}; !slices.Equal(got, want) {
		t.Fatalf("other category: %q, want %q", got, want)
	}
	if list[1].Category != session.User || list[1].Priority != 7 {
		t.Errorf("b stands at %+v", list[1])
	}
	boot(t, m)
	d.check(t) // neither of the old ones is called
}

func TestARegistrationForgetsOrKeepsWhatWasDone(t *testing.T) {
	m := session.New()
	for _, id := range []string{"a", "b"} {
		register(t, m, session.Func(id, nil, nil))
	}
	boot(t, m)
	register(t, m, session.Func("a", nil, nil), session.AtPriority(7))
	register(t, m, session.Func("b", nil, nil), session.AtPriority(8), session.AsBefore())
	register(t, m, session.Func("c", nil, nil), session.AtPriority(9), session.AsBefore())
	runs := m.LastRuns()
	for i, kept := range []bool{false, true, false} {
		if r := runs[i]; (r.Startup != nil) != kept || r.Shutdown != nil {
			t.Errorf("%s did %+v, %+v", r.ID, r.Startup, r.Shutdown)
		}
	}
	failed := errors.New("no")
	m.Ran(session.Record{ID: "c", Action: session.Startup, Booting: true, Err: failed})
	m.Ran(session.Record{ID: "c", Action: session.Shutdown, Quitting: true})
	m.Ran(session.Record{ID: "c", Action: session.Deferred})
	m.Ran(session.Record{ID: "none", Action: session.Startup})
	c := m.LastRuns()[2]
	if up, down := c.Startup, c.Shutdown; up == nil || down == nil || up.Err != failed || !up.Booting || !down.Quitting || up.Priority != 9 || up.Category != session.User {
		t.Errorf("it did %+v, %+v", up, down)
	}
}

func TestUnregister(t *testing.T) {
	var d diary
	m := session.New()
	register(t, m, d.handler("a"))
	if err := m.Unregister("a"); err != nil {
		t.Fatal(err)
	}
	if err := m.Unregister("a"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("twice: %v, want ErrNotFound", err)
	}
	boot(t, m)
	d.check(t)
}

func TestRegistrationsAreRefused(t *testing.T) {
	m := session.New()
	h := session.Func("a", nil, nil)
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"nil", m.Register(nil), session.ErrInvalid},
		{"empty ID", m.Register(session.Func("", nil, nil)), session.ErrInvalid},
		{"unknown category", m.Register(h, session.InCategory("nowhere")), session.ErrNotFound},
		{"negative limit", m.Register(h, session.WithTimeout(-1)), session.ErrInvalid},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
		}
	}
	if n := len(m.StartupList()); n != 0 {
		t.Errorf("%d handlers are registered", n)
	}
}

func TestTimeLimitOfAnEntry(t *testing.T) {
	m := session.New(session.WithDefaultTimeout(5 * time.Second))
	register(t, m, session.Func("default", nil, nil))
	register(t, m, session.Func("zero", nil, nil), session.WithTimeout(0))
	register(t, m, session.Func("own", nil, nil), session.WithTimeout(time.Minute))
	var got []time.Duration
	for _, e := range m.StartupList() {
		got = append(got, e.Timeout)
	}
	if want := []time.Duration{5 * time.Second, 5 * time.Second, time.Minute}; !slices.Equal(got, want) {
		t.Errorf("limits are %v, want %v", got, want)
	}
	if e := session.New(session.WithDefaultTimeout(0)); true {
		register(t, e, session.Func("x", nil, nil))
		if got := e.StartupList()[0].Timeout; got != session.DefaultTimeout {
			t.Errorf("limit without a limit is %v", got)
		}
	}
}

func TestRegistrationsWhileListsRunCountFromTheNextListOn(t *testing.T) {
	var d diary
	m := session.New()
	late := d.handler("late")
	register(t, m, session.Func("loader",
		func(context.Context, bool) error {
			d.add("load")
			register(t, m, late, session.InCategory(session.User))
			return m.Unregister("leaver")
		},
		func(context.Context, bool) error {
			d.add("unload")
			return m.Unregister("late")
		}), session.InCategory(session.System))
	register(t, m, d.handler("leaver"), session.InCategory(session.User))

	boot(t, m)
	d.check(t, "load", "startup leaver true")
	if got, want := ids(m.StartupList()), []string{"loader", "late"}; !slices.Equal(got, want) {
		t.Errorf("start-up list is %q, want %q", got, want)
	}
	// The shut-down list is fixed too: late leaves it while it runs, after its turn, and is not started
	// by the start-up list of the same snapshot; loader registers it again.
	m2, err := m.Snapshot(t.Context(), false, true)
	if err != nil {
		t.Fatal(m2, err)
	}
	d.check(t, "shutdown late true", "unload")
}

func TestAHandlerRegisteredByAShutdownIsStartedInTheSameSnapshot(t *testing.T) {
	var d diary
	m := session.New(session.WithFreezer(freezer{}))
	register(t, m, session.Func("loader", nil, func(context.Context, bool) error {
		return m.Register(d.handler("late"))
	}))
	boot(t, m)
	if _, err := m.Snapshot(t.Context(), true, false); err != nil {
		t.Fatal(err)
	}
	d.check(t, "startup late false")
}

// model is the start-up list done naively: a slice of categories, each a slice of places.
type model struct {
	categories []string
	places     []place // in order of registration
}

type place struct {
	id, category string
	priority     int
}

func (m *model) register(p place) {
	m.unregister(p.id)
	m.places = append(m.places, p)
}

func (m *model) unregister(id string) bool {
	n := len(m.places)
	m.places = slices.DeleteFunc(m.places, func(p place) bool { return p.id == id })
	return len(m.places) < n
}

func (m *model) startupList() []string {
	out := []string{}
	for _, c := range m.categories {
		for priority := -3; priority <= 103; priority++ {
			for _, p := range m.places {
				if p.category == c && p.priority == priority {
					out = append(out, p.id)
				}
			}
		}
	}
	return out
}

func TestListsAgreeWithAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := session.New()
		ref := &model{categories: []string{"system", "network", "gui", "tools", "user"}}
		id := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint("h", rapid.IntRange(0, 12).Draw(t, "id")) })
		name := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint("c", rapid.IntRange(0, 6).Draw(t, "category")) })
		t.Repeat(map[string]func(*rapid.T){
			"register": func(t *rapid.T) {
				p := place{id.Draw(t, "id"), rapid.SampledFrom(append(slices.Clone(ref.categories), "nowhere")).Draw(t, "in"),
					rapid.SampledFrom([]int{-3, 0, 1, 99, 100, 101}).Draw(t, "priority")}
				err := m.Register(session.Func(p.id, nil, nil), session.InCategory(p.category), session.AtPriority(p.priority))
				if p.category == "nowhere" {
					if !errors.Is(err, session.ErrNotFound) {
						t.Fatalf("register nowhere: %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				ref.register(p)
			},
			"register with the category's defaults": func(t *rapid.T) {
				p := place{id.Draw(t, "id"), rapid.SampledFrom(ref.categories).Draw(t, "in"), 100}
				c, err := m.Category(p.category)
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Register(session.Func(p.id, nil, nil)); err != nil {
					t.Fatal(err)
				}
				ref.register(p)
			},
			"unregister": func(t *rapid.T) {
				id := id.Draw(t, "id")
				if err := m.Unregister(id); (err == nil) != ref.unregister(id) {
					t.Fatalf("unregister %s: %v", id, err)
				}
			},
			"create": func(t *rapid.T) {
				name := name.Draw(t, "name")
				_, err := m.CreateCategory(name)
				if exists := slices.Contains(ref.categories, name); exists != errors.Is(err, session.ErrExists) {
					t.Fatalf("create %s: %v", name, err)
				} else if !exists {
					ref.categories = append(ref.categories, name)
				}
			},
			"remove": func(t *rapid.T) {
				name := rapid.SampledFrom(append(slices.Clone(ref.categories), "nowhere")).Draw(t, "name")
				var want error
				switch {
				case name == "nowhere":
					want = session.ErrNotFound
				case slices.ContainsFunc(ref.places, func(p place) bool { return p.category == name }):
					want = session.ErrInUse
				case len(ref.categories) == 1:
					t.Skip("the last one stays, for the other actions need one")
				default:
					ref.categories = slices.DeleteFunc(ref.categories, func(c string) bool { return c == name })
				}
				if err := m.RemoveCategory(name); !errors.Is(err, want) {
					t.Fatalf("remove %s: %v, want %v", name, err, want)
				}
			},
			"create after": func(t *rapid.T) {
				name, other := name.Draw(t, "name"), rapid.SampledFrom(ref.categories).Draw(t, "after")
				_, err := m.CreateCategoryAfter(name, other)
				if exists := slices.Contains(ref.categories, name); exists != errors.Is(err, session.ErrExists) {
					t.Fatalf("create %s after %s: %v", name, other, err)
				} else if !exists {
					ref.categories = slices.Insert(ref.categories, slices.Index(ref.categories, other)+1, name)
				}
			},
			"move": func(t *rapid.T) {
				some := rapid.SampledFrom(append(slices.Clone(ref.categories), "nowhere"))
				name, other := some.Draw(t, "name"), some.Draw(t, "after")
				var want error
				switch {
				case name == "nowhere" || other == "nowhere":
					want = session.ErrNotFound
				case name == other:
					want = session.ErrInvalid
				default:
					ref.categories = slices.DeleteFunc(ref.categories, func(c string) bool { return c == name })
					ref.categories = slices.Insert(ref.categories, slices.Index(ref.categories, other)+1, name)
				}
				if err := m.MoveCategoryAfter(name, other); !errors.Is(err, want) {
					t.Fatalf("move %s after %s: %v, want %v", name, other, err, want)
				}
			},
			"": func(t *rapid.T) {
				want := ref.startupList()
				if got := ids(m.StartupList()); !slices.Equal(got, want) {
					t.Fatalf("start-up list is %q, want %q", got, want)
				}
				slices.Reverse(want)
				if got := ids(m.ShutdownList()); !slices.Equal(got, want) {
					t.Fatalf("shut-down list is %q, want %q", got, want)
				}
			},
		})
	})
}

func TestARemovedCategoryTakesNoRegistrations(t *testing.T) {
	m := session.New()
	gui, err := m.Category(session.GUI)
	if err != nil {
		t.Fatal(err)
	}
	if err := gui.Register(session.Func("a", nil, nil)); err != nil {
		t.Fatal(err)
	}
	err = m.RemoveCategory(session.GUI)
	if !errors.Is(err, session.ErrInUse) || err.Error() != `cannot remove category "gui": there are still handlers in it, such as "a"` {
		t.Errorf("with a handler: %v", err)
	}
	m.Unregister("a")
	if err := m.RemoveCategory(session.GUI); err != nil {
		t.Fatal(err)
	}
	if err := gui.Register(session.Func("a", nil, nil)); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("afterwards: %v", err)
	}
}
