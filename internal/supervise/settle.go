package supervise

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// moment is how long a program without a readiness probe has to live to count as
// started: one that cannot read its configuration, or whose shell does not find
// it, ends sooner.
const moment = 100 * time.Millisecond

// Settle is for the end of a start-up: it gives programs that count as ready as
// soon as they run a moment to prove it, and says which of them have ended by
// themselves with a failure since they were started. It does not wait when there
// are none, or when all have lived for that long.
func (sup *Supervisor) Settle(ctx context.Context) error {
	var young time.Duration
	for _, s := range sup.all() {
		young = max(young, s.youth())
	}
	if young > 0 {
		timer := time.NewTimer(young)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var errs []error
	for _, s := range sup.all() {
		if err := s.endedSoon(); err != nil {
			errs = append(errs, fmt.Errorf("service %q %w", s.spec().Name, err))
		}
	}
	return errors.Join(errs...)
}

// youth is how long a program without a readiness probe has yet to live until it
// counts as started; 0 for others.
func (s *service) youth() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != Running || s.launched == nil || s.launched.Ready != nil {
		return 0
	}
	return max(0, moment-time.Since(s.inst.started))
}

// endedSoon is how such a program has ended, nil if it has not.
func (s *service) endedSoon() error {
	s.mu.Lock()
	in, why := s.inst, s.lastErr
	ended := s.launched != nil && s.launched.Ready == nil && (s.state == Backoff || s.state == Exited || s.state == Failed)
	if !ended || why == nil || in == nil {
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	exit, ok := in.proc.Exit()
	if !ok || exit.Time.Sub(in.started) > moment {
		return nil
	}
	reason := fmt.Sprintf("ended right after its start (%s)", firstLine(why))
	return &NotReadyError{Reason: reason, Lines: s.lastLines(in), Err: why}
}
