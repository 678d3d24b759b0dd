package session_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seancehq/seance/session"
)

func TestHandlersOfEqualRankRunAtTheSameTimeWhenToldSo(t *testing.T) {
	var meet sync.WaitGroup // each waits for the others: one after the other they would never be done
	meet.Add(3)
	together := func(context.Context, bool) error { meet.Done(); meet.Wait(); return nil }
	var d diary
	m := session.New(session.WithConcurrency())
	register(t, m, d.handler("before"), session.AtPriority(1))
	for _, id := range []string{"a", "b", "c"} {
		register(t, m, session.Func(id, together, together), session.WithTimeout(10*time.Second))
	}
	register(t, m, d.handler("after"), session.AtPriority(101))
	register(t, m, d.handler("last"), session.AtPriority(102))
	res := boot(t, m)
	d.check(t, "startup before true", "startup after true", "startup last true")
	if got := res.Handlers[0].ID + res.Handlers[4].ID + res.Handlers[5].ID; len(res.Handlers) != 6 || got != "beforeafterlast" {
		t.Errorf("records are %+v", res.Handlers)
	}
	meet.Add(3)
	if _, err := m.Snapshot(t.Context(), false, true); err != nil {
		t.Fatal(err)
	}
	d.check(t, "shutdown last true", "shutdown after true", "shutdown before true")
}

// The start of one handler fails while others of its rank are starting: one
// undoes what it had begun, one is up before it heeds that it was given up.
func TestAnAbortGivesUpThoseOfTheRankThatHaveBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		m := session.New(session.WithConcurrency(), session.WithPolicy(session.Abort))
		register(t, m, d.handler("before"), session.AtPriority(1))
		register(t, m, session.Func("slow", func(ctx context.Context, _ bool) error {
			<-ctx.Done()
			time.Sleep(5 * time.Second)
			d.add("undone slow")
			return ctx.Err()
		}, func(context.Context, bool) error { d.add("shutdown slow"); return nil }), session.WithUndoTime(10*time.Second))
		register(t, m, session.Func("up", func(ctx context.Context, _ bool) error {
			<-ctx.Done()
			return nil
		}, func(context.Context, bool) error { d.add("shutdown up"); return nil }))
		register(t, m, session.Func("bad", func(context.Context, bool) error { synctest.Wait(); return errDisk }, nil))
		register(t, m, d.handler("next"), session.AtPriority(101))
		res, err := m.Boot(t.Context())
		d.check(t, "startup before true", "undone slow", "shutdown up", "shutdown before true")
		if !errors.Is(res.Err, session.ErrStartup) || !errors.Is(res.Err, errDisk) || errors.Is(res.Err, context.Canceled) {
			t.Errorf("boot: %+v, %v", res, err)
		}
	})
}

func TestAnAbortOfAShutdownWaitsForThoseOfTheRankThatHaveBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := session.New(session.WithConcurrency(), session.WithPolicy(session.Abort))
		register(t, m, session.Func("slow", nil, func(ctx context.Context, _ bool) error {
			time.Sleep(5 * time.Second)
			return ctx.Err()
		}))
		register(t, m, session.Func("bad", nil, func(context.Context, bool) error { synctest.Wait(); return errDisk }))
		boot(t, m)
		if res, err := m.Snapshot(t.Context(), false, true); !errors.Is(err, errDisk) || len(res.Failed()) != 1 {
			t.Errorf("quit: %+v, %v", res, err)
		}
	})
}

func TestOneOfARankIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := session.New(session.WithConcurrency())
		stuck := []*stuck{newStuck("s1"), newStuck("s2")}
		for i, s := range stuck {
			register(t, m, s, session.WithTimeout(time.Duration(i+1)*time.Second))
		}
		register(t, m, session.Func("ok", func(context.Context, bool) error { time.Sleep(5 * time.Second); return nil }, nil))
		start := time.Now()
		res, err := m.Boot(t.Context())
		if took := time.Since(start); took != 5*time.Second || len(res.Failed()) != 2 || !errors.Is(err, session.ErrTimeout) {
			t.Errorf("boot took %v: %+v, %v", took, res, err)
		}
		if left := m.Leftovers(); len(left) != 2 || left[0].ID != "s1" || left[1].ID != "s2" {
			t.Errorf("leftovers are %+v", left)
		}
		for _, s := range stuck {
			close(s.let)
		}
		m.Wait(t.Context())
	})
}

func TestConcurrentRegistrationAndReading(t *testing.T) {
	m := session.New(session.WithConcurrency(), session.WithFreezer(freezer{}))
	boot(t, m)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			id := string(rune('a' + i))
			for {
				select {
				case <-stop:
					return
				default:
				}
				m.Register(session.Func(id, nil, nil))
				m.StartupList()
				m.LastRuns()
				m.Leftovers()
				m.Progress()
				m.CreateCategory(id)
				_ = m.Plan().String()
				m.Unregister(id)
				runtime.Gosched()
			}
		})
	}
	for range 200 {
		if _, err := m.Snapshot(t.Context(), true, false); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
}
