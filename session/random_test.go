package session_test

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/seancehq/seance/session"
)

// life is a manager that random things are done with, and what must be true of it after each.
type life struct {
	m        *session.Manager
	booting  bool  // what the next freeze answers
	frozen   error // and whether it fails
	stay     error // whether the next quit fails
	up       map[string]bool
	fails    map[string]error // by "startup ID", "shutdown ID"
	deferred int              // actions deferred, less actions run
	session  string           // identity of the session before the action
}

func (l *life) Freeze(context.Context) (bool, error) { return l.booting, l.frozen }
func (l *life) Quit(context.Context) error           { return l.stay }

func (l *life) handler(id string) session.Handler {
	return session.Func(id,
		func(ctx context.Context, booting bool) error {
			s, _ := session.FromContext(ctx)
			if err := s.Defer(id, func(context.Context, bool) error { l.deferred--; return nil }); err != nil {
				return err
			}
			l.deferred++
			err := l.fails["startup "+id]
			l.up[id] = l.up[id] || err == nil
			return err
		},
		func(context.Context, bool) error {
			l.up[id] = false
			return l.fails["shutdown "+id]
		})
}

// check is called after each boot and each snapshot.
func (l *life) check(t *rapid.T, res *session.Result, err error) {
	if res.Running != l.m.Running() {
		t.Fatalf("result says running %v, the manager %v", res.Running, l.m.Running())
	}
	if current := l.m.Current(); current != nil {
		if current.Stale() == res.Running {
			t.Fatalf("running %v, but the session's staleness is %v", res.Running, current.Stale())
		}
		if current.ID() != res.Session {
			t.Fatalf("result is of session %s, current is %s", res.Session, current.ID())
		}
		if changed := current.ID() != l.session; changed != res.Booting {
			t.Fatalf("session changed: %v, booting: %v", changed, res.Booting)
		}
		l.session = current.ID()
	}
	for id, up := range l.up {
		if up && !res.Running {
			t.Fatalf("the session has ended, and handler %s is up", id)
		}
	}
	if res.Running && l.deferred != 0 {
		t.Fatalf("the session runs, and %d deferred actions have not run", l.deferred)
	}
	if !res.Running {
		l.deferred = 0 // gone with their session
	}
	if (err == nil) != (res.Err == nil && len(res.Failed()) == 0) {
		t.Fatalf("error is %v, result %+v", err, res)
	}
	if _, underway := l.m.Progress(); underway {
		t.Fatal("something is under way")
	}
}

func TestRandomLives(t *testing.T) {
	for _, policy := range []session.Policy{session.Collect, session.Abort} {
		t.Run(policy.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { randomLife(t, policy) })
		})
	}
}

func randomLife(t *rapid.T, policy session.Policy) {
	l := &life{up: map[string]bool{}, fails: map[string]error{}}
	l.m = session.New(session.WithFreezer(l), session.WithPolicy(policy))
	broken := errors.New("broken")
	id := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	maybe := rapid.SampledFrom([]error{nil, nil, nil, broken})
	t.Repeat(map[string]func(*rapid.T){
		"register": func(t *rapid.T) {
			id := id.Draw(t, "id")
			if l.up[id] { // else its Shutdown would never be called
				t.Skip("it is up")
			}
			if err := l.m.Register(l.handler(id), session.AtPriority(rapid.IntRange(0, 2).Draw(t, "priority"))); err != nil {
				t.Fatal(err)
			}
		},
		"unregister": func(t *rapid.T) {
			id := id.Draw(t, "id")
			if l.up[id] {
				l.m.StopHandler(context.Background(), id, true)
			}
			l.m.Unregister(id)
		},
		"fail": func(t *rapid.T) {
			l.fails[rapid.SampledFrom([]string{"startup ", "shutdown "}).Draw(t, "at")+id.Draw(t, "id")] = maybe.Draw(t, "error")
		},
		"boot": func(t *rapid.T) {
			was := l.m.Running()
			res, err := l.m.Boot(context.Background())
			if was {
				if !errors.Is(err, session.ErrRunning) {
					t.Fatalf("second boot: %v", err)
				}
				return
			}
			l.check(t, res, err)
			if policy == session.Collect && !res.Running {
				t.Fatalf("collecting, the boot failed: %v", err)
			}
		},
		"snapshot": func(t *rapid.T) {
			l.booting, l.frozen, l.stay = rapid.Bool().Draw(t, "booting"), maybe.Draw(t, "frozen"), maybe.Draw(t, "stay")
			save, quit := rapid.Bool().Draw(t, "save"), rapid.Bool().Draw(t, "quit")
			was := l.m.Running()
			res, err := l.m.Snapshot(context.Background(), save, quit)
			if !was && (save || quit) {
				if !errors.Is(err, session.ErrNotRunning) {
					t.Fatalf("snapshot of nothing: %v", err)
				}
				return
			}
			if save || quit {
				l.check(t, res, err)
			}
			ended := quit && !res.Booting && res.Err == nil
			if was && policy == session.Collect && res.Running == ended {
				t.Fatalf("collecting, running is %v after %+v", res.Running, res)
			}
		},
	})
}
