package session_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/seancehq/seance/session"
)

func TestAResourceCanSeeThatItIsStale(t *testing.T) {
	m := session.New(session.WithFreezer(freezer{freeze: func(context.Context) (bool, error) { return true, nil }}))
	boot(t, m)
	resource := m.Current()
	ended := resource.Context().Done()
	if _, err := m.Snapshot(t.Context(), true, false); err != nil {
		t.Fatal(err)
	}
	if !resource.Stale() || m.Current().Stale() {
		t.Error("the old session must be stale and the new one not")
	}
	select {
	case <-ended:
	default:
		t.Error("the old session's context goes on")
	}
	if err := resource.Defer("late", func(context.Context, bool) error { return nil }); !errors.Is(err, session.ErrStale) {
		t.Errorf("defer in a stale session: %v", err)
	}
}

func TestPropertiesOutliveASaveAndNotABoot(t *testing.T) {
	booting := false
	m := session.New(session.WithFreezer(freezer{freeze: func(context.Context) (bool, error) { return booting, nil }}))
	boot(t, m)
	type key struct{}
	m.Current().SetProperty(key{}, 1)
	m.Current().SetProperty("gone", 2)
	m.Current().DeleteProperty("gone")
	for _, booting = range []bool{false, true} {
		if _, err := m.Snapshot(t.Context(), true, false); err != nil {
			t.Fatal(err)
		}
		v, ok := m.Current().Property(key{})
		if ok == booting || (ok && v != 1) {
			t.Errorf("after a save, booting %v: %v, %v", booting, v, ok)
		}
	}
	if n := len(m.Current().Properties()); n != 0 {
		t.Errorf("the new session has %d properties", n)
	}
}

func TestHandlersLearnFromTheirContext(t *testing.T) {
	type key struct{}
	var m *session.Manager
	look := func(ctx context.Context) (*session.Snapshot, bool) {
		s, ok := session.FromContext(ctx)
		if !ok || s != m.Current() {
			t.Errorf("session is %v, %v; want the current one", s, ok)
		}
		if of, ok := session.FromContext(s.Context()); !ok || of != s {
			t.Error("the session's own context does not know it")
		}
		if ctx.Value(key{}) != "mine" {
			t.Error("the caller's values are lost")
		}
		return session.SnapshotFrom(ctx)
	}
	var phases []session.Phase
	note := func(ctx context.Context) {
		snapshot, ok := look(ctx)
		if !ok {
			phases = append(phases, session.Done)
			return
		}
		if !snapshot.Save || snapshot.Quit {
			t.Errorf("snapshot is %+v", snapshot)
		}
		phases = append(phases, snapshot.Progress().Phase)
	}
	m = session.New(session.WithFreezer(freezer{
		freeze: func(ctx context.Context) (bool, error) { note(ctx); return true, nil },
	}))
	register(t, m, session.Func("a",
		func(ctx context.Context, _ bool) error {
			note(ctx)
			s, _ := session.FromContext(ctx)
			return s.Defer("later", func(ctx context.Context, _ bool) error { note(ctx); return nil })
		},
		func(ctx context.Context, _ bool) error { note(ctx); return nil }))
	ctx := context.WithValue(t.Context(), key{}, "mine")
	if _, err := m.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Snapshot(ctx, true, false); err != nil {
		t.Fatal(err)
	}
	want := []session.Phase{
		session.Done, session.Done, // a boot is no snapshot
		session.ShuttingDown, session.Freezing, session.StartingUp, session.RunningDeferred,
	}
	if len(phases) != len(want) {
		t.Fatalf("phases are %v, want %v", phases, want)
	}
	for i := range want {
		if phases[i] != want[i] {
			t.Errorf("phases are %v, want %v", phases, want)
		}
	}
}

func TestTheContextOfAHandler(t *testing.T) {
	var kept, derived context.Context
	m := session.New()
	register(t, m, session.Func("a", func(ctx context.Context, _ bool) error {
		kept = ctx
		if ctx.Err() != nil {
			t.Error("the context has ended before its time")
		}
		var cancel context.CancelFunc
		derived, cancel = context.WithTimeout(ctx, time.Hour)
		t.Cleanup(cancel)
		if d, ok := derived.Deadline(); !ok || time.Until(d) > time.Minute {
			t.Errorf("the derived context ends at %v", d)
		}
		return nil
	}, nil), session.WithTimeout(time.Minute))
	var untouched context.Context
	register(t, m, session.Func("b", func(ctx context.Context, _ bool) error { untouched = ctx; return nil }, nil))
	boot(t, m)
	for _, ctx := range []context.Context{kept, derived, untouched} {
		<-ctx.Done()
		if !errors.Is(ctx.Err(), context.Canceled) || !errors.Is(context.Cause(ctx), context.Canceled) {
			t.Errorf("after the call: %v, %v", ctx.Err(), context.Cause(ctx))
		}
	}
	if m.Current().Stale() {
		t.Error("the session's context has ended with the call")
	}
}

func TestADeadlineOfTheCallerThatComesFirst(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	want, _ := ctx.Deadline()
	m := session.New()
	register(t, m, session.Func("a", func(ctx context.Context, _ bool) error {
		if got, ok := ctx.Deadline(); !ok || !got.Equal(want) {
			t.Errorf("deadline is %v, want the caller's %v", got, want)
		}
		return nil
	}, nil), session.WithTimeout(time.Hour))
	if _, err := m.Boot(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestDeferredActions(t *testing.T) {
	var d diary
	booting := false
	m := session.New(session.WithFreezer(freezer{freeze: func(context.Context) (bool, error) { return booting, nil }}))
	action := func(name string, err error) func(context.Context, bool) error {
		return func(_ context.Context, booting bool) error { d.add("%s %v", name, booting); return err }
	}
	register(t, m, session.Func("a", func(ctx context.Context, booting bool) error {
		d.add("startup a %v", booting)
		if !booting {
			return nil
		}
		s, _ := session.FromContext(ctx)
		return errors.Join(
			s.Defer("first", action("first", errDisk)),
			s.Defer("second", func(context.Context, bool) error { panic("at the disco") }),
			s.Defer("third", func(_ context.Context, booting bool) error {
				d.add("third %v", booting)
				return s.Defer("next time", action("next time", nil))
			}))
	}, nil))
	register(t, m, d.handler("b"))

	res, err := m.Boot(t.Context())
	d.check(t, "startup a true", "startup b true", "first true", "third true")
	want := "cannot run deferred action \"first\": disk full\ncannot run deferred action \"second\": panic: at the disco"
	if err == nil || err.Error() != want || len(res.Deferred) != 3 || !res.Running {
		t.Errorf("boot: %+v, %v", res, err)
	}
	if _, err := m.Snapshot(t.Context(), true, false); err != nil {
		t.Error(err)
	}
	d.check(t, "shutdown b false", "startup a false", "startup b false", "next time false")

	// One that waits when the image is saved runs on whichever side goes on.
	if err := m.Current().Defer("which side", action("which side", nil)); err != nil {
		t.Fatal(err)
	}
	booting = true
	m.Unregister("a")
	m.Unregister("b")
	if _, err := m.Snapshot(t.Context(), true, false); err != nil {
		t.Error(err)
	}
	d.check(t, "which side true")
	if err := m.Current().Defer("nil", nil); !errors.Is(err, session.ErrInvalid) {
		t.Errorf("nil action: %v", err)
	}
}

func TestSessionIdentitiesDiffer(t *testing.T) {
	seen := make(map[string]bool)
	m := session.New()
	for range 1000 {
		boot(t, m)
		id := m.Current().ID()
		if seen[id] {
			t.Fatalf("identity %s twice", id)
		}
		seen[id] = true
		if _, err := m.Snapshot(t.Context(), false, true); err != nil {
			t.Fatal(err)
		}
	}
}
