package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/seancehq/seance/session"
)

var (
	errDisk  = errors.New("disk full")
	errCause = errors.New("the caller gave up")
)

func TestAFailedSaveLeavesTheSessionRunningAsBefore(t *testing.T) {
	var d diary
	full := freezer{
		freeze: func(context.Context) (bool, error) { return false, errDisk },
		quit:   func(context.Context) error { d.add("quit"); return nil },
	}
	for _, quit := range []bool{false, true} {
		m := session.New(session.WithFreezer(full))
		register(t, m, d.handler("a"))
		boot(t, m)
		before := m.Current()
		d.take()
		res, err := m.Snapshot(t.Context(), true, quit)
		if !errors.Is(err, session.ErrSave) || !errors.Is(err, errDisk) || err.Error() != "cannot save the image: disk full" {
			t.Errorf("error is %v", err)
		}
		if res.Saved || res.Booting || !res.Running || !errors.Is(res.Err, errDisk) || res.Session != before.ID() {
			t.Errorf("result is %+v", res)
		}
		if m.Current() != before || before.Stale() {
			t.Error("the session has changed")
		}
		if quit {
			d.check(t, "shutdown a true", "startup a false")
		} else {
			d.check(t, "shutdown a false", "startup a false")
		}
	}
}

func TestAFreezerThatPanicsHasFailed(t *testing.T) {
	m := session.New(session.WithFreezer(freezer{
		freeze: func(context.Context) (bool, error) { panic("no freezer today") },
		quit:   func(context.Context) error { panic("no way out") },
	}))
	boot(t, m)
	var p *session.PanicError
	if res, err := m.Snapshot(t.Context(), true, false); !errors.Is(err, session.ErrSave) || !errors.As(err, &p) || !res.Running {
		t.Errorf("save: %+v, %v", res, err)
	}
	if res, err := m.Snapshot(t.Context(), false, true); !errors.Is(err, session.ErrQuit) || !errors.As(err, &p) || !res.Running {
		t.Errorf("quit: %+v, %v", res, err)
	}
}

func TestAbortStopsExactlyWhatWasStarted(t *testing.T) {
	var d diary
	m := session.New(session.WithPolicy(session.Abort))
	register(t, m, d.handler("a"))
	register(t, m, d.handler("b"))
	register(t, m, d.failing("c", errDisk, nil))
	register(t, m, d.handler("d"))
	res, err := m.Boot(t.Context())
	d.check(t, "startup a true", "startup b true", "startup c true", "shutdown b true", "shutdown a true")
	want := `cannot start up the session: cannot start up handler "c": disk full`
	if !errors.Is(err, session.ErrStartup) || !errors.Is(err, errDisk) || err.Error() != want {
		t.Errorf("error is %v\nwant %s", err, want)
	}
	if res.Running || m.Running() || !m.Current().Stale() || res.Outcome() != "stopped" {
		t.Errorf("result is %+v", res)
	}
	var undone []string
	for _, r := range res.Handlers {
		if r.Rollback {
			undone = append(undone, r.ID)
		}
	}
	if strings.Join(undone, " ") != "b a" {
		t.Errorf("records marked as roll-back are %q", undone)
	}
	register(t, m, d.handler("c"))
	boot(t, m) // mended: it can be tried again
}

func TestAnAbortThatIsOfTheBootAlone(t *testing.T) {
	var d diary
	m := session.New(session.WithBootPolicy(session.Abort), session.WithFreezer(freezer{}))
	register(t, m, d.handler("a"))
	register(t, m, d.failing("b", errDisk, nil))
	if p := m.Plan().Policy; p != session.Abort {
		t.Errorf("the plan of a boot is to %v", p)
	}
	if res, err := m.Boot(t.Context()); !errors.Is(err, session.ErrStartup) || res.Running {
		t.Fatalf("a boot that fails: %+v, %v", res, err)
	}
	if err := m.Unregister("b"); err != nil {
		t.Fatal(err)
	}
	boot(t, m)
	if p := m.Plan().Policy; p != session.Collect {
		t.Errorf("the plan of a running session is to %v", p)
	}
	register(t, m, d.failing("b", errDisk, nil))
	if res, err := m.Snapshot(t.Context(), true, false); !errors.Is(err, errDisk) || res.Err != nil || !m.Running() {
		t.Errorf("a start-up that fails after a save: %+v, %v", res, err)
	}
}

func TestAbortInShutdownStartsAgainWhatWasCalled(t *testing.T) {
	var d diary
	m := session.New(session.WithPolicy(session.Abort), session.WithFreezer(freezer{
		freeze: func(context.Context) (bool, error) { d.add("freeze"); return false, nil },
	}))
	register(t, m, d.handler("a"))
	register(t, m, d.failing("b", nil, errDisk))
	register(t, m, d.handler("c"))
	boot(t, m)
	d.take()
	res, err := m.Snapshot(t.Context(), true, true)
	d.check(t, "shutdown c true", "shutdown b true", "startup b false", "startup c false")
	if !errors.Is(err, session.ErrShutdown) || !errors.Is(err, errDisk) || !res.Running || m.Current().Stale() {
		t.Errorf("snapshot: %+v, %v", res, err)
	}
}

func TestARollBackGoesOnPastFailures(t *testing.T) {
	var d diary
	m := session.New(session.WithPolicy(session.Abort))
	register(t, m, d.handler("a"))
	register(t, m, d.failing("b", nil, errCause))
	register(t, m, d.failing("c", errDisk, nil))
	_, err := m.Boot(t.Context())
	d.check(t, "startup a true", "startup b true", "startup c true", "shutdown b true", "shutdown a true")
	if !errors.Is(err, errDisk) || !errors.Is(err, errCause) {
		t.Errorf("error is %v", err)
	}
}

func TestInARolledBackStartupNothingIsSavedAnyMore(t *testing.T) {
	// A handler that lets its programs be frozen with the image looks at Save to tell whether to
	// stop them.
	var saves []bool
	note := func(ctx context.Context, _ bool) error {
		s, ok := session.SnapshotFrom(ctx)
		if !ok || !s.Quit {
			t.Errorf("snapshot is %+v, %v", s, ok)
			return nil
		}
		saves = append(saves, s.Save)
		return nil
	}
	fails := false
	m := session.New(session.WithPolicy(session.Abort), session.WithFreezer(freezer{
		freeze: func(context.Context) (bool, error) { fails = true; return true, nil },
	}))
	register(t, m, session.Func("a", nil, note))
	register(t, m, session.Func("b", func(context.Context, bool) error {
		if fails {
			return errDisk
		}
		return nil
	}, nil))
	boot(t, m)
	if _, err := m.Snapshot(t.Context(), true, true); !errors.Is(err, session.ErrStartup) {
		t.Error(err)
	}
	if len(saves) != 2 || !saves[0] || saves[1] {
		t.Errorf("Save was %v, want true before the freeze and false in the roll-back", saves)
	}
}

// naming is an error that names the handler.
type naming struct{ error }

func (naming) NamesHandler() {}

func TestHandlerIsNamedOnce(t *testing.T) {
	var d diary
	m := session.New()
	register(t, m, d.failing("a", naming{errors.New(`cannot open shop "a": disk full`)}, nil))
	_, err := m.Boot(t.Context())
	if want := `cannot open shop "a": disk full`; err == nil || err.Error() != want {
		t.Errorf("boot: %v, want %s", err, want)
	}
}

func TestCollectKeepsAllErrorsWithTheirNames(t *testing.T) {
	var d diary
	m := session.New()
	register(t, m, d.failing("a", errDisk, nil))
	register(t, m, d.failing("b", errDisk, nil))
	register(t, m, d.handler("c"))
	res, err := m.Boot(t.Context())
	want := "cannot start up handler \"a\": disk full\ncannot start up handler \"b\": disk full"
	if err == nil || err.Error() != want || res.Err != nil || !res.Running {
		t.Errorf("boot: %+v, %v", res, err)
	}
	d.check(t, "startup a true", "startup b true", "startup c true")
}
