package supervise

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
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
		in.then = d.inWords()
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
		s.sup.note(name, "instance %d: %s; %s", in.n, strings.TrimSuffix(why, linesFollow), d.inWords())
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

// inVain says of a state and the error in it that the last start failed, and that
// there is to be another one.
func inVain(state State, err error) bool {
	_, early := err.(*NotReadyError)
	return state == Backoff && early
}

// mayTryAgain says that a first start that failed was not the last: its program
// ran, nobody has given the start up, and the policy of the service is to start
// it again. What cannot be run at all is not tried again: it does not mend itself.
func (s *service) mayTryAgain(ctx context.Context, err error) bool {
	_, ran := errors.AsType[*NotReadyError](err)
	return ran && ctx.Err() == nil && s.spec().Restart.Policy != manifest.RestartNo && !s.sup.rollsBack(ctx)
}

// rollsBack says that ctx is of a start-up that is undone when something fails in
// it: the first one, where the manifest wants that.
func (sup *Supervisor) rollsBack(ctx context.Context) bool {
	_, ofList := session.FromContext(ctx)
	_, later := session.SnapshotFrom(ctx)
	return ofList && !later && sup.Manifest().OnFailure == manifest.RollBack
}

// tryAgain has the service started again after a first start that failed, and gives
// the error of that.
func (s *service) tryAgain(err error) error {
	d := s.settle(outcome{}, err)
	early, ok := errors.AsType[*NotReadyError](err)
	if !ok || d.state != Backoff {
		return err
	}
	told := *early
	told.Then = d.inWords()
	return &told
}

// settle makes of an instance that has been ended what its policy says. op is
// held.
func (s *service) settle(o outcome, why error) decision {
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
	return d
}
