package supervise

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What [Supervisor.Await] waits for.
const (
	AwaitReady   = "ready"   // others may count on it
	AwaitStopped = "stopped" // nothing of it runs, and nothing is about to
)

// ErrNever says that what is waited for does not come by itself.
var ErrNever = errors.New("it does not come to that by itself")

// neverError is an [ErrNever] in the words that tell why.
type neverError struct {
	why string
	err error
}

func (e neverError) Error() string   { return e.why + ": " + e.err.Error() }
func (e neverError) Unwrap() []error { return []error{ErrNever, e.err} }

// Await waits until a service, or all replicas of one, are ready or stopped, and
// gives their status. A program without a readiness probe is ready once it has run
// for a moment. One that has failed, or has ended and is not to be started
// again, is an error when it was to get ready: it wraps [ErrNever], and what the
// service failed with. The error for a name that nobody has wraps [ErrNotFound].
func (sup *Supervisor) Await(ctx context.Context, name, what string) ([]Status, error) {
	if what != AwaitReady && what != AwaitStopped {
		return nil, fmt.Errorf("cannot wait for service %q to be %q: %w: wait for %s or %s", name, what, ErrAction, AwaitReady, AwaitStopped)
	}
	found := sup.replicas(name)
	if len(found) == 0 {
		return nil, fmt.Errorf("cannot wait for service %q: %w%s", name, ErrNotFound, sup.known())
	}
	list := make([]Status, 0, len(found))
	for _, s := range found {
		st, err := s.await(ctx, what)
		list = append(list, st)
		if err != nil {
			return list, fmt.Errorf("cannot wait for service %q to be %s: %w", st.Name, what, err)
		}
	}
	return list, nil
}

func (s *service) await(ctx context.Context, what string) (Status, error) {
	for {
		changed := s.nextChange()
		st := s.status()
		there, err := st.reached(what)
		var proven <-chan time.Time
		if young := s.youth(); there && what == AwaitReady && young > 0 {
			there, proven = false, time.After(young)
		}
		if there || err != nil {
			return st, err
		}
		select {
		case <-changed:
		case <-proven:
		case <-ctx.Done():
			return st, ctx.Err()
		case <-s.sup.ctx.Done():
			return st, ErrClosed
		}
	}
}

// nextChange is closed when the state changes.
func (s *service) nextChange() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.watchLocked()
}

// reached says that a service is as it is waited for, or why it will not be.
func (st Status) reached(what string) (bool, error) {
	if what == AwaitStopped {
		switch st.State {
		case Stopped, Exited, Failed:
			return st.PID == 0, nil
		case Pending:
			return st.Disabled, nil
		}
		return false, nil
	}
	switch {
	case st.Ready:
		return true, nil
	case st.State == Failed && !IsLater(st.Err):
		return false, neverError{"it has failed", st.reason()}
	case st.State == Exited:
		return false, neverError{"it has ended and is not to be started again", st.reason()}
	}
	return false, nil
}

func (st Status) reason() error {
	switch {
	case st.Err != nil:
		return st.Err
	case st.Exit != "":
		return errors.New(st.Exit)
	}
	return errors.New("nobody said why")
}
