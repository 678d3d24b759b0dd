package supervise

import "context"

// startForUser is start at a moment when no snapshot holds the service.
func (s *service) startForUser(ctx context.Context) error {
	if err := s.acquireForUser(ctx); err != nil {
		return err
	}
	defer s.release()
	return s.doStart(ctx, anyCalls)
}

// stopForUser is stop at such a moment.
func (s *service) stopForUser(ctx context.Context) error {
	if err := s.acquireToStop(ctx, s.acquireForUser); err != nil {
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
