package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seancehq/seance/session"
)

// What happens when a context ends, at every point at which a boot or a snapshot can be, and when a
// snapshot cannot be had.

func TestASnapshotWithAnEndedContextCallsNothing(t *testing.T) {
	var d diary
	m := session.New(session.WithFreezer(freezer{}))
	register(t, m, d.handler("a"))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errCause)
	if _, err := m.Boot(ctx); !errors.Is(err, errCause) || m.Current() != nil {
		t.Errorf("boot: %v", err)
	}
	boot(t, m)
	d.take()
	if res, err := m.Snapshot(ctx, true, true); !errors.Is(err, errCause) || !res.Running || len(res.Handlers) != 0 {
		t.Errorf("snapshot: %+v, %v", res, err)
	}
	d.check(t)
}

func TestTheContextEndsAtEachPoint(t *testing.T) {
	for _, c := range []struct {
		name       string
		save, quit bool
		at         string // the line of the diary at which the context ends
		want       string
		err        error // nil: the end of the context is not heeded
	}{
		{"in the shut-down list", true, false, "shutdown b",
			"shutdown b, startup b", session.ErrShutdown},
		{"in the last shut-down, before a save", true, true, "shutdown a",
			"shutdown b, shutdown a, startup a, startup b", session.ErrShutdown},
		{"in the last shut-down, before a quit", false, true, "shutdown a",
			"shutdown b, shutdown a, startup a, startup b", session.ErrShutdown},
		{"in the freezer", true, false, "freeze",
			"shutdown b, shutdown a, freeze, startup a, startup b", nil},
		{"in the freezer, before a quit", true, true, "freeze",
			"shutdown b, shutdown a, freeze, quit", nil},
		{"in the start-up list", true, false, "startup a",
			"shutdown b, shutdown a, freeze, startup a, startup b", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d diary
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			armed := false
			note := func(what string) {
				d.add("%s", what)
				if armed && what == c.at {
					cancel(errCause)
				}
			}
			m := session.New(session.WithFreezer(freezer{
				freeze: func(context.Context) (bool, error) { note("freeze"); return false, nil },
				quit: func(ctx context.Context) error {
					note("quit")
					return ctx.Err()
				},
			}))
			for _, id := range []string{"a", "b"} {
				register(t, m, session.Func(id,
					func(ctx context.Context, _ bool) error { note("startup " + id); return ctx.Err() },
					func(context.Context, bool) error { note("shutdown " + id); return nil }))
			}
			boot(t, m)
			before := m.Current()
			d.take()
			armed = true
			res, err := m.Snapshot(ctx, c.save, c.quit)
			d.check(t, strings.Split(c.want, ", ")...)
			if c.err == nil {
				if err != nil {
					t.Errorf("error is %v", err)
				}
				return
			}
			if !errors.Is(err, c.err) || !errors.Is(err, errCause) || !res.Running || m.Current() != before {
				t.Errorf("snapshot: %+v, %v", res, err)
			}
		})
	}
}

func TestABootThatIsCancelledShutsDownWhatItStarted(t *testing.T) {
	var d diary
	m := session.New()
	ctx, cancel := context.WithCancelCause(t.Context())
	register(t, m, d.handler("a"))
	register(t, m, session.Func("b", func(context.Context, bool) error { cancel(errCause); return nil },
		func(ctx context.Context, _ bool) error { d.add("shutdown b"); return ctx.Err() }))
	register(t, m, d.handler("c"))
	res, err := m.Boot(ctx)
	d.check(t, "startup a true", "shutdown b", "shutdown a true")
	if !errors.Is(err, session.ErrStartup) || !errors.Is(err, errCause) || res.Running || m.Running() {
		t.Errorf("boot: %+v, %v", res, err)
	}
}

func TestABootThatIsCancelledGivesTimeToUndo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		m := session.New(session.WithConcurrency())
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errCause)
		defer cancel()
		register(t, m, d.handler("a"), session.AtPriority(1))
		register(t, m, d.failing("failed", errDisk, nil), session.AtPriority(2))
		register(t, m, session.Func("slow", func(ctx context.Context, _ bool) error {
			<-ctx.Done()
			time.Sleep(5 * time.Minute)
			d.add("undone slow")
			return ctx.Err()
		}, func(context.Context, bool) error { d.add("shutdown slow"); return nil }),
			session.WithTimeout(61*time.Second), session.WithUndoTime(10*time.Minute))
		register(t, m, d.handler("next"), session.AtPriority(101))
		_, err := m.Boot(ctx)
		// Under Collect one that has failed is part of the session, as a quit has it.
		d.check(t, "startup a true", "startup failed true", "undone slow", "shutdown failed true", "shutdown a true")
		if n := len(m.Leftovers()); n != 0 || !errors.Is(err, errCause) {
			t.Errorf("%d leftovers, %v", n, err)
		}
	})
}

// What others have started is shut down in its place, though the start-up has not come to it.
func TestABootThatIsCancelledShutsDownWhatOthersHaveStarted(t *testing.T) {
	for _, policy := range []session.Policy{session.Collect, session.Abort} {
		var d diary
		m := session.New(session.WithPolicy(policy))
		ctx, cancel := context.WithCancelCause(t.Context())
		register(t, m, d.handler("a"), session.AtPriority(1))
		register(t, m, session.Func("slow", func(ctx context.Context, _ bool) error {
			cancel(errCause)
			<-ctx.Done()
			return ctx.Err()
		}, nil), session.AtPriority(2))
		register(t, m, d.handler("idle"), session.AtPriority(3), session.WithOthers(func() bool { return false }))
		register(t, m, d.handler("by others"), session.AtPriority(4), session.WithOthers(func() bool { return true }))
		register(t, m, d.handler("last"), session.AtPriority(5))
		if _, err := m.Boot(ctx); !errors.Is(err, errCause) {
			t.Error(err)
		}
		d.check(t, "startup a true", "shutdown by others true", "shutdown a true")
	}
}

func TestAHandlerThatDoesNotHeedItsCallerGivingUpIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := session.New(session.WithDefaultTimeout(time.Hour))
		s := newStuck("stuck")
		register(t, m, s)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errCause)
		defer cancel()
		start := time.Now()
		_, err := m.Boot(ctx)
		if took := time.Since(start); took != time.Minute+session.DefaultGrace {
			t.Errorf("the boot took %v", took)
		}
		if !errors.Is(err, errCause) || errors.Is(err, session.ErrTimeout) || !strings.Contains(err.Error(), `handler "stuck": not done 1s after`) {
			t.Errorf("error is %v", err)
		}
		if n := len(m.Leftovers()); n != 1 {
			t.Errorf("%d leftovers", n)
		}
		close(s.let)
		m.Wait(t.Context())
	})
}

func TestASnapshotAskedForWhileOneRunsIsRefused(t *testing.T) {
	var m *session.Manager
	var refused []error
	ask := func(ctx context.Context) {
		_, err := m.Snapshot(ctx, false, true)
		refused = append(refused, err)
		_, err = m.Boot(ctx)
		refused = append(refused, err)
	}
	m = session.New(session.WithFreezer(freezer{
		freeze: func(ctx context.Context) (bool, error) { ask(ctx); return false, nil },
	}))
	register(t, m, session.Func("nosy",
		func(ctx context.Context, booting bool) error {
			ask(ctx)
			s, _ := session.FromContext(ctx)
			return s.Defer("ask", func(ctx context.Context, _ bool) error { ask(ctx); return nil })
		},
		func(ctx context.Context, _ bool) error { ask(ctx); return nil }))
	boot(t, m)
	if _, err := m.Snapshot(t.Context(), true, false); err != nil {
		t.Fatal(err)
	}
	if len(refused) != 12 {
		t.Errorf("%d calls, want 12", len(refused))
	}
	for _, err := range refused {
		if !errors.Is(err, session.ErrBusy) {
			t.Errorf("error is %v, want ErrBusy", err)
		}
	}
	if _, err := m.Snapshot(t.Context(), false, true); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func TestSnapshotsAreRefused(t *testing.T) {
	m := session.New()
	if _, err := m.Snapshot(t.Context(), false, true); !errors.Is(err, session.ErrNotRunning) {
		t.Errorf("before the boot: %v", err)
	}
	boot(t, m)
	res, err := m.Snapshot(t.Context(), true, true)
	if !errors.Is(err, session.ErrNoFreezer) || !res.Running || res.Outcome() != "continuing" {
		t.Errorf("without a freezer: %+v, %v", res, err)
	}
	if _, err := m.Snapshot(t.Context(), false, true); err != nil {
		t.Errorf("quit without a freezer: %v", err)
	}
	if _, err := m.Snapshot(t.Context(), false, true); !errors.Is(err, session.ErrNotRunning) {
		t.Errorf("after the quit: %v", err)
	}
	boot(t, m)
}

func TestOnlyAReadWriteSessionIsSaved(t *testing.T) {
	for _, mode := range []session.AccessMode{session.ReadOnly, session.Disabled} {
		m := session.New(session.WithFreezer(freezer{}), session.WithAccess(mode))
		boot(t, m)
		if got := m.Current().Access(); got != mode {
			t.Errorf("mode is %v, want %v", got, mode)
		}
		_, err := m.Snapshot(t.Context(), true, false)
		if want := "cannot snapshot: the session is not read-write but " + mode.String(); !errors.Is(err, session.ErrAccess) || err.Error() != want {
			t.Errorf("save: %v, want %s", err, want)
		}
		m.Current().SetAccess(session.ReadWrite)
		if _, err := m.Snapshot(t.Context(), true, false); err != nil {
			t.Errorf("read-write: %v", err)
		}
		m.Current().SetAccess(mode)
		if _, err := m.Snapshot(t.Context(), false, true); err != nil {
			t.Errorf("quit: %v", err)
		}
	}
}

func TestUnderAbortTheEndedContextIsTheCause(t *testing.T) {
	m := session.New(session.WithPolicy(session.Abort))
	ctx, cancel := context.WithCancelCause(t.Context())
	register(t, m, session.Func("a", func(ctx context.Context, _ bool) error { cancel(errCause); return ctx.Err() }, nil))
	res, err := m.Boot(ctx)
	if !errors.Is(res.Err, errCause) || !errors.Is(err, context.Canceled) {
		t.Errorf("boot: %v", err)
	}
}
