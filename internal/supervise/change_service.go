package supervise

import (
	"context"
	"slices"
)

// startForUser is start at a moment when no snapshot holds the service.
func (s *service) startForUser(ctx context.Context) error {
	if err := s.acquireForUser(ctx, s.acquireToStart); err != nil {
		return err
	}
	defer s.release()
	return s.doStart(ctx, anyCalls)
}

// startAnew is startForUser for a service with a new specification: one that
// runs and was started by another is restarted.
func (s *service) startAnew(ctx context.Context) error {
	if err := s.acquireForUser(ctx, s.acquireToStart); err != nil {
		return err
	}
	defer s.release()
	if s.isLive() && s.isOutdated() {
		if err := s.doStop(ctx); err != nil {
			return err
		}
	}
	return s.doStart(ctx, anyCalls)
}

// isOutdated says that what runs was not started as the manifest says now.
func (s *service) isOutdated() bool {
	s.mu.Lock()
	launched := s.launched
	s.mu.Unlock()
	return launched != nil && slices.ContainsFunc(changedKeys(entry{service: launched}, entry{service: s.spec()}), needsRestart)
}

// retire is for a service that a reload has stopped and removed. Who had begun
// to start it before that was known has done so in vain.
func (s *service) retire(ctx context.Context) {
	s.hold.retire()
	if err := s.stop(ctx); err != nil {
		s.sup.note(s.spec().Name, "it was removed, and cannot be stopped: %v", err)
	}
	s.mu.Lock()
	s.stopTimerLocked()
	left := len(s.survivors) > 0 || s.state != Stopped
	s.mu.Unlock()
	if !left {
		s.sup.tracker.drop(s.unit)
	}
}

// runs are the instances whose output may not have ended.
func (s *service) runs() []*instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(slices.Clone(s.old), s.inst)
}

func (s *service) flowing() bool {
	return slices.ContainsFunc(s.runs(), func(in *instance) bool { return in != nil && in.flowing() })
}

// stopForUser is stop at such a moment.
func (s *service) stopForUser(ctx context.Context) error {
	acquire := func(ctx context.Context) error { return s.acquireForUser(ctx, s.acquire) }
	if err := s.acquireToStop(ctx, acquire); err != nil {
		return err
	}
	defer s.release()
	return s.doStop(ctx)
}

// isLive says that a program runs.
func (s *service) isLive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.live() && s.inst.alive()
}

// isReady says that others may count on the service.
func (s *service) isReady() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

// isStopped says that there is nothing to stop.
func (s *service) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == Stopped || s.state == Pending
}

func (s *service) stateNow() (state State, survivors []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.survivors
}

// beginRestart takes note of a restart, unless one is under way: done is closed
// when that is over.
func (s *service) beginRestart() (done <-chan struct{}, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.restart != nil {
		return s.restart, false
	}
	s.restart = make(chan struct{})
	return s.restart, true
}

func (s *service) endRestart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.restart)
	s.restart = nil
}
