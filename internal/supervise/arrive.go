package supervise

import (
	"context"
	"errors"
)

// Arrive is for the end of the start-up of a copy that was booted from a save. It
// waits for what was under way with services when they were frozen, and goes on
// now: starts, restarts and stops. It says which services have failed at that. When
// ctx ends it waits no longer.
func (sup *Supervisor) Arrive(ctx context.Context) error {
	var errs []error
	for _, s := range sup.ordered() {
		if err := s.arrive(ctx); err != nil {
			errs = append(errs, failure("start", "service", s.spec().Name, err))
		}
	}
	return errors.Join(errs...)
}

// arrive waits until the service is neither on its way up nor down. The error is
// what it has failed with meanwhile.
func (s *service) arrive(ctx context.Context) error {
	for waited := false; ; waited = true {
		changed := s.nextChange()
		s.mu.Lock()
		moves := s.coming > 0 || s.state == Starting || s.state == Stopping
		failed := waited && (s.state == Failed || inVain(s.state, s.lastErr))
		err := s.lastErr
		s.mu.Unlock()
		switch {
		case !moves && failed:
			return err
		case !moves:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		case <-s.sup.ctx.Done():
			return nil
		}
	}
}

// comes takes note of a start or a restart that somebody asked for, until went is
// called.
func (s *service) comes() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coming++
}

func (s *service) went() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coming--
	s.wakeLocked()
}
