package session_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seancehq/seance/session"
)

// stuck is a handler whose Startup does not return before it is let go, whatever its context says.
type stuck struct {
	id    string
	let   chan struct{}
	ended chan error // the context's error, when it ends
}

func newStuck(id string) *stuck {
	return &stuck{id, make(chan struct{}), make(chan error, 1)}
}

func (s *stuck) ID() string { return s.id }

func (s *stuck) Startup(ctx context.Context, _ bool) error {
	<-ctx.Done()
	s.ended <- ctx.Err()
	<-s.let
	return nil
}

func (s *stuck) Shutdown(context.Context, bool) error { return nil }

func TestAHandlerThatOverrunsIsReportedByNameAndNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		m := session.New(session.WithGrace(2 * time.Second))
		s := newStuck("stuck")
		register(t, m, s, session.WithTimeout(10*time.Second))
		register(t, m, d.handler("next"))
		start := time.Now()
		res, err := m.Boot(t.Context())
		if took := time.Since(start); took != 12*time.Second {
			t.Errorf("the boot took %v, want limit and grace", took)
		}
		d.check(t, "startup next true")
		if err := <-s.ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the handler's context ended with %v", err)
		}
		want := `cannot start up handler "stuck": not done within its time limit of 10s, and still running`
		if !errors.Is(err, session.ErrTimeout) || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
		if !res.Running || res.Err != nil || len(res.Failed()) != 1 || res.Failed()[0].Duration != 12*time.Second {
			t.Errorf("result is %+v", res)
		}
		left := m.Leftovers()
		if len(left) != 1 || left[0].ID != "stuck" || left[0].Action != session.Startup || !left[0].Start.Equal(start) {
			t.Fatalf("leftovers are %+v", left)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := m.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("wait: %v", err)
		}
		close(s.let)
		if err := m.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := m.Leftovers(); len(left) != 0 {
			t.Errorf("leftovers after the return are %+v", left)
		}
	})
}

func TestAHandlerLeftBehindIsNotCalledAgainBeforeItReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := session.New(session.WithFreezer(freezer{}))
		s := newStuck("stuck")
		register(t, m, s)
		if _, err := m.Boot(t.Context()); !errors.Is(err, session.ErrTimeout) {
			t.Fatal(err)
		}
		// Nor is another of the same ID: it would start a second time what the first may still be
		// starting.
		var d diary
		register(t, m, d.handler("stuck"))
		res, err := m.Snapshot(t.Context(), true, false)
		if !errors.Is(err, session.ErrStillRunning) || len(res.Failed()) != 2 || !res.Saved {
			t.Errorf("save: %+v, %v", res, err)
		}
		d.check(t)
		close(s.let)
		if err := m.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Snapshot(t.Context(), true, false); err != nil {
			t.Errorf("save after the return: %v", err)
		}
		d.check(t, "shutdown stuck false", "startup stuck false")
	})
}

func TestTheLateReturnIsAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := make(chan session.Event, 100)
		m := session.New(session.WithObserver(func(e session.Event) { events <- e }))
		s := newStuck("stuck")
		register(t, m, s, session.WithTimeout(time.Second))
		m.Boot(t.Context())
		time.Sleep(time.Minute)
		close(s.let)
		m.Wait(t.Context())
		var last session.Event
		for len(events) > 0 {
			last = <-events
		}
		if last.Kind != session.HandlerReturned || last.Handler.ID != "stuck" || last.Handler.Duration != 62*time.Second {
			t.Errorf("last event is %+v", last)
		}
	})
}

func TestWhatAHandlerReturnsBetweenLimitAndGrace(t *testing.T) {
	for _, c := range []struct {
		name    string
		answer  error
		overrun bool
	}{
		{"nil: it has made it", nil, false},
		{"its context's error: it has overrun", context.DeadlineExceeded, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := session.New()
				register(t, m, session.Func("slow", func(ctx context.Context, _ bool) error {
					<-ctx.Done()
					time.Sleep(time.Second / 2)
					return c.answer
				}, nil), session.WithTimeout(time.Second))
				_, err := m.Boot(t.Context())
				var overrun *session.OverrunError
				if errors.As(err, &overrun) != c.overrun {
					t.Errorf("boot: %v", err)
				}
				if c.overrun && (overrun.LeftRunning || overrun.Limit != time.Second || !errors.Is(err, c.answer)) {
					t.Errorf("overrun is %+v", overrun)
				}
				if n := len(m.Leftovers()); n != 0 {
					t.Errorf("%d leftovers", n)
				}
			})
		})
	}
}

func TestAShortLimitAfterALongOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := session.New()
		register(t, m, session.Func("quick", nil, nil), session.WithTimeout(time.Hour))
		s := newStuck("stuck")
		register(t, m, s, session.WithTimeout(time.Second))
		start := time.Now()
		m.Boot(t.Context())
		if took := time.Since(start); took != time.Second+session.DefaultGrace {
			t.Errorf("the boot took %v", took)
		}
		close(s.let)
		m.Wait(t.Context())
	})
}

func TestLimitsAreReckonedFromEachCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context, _ bool) error {
			deadline, ok := ctx.Deadline()
			if left := time.Until(deadline); !ok || left != 10*time.Second {
				t.Errorf("time left is %v", left)
			}
			time.Sleep(9 * time.Second)
			return ctx.Err()
		}
		// The image sleeps for a year, and its caller's patience ends meanwhile.
		asleep := freezer{freeze: func(ctx context.Context) (bool, error) {
			time.Sleep(365 * 24 * time.Hour)
			return true, nil
		}}
		m := session.New(session.WithFreezer(asleep), session.WithDefaultTimeout(10*time.Second))
		for _, id := range []string{"a", "b", "c"} {
			register(t, m, session.Func(id, slow, nil))
		}
		boot(t, m)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		res, err := m.Snapshot(ctx, true, false)
		if err != nil || !res.Booting {
			t.Errorf("booting side: %+v, %v", res, err)
		}
		if ctx.Err() == nil {
			t.Error("the caller's context has not ended: nothing is shown")
		}
	})
}

func TestAPanicIsTheErrorOfItsHandlerAlone(t *testing.T) {
	var d diary
	m := session.New()
	cause := errors.New("cause")
	register(t, m, session.Func("bad", func(context.Context, bool) error { panic(cause) }, nil))
	register(t, m, d.handler("good"))
	res, err := m.Boot(t.Context())
	var p *session.PanicError
	if !errors.As(err, &p) || len(p.Stack) == 0 || !errors.Is(err, cause) {
		t.Errorf("boot: %v", err)
	}
	if !res.Running {
		t.Error("the session does not run")
	}
	d.check(t, "startup good true")
}

func TestAHandlerThatEndsItsGoroutine(t *testing.T) {
	for _, opts := range [][]session.Option{nil, {session.WithConcurrency()}} {
		var d diary
		m := session.New(opts...)
		register(t, m, session.Func("bad", func(context.Context, bool) error { runtime.Goexit(); return nil }, nil))
		register(t, m, d.handler("good"))
		register(t, m, session.Func("last", func(context.Context, bool) error { runtime.Goexit(); return nil }, nil), session.AtPriority(101))
		res, err := m.Boot(t.Context())
		if err == nil || len(res.Failed()) != 2 || len(res.Handlers) != 3 {
			t.Errorf("boot: %+v, %v", res, err)
		}
		d.check(t, "startup good true")
	}
}

func TestAHandlerLeftBehindMayEndItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		m := session.New()
		let := make(chan struct{})
		register(t, m, session.Func("bad", func(context.Context, bool) error { <-let; runtime.Goexit(); return nil }, nil))
		register(t, m, d.handler("good"))
		if _, err := m.Boot(t.Context()); !errors.Is(err, session.ErrTimeout) {
			t.Error(err)
		}
		close(let)
		if err := m.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		d.check(t, "startup good true") // once
	})
}
