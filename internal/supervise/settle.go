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
	return max(0, s.sup.moment-time.Since(s.inst.started))
}

// endedSoon is how such a program has ended, nil if it has not.
func (s *service) endedSoon() error {
	s.mu.Lock()
	in := s.inst
	ended := s.launched != nil && s.launched.Ready == nil && (s.state == Backoff || s.state == Exited || s.state == Failed)
	s.mu.Unlock()
	if !ended || in == nil {
		return nil
	}
	return s.endedAtOnce(in)
}

// prove gives the program of an instance that moment, if it needs it, and says how
// it has ended by itself in it with a failure.
func (s *service) prove(ctx context.Context, in *instance) error {
	s.mu.Lock()
	needed := in != nil && s.inst == in && s.launched.Ready == nil
	s.mu.Unlock()
	if !needed {
		return nil
	}
	lived := time.NewTimer(s.sup.moment - time.Since(in.started))
	defer lived.Stop()
	select {
	case <-in.proc.Done():
	case <-lived.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.decided(ctx, in); err != nil {
		return err
	}
	return s.endedAtOnce(in)
}

// decided waits, if an instance has ended by itself, until its service has taken
// note of that and is in the state that follows.
func (s *service) decided(ctx context.Context, in *instance) error {
	for {
		changed := s.nextChange()
		s.mu.Lock()
		due := s.inst == in && (s.state == Running || s.state == Ready)
		s.mu.Unlock()
		if !due || in.alive() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.sup.ctx.Done():
			return nil
		}
	}
}

func (s *service) endedAtOnce(in *instance) error {
	exit, ended := in.proc.Exit()
	s.mu.Lock()
	stopped, then := in.stopped, in.then
	s.mu.Unlock()
	if !ended || stopped || exit.Success() || exit.Time.Sub(in.started) > s.sup.moment {
		return nil
	}
	reason := fmt.Sprintf("ended right after its start (%s)", exit)
	return &NotReadyError{Reason: reason, Lines: s.lastLines(in), Err: exitError(exit), Then: then}
}

// prove waits until programs that were started, and count as ready as soon as they
// run, have lived for a moment.
func (c *changing) prove(ctx context.Context) error {
	for _, s := range c.list {
		c.mu.Lock()
		in := c.started[s]
		c.mu.Unlock()
		err := s.prove(ctx, in)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			c.fail(s, fmt.Errorf("it %w", err))
		}
	}
	return nil
}

// prove waits until programs that were started, and count as ready as soon as they
// run, have lived for a moment. The step of one that has not says so.
func (r *reloading) prove(ctx context.Context) {
	r.mu.Lock()
	all := r.started
	r.mu.Unlock()
	for _, one := range all {
		if err := one.service.prove(ctx, one.in); err != nil {
			r.note(one.entry, failure("start", "service", one.entry.name(), fmt.Errorf("it %w", err)))
		}
	}
}
