package supervise

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/manifest"
)

// ErrStopped says that a start was overtaken by a stop.
var ErrStopped = errors.New("it was stopped meanwhile")

// ErrDown says that a service is not started because a shut-down has stopped
// it: the next start-up decides.
var ErrDown = errors.New("the image is being shut down")

// service runs one service of the manifest.
type service struct {
	sup     *Supervisor
	current atomic.Pointer[manifest.Service]
	unit    *unit
	gate    gate
	hold    hold
	// op is held by whoever starts or stops it; see acquire.
	op chan struct{}

	mu         sync.Mutex // guards all below
	state      State
	ready      bool
	meant      bool          // to run: from a start until a stop or an end for good
	down       bool          // stopped by a shut-down: nothing starts it before the next start-up
	suspended  bool          // to be started by that
	changed    chan struct{} // closed at the next change of state; nil: nobody waits
	inst       *instance
	launched   *manifest.Service // what the last start went by
	old        []*instance       // earlier ones whose output others hold open
	instances  int
	attempt    int         // starts in a row that did not last
	restarts   []time.Time // by itself, of late; kept for a limit only
	lastExit   string      // of the instance before inst
	said       string      // of itself, by the instance that runs
	lastErr    error
	timer      *time.Timer   // starts it again, in Backoff
	stops      int           // stops that wait for op
	stopCalls  int           // all there have been
	efforts    []*effort     // to start it, that are under way
	round      *round        // of its start by the start-up list, where others need it
	unusualLog bool          // the log was configured
	health     *health       // the watch over inst; nil: there is none
	restart    chan struct{} // closed when the restart under way is over; nil: none is
	coming     int           // starts and restarts that were asked for and are not over
	survivors  []string      // that the last stop left alive
	exits      uint64        // of instances that nobody stopped
	failures   uint64        // those of them that were no success
}

func newService(sup *Supervisor, spec manifest.Service) *service {
	s := &service{
		sup:   sup,
		unit:  sup.tracker.unit(envService, spec.Name),
		op:    make(chan struct{}, 1),
		state: Pending,
	}
	s.hold.all = &sup.held
	s.current.Store(&spec)
	return s
}

// spec is what the manifest says of the service now. A reload puts another in
// its place, of the same name: whoever needs two values that belong together
// asks once.
func (s *service) spec() *manifest.Service { return s.current.Load() }

// signals ask the service to end.
func (s *service) signals() []syscall.Signal {
	spec := s.spec()
	signal := unix.SignalNum("SIG" + spec.Shutdown.Signal)
	// A process that is stopped gets no signal before it goes on.
	signals := []syscall.Signal{signal, syscall.SIGCONT}
	if spec.Terminal && signal == syscall.SIGTERM {
		// Shells on a terminal ignore SIGTERM. To close a terminal is to hang up.
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// acquire makes the caller the one who starts or stops the service.
func (s *service) acquire(ctx context.Context) error {
	select {
	case s.op <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.op <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *service) release() { <-s.op }

// acquireToStart lets those go first who wait to stop the service: else they
// would have to wait until it has started.
func (s *service) acquireToStart(ctx context.Context) error {
	for {
		if err := s.acquire(ctx); err != nil {
			return err
		}
		s.mu.Lock()
		stopping, changed := s.stops > 0, s.watchLocked()
		s.mu.Unlock()
		if !stopping {
			return nil
		}
		s.release()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// anyCalls of stop may have come before a start.
const anyCalls = -1

// startUnlessStopped has the service running and ready. One that runs already
// stays. It does nothing when there have been other calls of stop than
// so many.
func (s *service) startUnlessStopped(ctx context.Context, calls int) error {
	if err := s.acquireToStart(ctx); err != nil {
		if wasGivenUp(ctx, err) { // who else is starting it would do so in what is being undone
			err = errors.Join(err, s.stop(s.sup.ctx))
		}
		return err
	}
	defer s.release()
	return s.doStart(ctx, calls)
}

// doStart is startUnlessStopped for who holds op.
func (s *service) doStart(ctx context.Context, calls int) error {
	s.mu.Lock()
	live, down := s.state.live() && s.inst.alive(), s.down
	overtaken := calls != anyCalls && calls != s.stopCalls
	late := ctx.Err() // it was given up while others started or stopped the service
	if !live && !down && !overtaken && late == nil {
		s.beginAfreshLocked()
	}
	s.mu.Unlock()
	switch {
	case down:
		return ErrDown
	case overtaken:
		return ErrStopped
	case live:
		return nil
	case late != nil:
		return late
	}
	if err := s.clear(ctx); err != nil {
		return err
	}
	return s.launchOrFail(ctx)
}

// beginAfreshLocked forgets what has come of earlier starts.
func (s *service) beginAfreshLocked() {
	s.meant = true
	s.suspended = false
	s.attempt, s.restarts = 0, nil
	s.stopTimerLocked()
}

// launchOrFail starts an instance, and leaves nothing behind if that fails: the
// service has failed then, or is started again by its policy. op is held.
func (s *service) launchOrFail(ctx context.Context) error {
	err := s.launch(ctx)
	if err == nil {
		return nil
	}
	if wasGivenUp(ctx, err) {
		return errors.Join(err, s.undoStart())
	}
	if endErr := s.endAll(s.sup.ctx); endErr != nil {
		err = errors.Join(err, endErr)
	} else if s.mayTryAgain(ctx, err) {
		return s.tryAgain(err)
	}
	s.set(Failed, false, err)
	return err
}

// wasGivenUp says that what was done under ctx failed because whoever asked for
// it wants it no more, and not by itself.
func wasGivenUp(ctx context.Context, err error) bool {
	cause := context.Cause(ctx)
	overran := errors.Is(cause, context.DeadlineExceeded)
	return ctx.Err() == context.Canceled && !overran && (errors.Is(err, context.Canceled) || errors.Is(err, cause))
}

// undoStart stops a service whose start was given up, as a shut-down does: it
// gets the whole of its grace time. op is held.
func (s *service) undoStart() error {
	s.mu.Lock()
	s.meant = false
	s.mu.Unlock()
	s.set(Stopping, false, nil)
	if err := s.endAll(s.sup.ctx); err != nil {
		s.set(Failed, false, err)
		return err
	}
	s.set(Stopped, false, nil)
	return nil
}

// stop ends every process of the service, and whatever start is under way.
func (s *service) stop(ctx context.Context) error {
	if err := s.acquireToStop(ctx, s.acquire); err != nil {
		return err
	}
	defer s.release()
	return s.doStop(ctx)
}

// acquireToStop has whatever start is under way given up.
func (s *service) acquireToStop(ctx context.Context, acquire func(context.Context) error) error {
	s.mu.Lock()
	s.stops++
	s.stopCalls++
	for _, e := range s.efforts {
		e.giveUp(ErrStopped)
	}
	s.mu.Unlock()
	err := acquire(ctx)
	s.mu.Lock()
	s.stops--
	s.wakeLocked()
	s.mu.Unlock()
	return err
}

// doStop is stop for who holds op.
func (s *service) doStop(ctx context.Context) error {
	s.mu.Lock()
	s.stopTimerLocked()
	s.meant = false
	state := s.state
	s.mu.Unlock()
	switch state {
	case Stopped:
		return nil
	case Pending:
		s.set(Stopped, false, nil)
		return nil
	}
	s.set(Stopping, false, nil)
	if err := s.endAll(ctx); err != nil {
		s.set(Failed, false, err)
		return err
	}
	s.set(Stopped, false, nil)
	return nil
}

// clear ends what an earlier instance has left behind: it may hold the port or
// the lock that the next one needs. op is held.
func (s *service) clear(ctx context.Context) error {
	if s.instance() == nil {
		return nil
	}
	return s.endAll(ctx)
}

// effort is one attempt to start the service, for a stop to cut short.
type effort struct{ giveUp context.CancelCauseFunc }

// begin makes ctx one that ends when the service is to be stopped, with
// ErrStopped as its cause.
func (s *service) begin(ctx context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	e := &effort{cancel}
	s.mu.Lock()
	s.efforts = append(s.efforts, e)
	if s.stops > 0 {
		cancel(ErrStopped) // somebody waits to do that
	}
	s.mu.Unlock()
	return ctx, func() {
		cancel(nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, each := range s.efforts {
			if each == e {
				s.efforts = append(s.efforts[:i], s.efforts[i+1:]...)
				break
			}
		}
		if len(s.efforts) == 0 {
			s.efforts = nil
		}
	}
}

func (s *service) instance() *instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inst
}

// isMeant says whether somebody has started it who has not stopped it since.
func (s *service) isMeant() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meant
}

func (s *service) stopTimerLocked() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// watchLocked gives a channel that is closed at the next change of state.
func (s *service) watchLocked() <-chan struct{} {
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

func (s *service) wakeLocked() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// set changes the state and tells it.
func (s *service) set(state State, ready bool, err error) {
	s.mu.Lock()
	e := s.setLocked(state, ready, err)
	s.mu.Unlock()
	s.sup.tell(e)
}

func (s *service) setLocked(state State, ready bool, err error) Event {
	s.state, s.ready, s.lastErr = state, ready, err
	if state == Stopping {
		s.markStoppedLocked()
	}
	if !state.live() {
		s.unwatchLocked()
	}
	if state == Failed || state == Exited {
		s.meant = false
	}
	s.wakeLocked()
	e := Event{Kind: KindService, Name: s.spec().Name, State: state, Ready: ready, Instance: s.instances, Err: err}
	if s.inst != nil && s.inst.n == s.instances {
		e.PID = s.inst.proc.PID()
	}
	return e
}
