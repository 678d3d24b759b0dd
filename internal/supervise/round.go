package supervise

import "context"

// round is one start of a service by the start-up list that several wait for:
// its own handler and those who need it. It goes on for as long as one of them
// does. waiting and lost are guarded by service.mu.
type round struct {
	waiting int
	lost    bool // all who waited have given up before it was done
	giveUp  context.CancelCauseFunc
	done    chan struct{}
	err     error // set before done is closed
}

func (r *round) underway() bool {
	if r == nil {
		return false
	}
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// startupTogether begins the round, or joins it.
func (s *service) startupTogether(ctx context.Context) error {
	r := s.join(ctx)
	select {
	case <-r.done:
		s.leave(r, nil)
		return r.err
	case <-ctx.Done():
		if s.leave(r, context.Cause(ctx)) {
			<-r.done // a start that fails leaves nothing behind
		}
		if !r.underway() && r.err != nil {
			return r.err // which may be why all else was given up
		}
		return ctx.Err()
	}
}

func (s *service) join(ctx context.Context) *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.round
	if r == nil || r.lost {
		r = s.newRoundLocked(ctx)
	}
	r.waiting++
	return r
}

// newRoundLocked begins a round in the list of whoever asks first, whose patience
// it does not share.
func (s *service) newRoundLocked(list context.Context) *round {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(list))
	unbind := context.AfterFunc(s.sup.ctx, func() { cancel(context.Cause(s.sup.ctx)) })
	r := &round{giveUp: cancel, done: make(chan struct{})}
	s.round, s.down = r, false
	run := func() {
		defer close(r.done)
		defer unbind()
		s.resume()
		r.err = s.startAfterNeeds(ctx)
	}
	if !s.sup.background(run) {
		r.err = s.sup.ctx.Err()
		close(r.done)
	}
	return r
}

// leave ends the round, for that reason, when nobody waits for it any more.
func (s *service) leave(r *round, why error) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.waiting--
	if r.waiting > 0 {
		return false
	}
	r.giveUp(why)
	r.lost = r.underway()
	return true
}
