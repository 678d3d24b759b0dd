package supervise

import (
	"context"
	"errors"
)

// IsLater says that an error is that of a start which is made up for when what the
// service needs is ready.
func IsLater(err error) bool {
	need, ok := errors.AsType[*NeedError](err)
	return ok && need.Later
}

// startLater starts the service when all that it needs is ready, unless one of that
// fails for good, or anything is done with the service before.
func (s *service) startLater(failed error) {
	ctx := s.sup.ctx
	for {
		s.mu.Lock()
		still, changed, calls := s.stillLocked(failed), s.watchLocked(), s.stopCalls
		s.mu.Unlock()
		if !still {
			return
		}
		unready, theirs := s.firstUnready()
		if unready == nil {
			s.makeUp(ctx, failed, calls)
			return
		}
		if !unready.mayComeYet() {
			s.neverLater(failed)
			return
		}
		select {
		case <-changed:
		case <-theirs:
		case <-ctx.Done():
			return
		}
	}
}

// stillLocked says that the service is as it was left by a start that failed.
func (s *service) stillLocked(failed error) bool {
	return s.state == Failed && s.lastErr == failed && s.stops == 0 && !s.down
}

// firstUnready is the first of the services it needs that is not ready, and what is
// closed when that has changed since; nil when all are ready.
func (s *service) firstUnready() (n *service, changed <-chan struct{}) {
	for _, n := range s.needed() {
		changed := n.nextChange()
		if !n.isReady() {
			return n, changed
		}
	}
	return nil, nil
}

// mayComeYet says that a service which has not got ready may still do so by itself: it
// is tried again, or that is under way already.
func (s *service) mayComeYet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case Failed:
		return IsLater(s.lastErr)
	case Exited, Stopped:
		return s.ready
	case Pending:
		return !s.spec().Disabled
	}
	return true
}

// neverLater notes that nothing comes of it: what is needed will not get ready.
func (s *service) neverLater(failed error) {
	s.mu.Lock()
	need, ok := errors.AsType[*NeedError](failed)
	if !ok || !s.stillLocked(failed) {
		s.mu.Unlock()
		return
	}
	told := *need
	told.Later = false
	e := s.setLocked(Failed, false, &told)
	s.mu.Unlock()
	s.sup.tell(e)
}

// makeUp starts the service as start does, unless there was another call of stop, and
// something was done with it meanwhile.
func (s *service) makeUp(ctx context.Context, failed error, calls int) {
	if s.acquireToStart(ctx) != nil {
		return
	}
	defer s.release()
	s.mu.Lock()
	still := s.stillLocked(failed)
	s.mu.Unlock()
	if still {
		_ = s.doStart(ctx, calls) // its state says what came of it
	}
}
