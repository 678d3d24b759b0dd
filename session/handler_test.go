package session_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/seancehq/seance/session"
)

func TestOneHandlerOfALiveImage(t *testing.T) {
	var d diary
	m := session.New()
	register(t, m, d.handler("old"))
	if err := m.StartHandler(t.Context(), "old", true); !errors.Is(err, session.ErrNotRunning) {
		t.Errorf("before the boot: %v", err)
	}
	boot(t, m)
	d.take()
	register(t, m, d.failing("new", nil, errDisk))
	if err := m.StartHandler(t.Context(), "new", true); err != nil {
		t.Error(err)
	}
	err := m.StopHandler(t.Context(), "new", true)
	if err == nil || err.Error() != `cannot shut down handler "new": disk full` {
		t.Errorf("stop: %v", err)
	}
	d.check(t, "startup new true", "shutdown new true")
	if err := m.StartHandler(t.Context(), "none", true); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errCause)
	if err := m.StartHandler(ctx, "new", true); !errors.Is(err, errCause) {
		t.Errorf("ended context: %v", err)
	}
	if r := m.LastRuns()[1]; r.Startup == nil || r.Shutdown == nil || !r.Shutdown.Quitting {
		t.Errorf("last runs are %+v", r)
	}
	register(t, m, session.Func("nosy", func(ctx context.Context, _ bool) error {
		return m.StartHandler(ctx, "old", true)
	}, nil))
	if err := m.StartHandler(t.Context(), "nosy", true); !errors.Is(err, session.ErrBusy) {
		t.Errorf("from within: %v", err)
	}
	d.check(t)
}

type twoFuncs struct{ d *diary }

func (l twoFuncs) Startup(context.Context, bool) error  { l.d.add("startup"); return nil }
func (l twoFuncs) Shutdown(context.Context, bool) error { l.d.add("shutdown"); return nil }

func TestWaysToMakeAHandler(t *testing.T) {
	var d diary
	known := map[string]session.Lifecycle{}
	find := func(id string) (session.Lifecycle, bool) { l, ok := known[id]; return l, ok }
	for _, h := range []session.Handler{session.Named("x", twoFuncs{&d}), session.Lookup("x", find)} {
		if h.ID() != "x" {
			t.Errorf("ID is %q", h.ID())
		}
		if reflect.TypeOf(h).String() == "*session.lookupHandler" {
			if err := h.Startup(t.Context(), true); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("before it is known: %v", err)
			}
			if err := h.Shutdown(t.Context(), true); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("before it is known: %v", err)
			}
			known["x"] = twoFuncs{&d}
		}
		if err := errors.Join(h.Startup(t.Context(), true), h.Shutdown(t.Context(), true)); err != nil {
			t.Error(err)
		}
		d.check(t, "startup", "shutdown")
	}
	nothing := session.Func("x", nil, nil)
	if err := errors.Join(nothing.Startup(t.Context(), true), nothing.Shutdown(t.Context(), true)); err != nil {
		t.Error(err)
	}
}
