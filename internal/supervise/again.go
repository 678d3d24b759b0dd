package supervise

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/seancehq/seance/manifest"
)

// onExit is called on the reaper's goroutine.
func (s *service) onExit(in *instance) {
	s.sup.background(func() {
		<-in.published
		s.exited(in)
	})
}

// exited deals with the end of an instance.
func (s *service) exited(in *instance) {
	s.sup.tracker.ended(in.proc)
	in.drain()
	if s.followed(in) {
		return
	}
	exit, _ := in.proc.Exit()
	s.count(in, exit)
	s.mu.Lock()
	if s.inst != in {
		s.mu.Unlock()
		return
	}
	if s.state != Running && s.state != Ready {
		s.mu.Unlock()
		return // dealt with, or whoever starts or stops it sees its end
	}
	d := s.decideLocked(outcome{success: exit.Success(), ran: exit.Time.Sub(in.started)})
	e := s.endedLocked(in, d, exitError(exit))
	s.mu.Unlock()
	s.sup.tell(e)
	s.noteEnd(in, d, exit.String())
	in.notify.close()
}

// followed says that a service that is up has another main process now.
func (s *service) followed(in *instance) bool {
	s.mu.Lock()
	up := s.inst == in && (s.state == Running || s.state == Ready)
	s.mu.Unlock()
	if !up || s.follow(in) == nil {
		return false
	}
	s.mu.Lock()
	e := s.setLocked(s.state, s.ready, s.lastErr)
	s.mu.Unlock()
	s.sup.tell(e)
	return true
}

// decideLocked decides what becomes of a service that ended by itself or had to
// be ended.
func (s *service) decideLocked(o outcome) decision {
	r := s.spec().Restart
	o.attempt = s.attempt
	o.restarts = s.recentLocked(r)
	return afterEnd(r, o, rand.Float64())
}

// recentLocked is how often the service was started again within the window of
// its limit.
func (s *service) recentLocked(r manifest.Restart) int {
	if r.Limit == 0 {
		return 0
	}
	for len(s.restarts) > 0 && time.Since(s.restarts[0]) > r.Within {
		s.restarts = s.restarts[1:]
	}
	return len(s.restarts)
}

// endedLocked makes of the end of an instance what was decided. why is nil for
// one that ended as it should.
func (s *service) endedLocked(in *instance, d decision, why error) Event {
	s.attempt = d.attempt
	if d.state == Failed {
		why = &LimitError{Restarts: len(s.restarts), Within: s.spec().Restart.Within, Err: why}
	}
	if d.state == Backoff {
		s.timer = time.AfterFunc(d.delay, func() {
			s.sup.background(func() { s.again(in) })
		})
	}
	return s.setLocked(d.state, false, why)
}

// LimitError says that a service has ended more often than it may.
type LimitError struct {
	Restarts int
	Within   time.Duration
	Err      error // how it ended at last, nil: with exit status 0
}

func (e *LimitError) Error() string {
	last := "exit status 0"
	if e.Err != nil {
		last = e.Err.Error()
	}
	return fmt.Sprintf("it was started again %s within %v and has ended once more: %s", times(e.Restarts), e.Within, last)
}

func (e *LimitError) Unwrap() error { return e.Err }

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func (s *service) noteEnd(in *instance, d decision, why string) {
	why, _, _ = strings.Cut(why, "\n") // the lines that follow are in the log already
	name := s.spec().Name
	switch d.state {
	case Backoff:
		s.sup.note(name, "instance %d: %s; starting again in %v", in.n, why, d.delay.Round(time.Millisecond))
	case Failed:
		s.sup.note(name, "instance %d: %s; it has ended too often and is not started again", in.n, why)
	default:
		s.sup.note(name, "instance %d: %s", in.n, why)
	}
}

// again starts the service after a delay, unless something else was done with
// it meanwhile.
func (s *service) again(in *instance) {
	ctx := s.sup.ctx
	if s.acquire(ctx) != nil {
		return
	}
	defer s.release()
	s.mu.Lock()
	due := s.state == Backoff && s.inst == in && s.stops == 0 && !s.down
	if due && s.spec().Restart.Limit > 0 {
		s.restarts = append(s.restarts, time.Now())
	}
	s.mu.Unlock()
	if !due {
		return
	}
	err := s.clear(ctx)
	if err == nil {
		err = s.launch(ctx)
	}
	if err != nil {
		s.startedInVain(ctx, err)
	}
}

// startedInVain deals with a start after a delay that failed: it is one more
// that did not last. op is held.
func (s *service) startedInVain(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if endErr := s.endAll(ctx); endErr != nil {
		s.set(Failed, false, errors.Join(err, endErr))
		return
	}
	s.settle(outcome{}, err)
}

// settle makes of an instance that has been ended what its policy says. op is
// held.
func (s *service) settle(o outcome, why error) {
	s.mu.Lock()
	in := s.inst
	d := s.decideLocked(o)
	if s.stops > 0 {
		d = decision{state: Stopped}
	}
	e := s.endedLocked(in, d, why)
	s.mu.Unlock()
	s.sup.tell(e)
	s.noteEnd(in, d, why.Error())
}
