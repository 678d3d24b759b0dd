package supervise

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/manifest"
)

// service runs one service of the manifest.
type service struct {
	sup     *Supervisor
	current atomic.Pointer[manifest.Service]
	unit    *unit
	gate    gate
	hold    hold
	// op is held by whoever starts or stops it; see acquire.
	op chan struct{}

	mu        sync.Mutex // guards all below
	state     State
	ready     bool
	suspended bool // stopped by a shut-down, to be started by the next start-up
	inst      *instance
	old       []*instance // earlier ones whose output others hold open
	instances int
	attempt   int    // starts in a row that did not last
	lastExit  string // of the instance before inst
	lastErr   error
	timer     *time.Timer        // starts it again, in Backoff
	stops     int                // stops that wait for op
	changed   chan struct{}      // closed at the next change of state; nil: nobody waits
	restart   chan struct{}      // closed when the restart under way is over; nil: none is
	survivors []string           // that the last stop left alive
	exits     uint64             // of instances that nobody stopped
	failures  uint64             // those of them that were no success
	giveUp    context.CancelFunc // of the start that is under way
}

func newService(sup *Supervisor, spec manifest.Service) *service {
	s := &service{
		sup:   sup,
		unit:  sup.tracker.unit(envService, spec.Name),
		op:    make(chan struct{}, 1),
		state: Pending,
	}
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

// start has the service running and ready. One that runs already stays.
func (s *service) start(ctx context.Context) error {
	if err := s.acquire(ctx); err != nil {
		return err
	}
	defer s.release()
	return s.doStart(ctx)
}

// doStart is start for who holds op.
func (s *service) doStart(ctx context.Context) error {
	s.mu.Lock()
	live := s.state.live() && s.inst.alive()
	s.stopTimerLocked()
	if !live {
		s.attempt = 0
	}
	s.mu.Unlock()
	if live {
		return nil
	}
	if err := s.clear(ctx); err != nil {
		return err
	}
	err := s.launch(ctx)
	if err == nil {
		return nil
	}
	// What fails to start leaves nothing behind.
	if endErr := s.endAll(ctx); endErr != nil {
		err = errors.Join(err, endErr)
	}
	s.set(Failed, false, err)
	return err
}

// launch starts an instance and waits until it is ready. op is held.
func (s *service) launch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	match, err := newLogMatch(s.spec().Ready)
	if err != nil {
		return err
	}
	n := s.beginStart(cancel)
	defer s.endStart()
	in, err := s.spawn(n, match)
	if err != nil {
		return err
	}
	if s.spec().Ready == nil {
		s.isUp(in, Running)
		return nil
	}
	if err := s.awaitReady(ctx, in, match); err != nil {
		return err
	}
	s.isUp(in, Ready)
	return nil
}

func (s *service) beginStart(cancel context.CancelFunc) (n int) {
	s.mu.Lock()
	s.giveUp = cancel
	if s.stops > 0 {
		cancel() // somebody waits to stop it
	}
	s.instances++
	n = s.instances
	s.suspended = false
	s.mu.Unlock()
	s.set(Starting, false, nil)
	return n
}

func (s *service) endStart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveUp = nil
}

func (s *service) spawn(n int, match *logMatch) (*instance, error) {
	p := program{
		args:     s.spec().Command,
		dir:      s.spec().Workdir,
		env:      s.environ(n),
		terminal: s.spec().Terminal,
		log:      s.sup.logs.Log(s.spec().Name),
		dev:      s.sup.dev,
		onExit:   s.onExit,
	}
	if match != nil {
		p.tap = match.look
	}
	in, err := spawn(s.sup.reaper, n, p)
	if err != nil {
		return nil, err
	}
	s.sup.tracker.started(s.unit, in.proc)
	s.mu.Lock()
	if s.inst != nil {
		s.old = append(s.old, s.inst)
		s.lastExit = s.inst.ending()
	}
	s.old = stillFlowing(s.old)
	s.inst = in
	s.mu.Unlock()
	close(in.published)
	return in, nil
}

func stillFlowing(instances []*instance) []*instance {
	var flowing []*instance
	for _, in := range instances {
		if in.flowing() {
			flowing = append(flowing, in)
		}
	}
	return flowing
}

func (s *service) environ(instance int) []string {
	return environment(s.sup.env, s.spec().Env, serviceMarks(s.spec().Name, instance)...)
}

// isUp notes that the start is done. If the program has ended since, its exit
// found the service starting, and is dealt with now.
func (s *service) isUp(in *instance, state State) {
	if s.spec().Ready != nil && s.spec().Ready.Exit {
		s.set(Exited, true, nil)
		return
	}
	s.set(state, true, nil)
	if !in.alive() {
		s.sup.background(func() { s.exited(in) })
	}
}

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
	exit, _ := in.proc.Exit()
	s.count(exit)
	s.mu.Lock()
	if s.inst != in {
		s.mu.Unlock()
		return
	}
	if s.state != Running && s.state != Ready {
		s.mu.Unlock()
		return // dealt with, or whoever starts or stops it sees its end
	}
	d := afterExit(s.spec().Restart, exit, exit.Time.Sub(in.started), s.attempt, rand.Float64())
	e := s.endedLocked(in, d, exit.String(), exit.Success())
	s.mu.Unlock()
	s.sup.tell(e)
	s.noteEnd(in, d, exit.String())
}

// endedLocked makes of a program's end what was decided.
func (s *service) endedLocked(in *instance, d decision, why string, success bool) Event {
	var err error
	if !success {
		err = errors.New(why)
	}
	s.attempt = d.attempt
	if d.state == Backoff {
		s.timer = time.AfterFunc(d.delay, func() {
			s.sup.background(func() { s.again(in) })
		})
	}
	return s.setLocked(d.state, false, err)
}

func (s *service) noteEnd(in *instance, d decision, why string) {
	why, _, _ = strings.Cut(why, "\n") // the lines that follow are in the log already
	if d.state == Backoff {
		s.sup.note(s.spec().Name, "instance %d: %s; starting again in %v", in.n, why, d.delay.Round(time.Millisecond))
		return
	}
	s.sup.note(s.spec().Name, "instance %d: %s", in.n, why)
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
	due := s.state == Backoff && s.inst == in && s.stops == 0
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
	s.mu.Lock()
	in := s.inst
	d := decision{state: Backoff, delay: delay(s.spec().Restart, s.attempt, rand.Float64()), attempt: s.attempt + 1}
	if s.stops > 0 {
		d = decision{state: Stopped}
	}
	e := s.endedLocked(in, d, err.Error(), false)
	s.mu.Unlock()
	s.sup.tell(e)
	s.noteEnd(in, d, err.Error())
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
	if s.giveUp != nil {
		s.giveUp()
	}
	s.mu.Unlock()
	err := acquire(ctx)
	s.mu.Lock()
	s.stops--
	s.mu.Unlock()
	return err
}

// doStop is stop for who holds op.
func (s *service) doStop(ctx context.Context) error {
	s.mu.Lock()
	s.stopTimerLocked()
	state := s.state
	s.mu.Unlock()
	if state == Pending {
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

// endAll ends every process of the service. op is held.
func (s *service) endAll(ctx context.Context) error {
	in := s.instance()
	if in == nil {
		return nil
	}
	err := s.sup.tracker.end(ctx, s.unit, in.proc, s.signals(), s.spec().Shutdown.Grace)
	in.drain()
	return err
}

func (s *service) instance() *instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inst
}

func (s *service) stopTimerLocked() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
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
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
	e := Event{Kind: KindService, Name: s.spec().Name, State: state, Ready: ready, Instance: s.instances, Err: err}
	if s.inst != nil && s.inst.n == s.instances {
		e.PID = s.inst.proc.PID()
	}
	return e
}
