package supervise

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/seancehq/seance/manifest"
)

// NeedError says that a service was not started because of one it needs.
type NeedError struct {
	Name  string // of the one it needs
	Why   string // that one is not ready, for people
	Later bool   // that one is tried again, and when it is ready this one is started
	Err   error  // the cause where there is one
}

func (e *NeedError) Error() string {
	text := fmt.Sprintf("it needs %q, which %s", e.Name, e.Why)
	if e.Later {
		text += "; it is started when that is ready"
	}
	return text
}

func (e *NeedError) Unwrap() error { return e.Err }

// errDisabled is the cause of a start that fails because a needed service is
// not to be started by the start-up list.
var errDisabled = errors.New("is disabled")

// linkNeeds takes note of who needs whom. It is to be called when that has
// changed.
func (sup *Supervisor) linkNeeds() {
	needers := map[string][]*service{}
	for _, s := range sup.all() {
		for _, name := range s.spec().Needs {
			needers[name] = append(needers[name], s)
		}
	}
	sup.needers.Store(&needers)
}

// needed are the services that a service needs. Those that are not there any
// more are left out.
func (s *service) needed() []*service {
	names := s.spec().Needs
	if len(names) == 0 {
		return nil
	}
	var all []*service
	for _, name := range names {
		if n := s.sup.named(name); n != nil {
			all = append(all, n)
		}
	}
	return all
}

// dependents are those that need the service.
func (s *service) dependents() []*service { return (*s.sup.needers.Load())[s.spec().Name] }

// standing is how far a needed service is.
type standing struct {
	state    State
	ready    bool
	due      bool // the start-up list is to start it, or is at it
	disabled bool
	err      error
}

// needStep is what one who needs a service does about it.
type needStep int

const (
	needMet   needStep = iota
	needStart          // have it started, or join in that
	needWait           // for a change
	needLost           // give up
)

// onNeed decides about a service that another one needs to be started by the
// start-up list. why is for people, when it is lost.
func onNeed(n standing) (step needStep, why string) {
	switch {
	case n.ready:
		return needMet, ""
	case n.due:
		return needStart, ""
	}
	switch n.state {
	case Stopped:
		// By the user, before the session was suspended: who needs it ran without.
		return needMet, ""
	case Exited, Failed:
		if n.err == nil {
			return needMet, ""
		}
		return needLost, "failed: " + firstLine(n.err)
	case Backoff:
		// One that was up is worth waiting for.
		if inVain(n.state, n.err) {
			return needLost, "failed: " + firstLine(n.err)
		}
	case Pending:
		return needLost, errDisabled.Error()
	}
	return needWait, ""
}

func firstLine(err error) string {
	if early, ok := err.(*NotReadyError); ok {
		now := *early
		now.Then = "" // that is about the service itself, and not about who needs it
		err = &now
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimSuffix(line, linesFollow)
}

func (s *service) standingLocked() standing {
	spec := s.spec()
	return standing{
		state:    s.state,
		ready:    s.ready,
		due:      s.round.underway() || s.round == nil && onStartup(s.state, s.suspended, spec.Disabled, false) == launch,
		disabled: spec.Disabled,
		err:      s.lastErr,
	}
}

// awaitNeeds waits until the services that this one needs are ready, and starts
// those that the start-up list is still to start: whether it gets so far,
// nobody knows.
func (s *service) awaitNeeds(ctx context.Context) error {
	for _, n := range s.needed() {
		if err := n.awaitNeeded(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) awaitNeeded(ctx context.Context) error {
	name := s.spec().Name
	for {
		if err := ctx.Err(); err != nil {
			return &NeedError{name, "is not ready", false, err}
		}
		s.mu.Lock()
		now := s.standingLocked()
		changed := s.watchLocked()
		s.mu.Unlock()
		step, why := onNeed(now)
		switch step {
		case needMet:
			return nil
		case needLost:
			if now.err == nil {
				now.err = errDisabled
			}
			return &NeedError{name, why, s.mayComeYet(), now.err}
		case needStart:
			if err := s.startupTogether(ctx); err != nil && !wasGivenUp(ctx, err) {
				return &NeedError{name, "failed: " + firstLine(err), s.mayComeYet(), err}
			}
		case needWait:
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}

// startup starts the service as the start-up list does: after those it needs.
// Where others need it, they may have begun with that.
func (s *service) startup(ctx context.Context) error {
	if len(s.dependents()) == 0 {
		return s.startAfterNeeds(ctx)
	}
	err := s.startupTogether(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.round != nil && !s.round.underway() {
		s.round = nil // what came of it is told, and known by the state
	}
	return err
}

// startAfterNeeds waits for the services it needs, and starts it.
func (s *service) startAfterNeeds(ctx context.Context) error {
	s.mu.Lock()
	calls := s.stopCalls
	s.mu.Unlock()
	if len(s.spec().Needs) > 0 {
		if err := s.prepareStart(ctx); err != nil {
			return err
		}
	}
	return s.startUnlessStopped(ctx, calls)
}

func (s *service) prepareStart(asked context.Context) error {
	ctx, done := s.begin(asked)
	defer done()
	s.mu.Lock()
	waits := s.state == Stopped || s.state == Failed || s.state == Exited
	s.meant = true
	s.mu.Unlock()
	if waits {
		s.set(Pending, false, nil)
	}
	err := s.awaitNeeds(ctx)
	if err == nil {
		return nil
	}
	if context.Cause(ctx) == ErrStopped { // that is why the one it needs was not waited for
		err = ErrStopped
	}
	if wasGivenUp(asked, err) {
		s.neverStarted()
		return err
	}
	if errors.Is(err, errDisabled) {
		err = fmt.Errorf("%w; start both with: seance start %s", err, s.spec().Name)
	}
	s.mu.Lock()
	if s.state != Pending { // stopped, or started by hand
		s.mu.Unlock()
		return err
	}
	s.suspended = false
	e := s.setLocked(Failed, false, err)
	s.meant = IsLater(err)
	s.mu.Unlock()
	s.sup.tell(e)
	if IsLater(err) {
		s.sup.background(func() { s.startLater(err) })
	}
	return err
}

// neverStarted notes that a start was given up before it had begun.
func (s *service) neverStarted() {
	s.mu.Lock()
	if s.state != Pending {
		s.mu.Unlock()
		return
	}
	s.meant, s.suspended = false, false
	e := s.setLocked(Stopped, false, nil)
	s.mu.Unlock()
	s.sup.tell(e)
}

// takeDown stops the service for a shut-down, after those that need it: the
// list that stops them may be at it, or may never get so far.
func (s *service) takeDown(ctx context.Context) error {
	s.beginDown()
	s.dependentsDown(ctx)
	return s.stop(ctx)
}

func (s *service) dependentsDown(ctx context.Context) {
	var wg sync.WaitGroup
	for _, d := range s.dependents() {
		wg.Go(func() { d.goDown(ctx) })
	}
	wg.Wait()
}

// beginDown takes note, once in a shut-down, of whether the service is to be
// started again after it.
func (s *service) beginDown() (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return false
	}
	s.suspended, s.down = s.meant, true
	s.round = nil
	return true
}

// goDown has the service down before one that it needs. Whether that failed is
// told by its own handler.
func (s *service) goDown(ctx context.Context) {
	if s.beginDown() {
		s.dependentsDown(ctx)
		_ = s.stop(ctx)
		return
	}
	for ctx.Err() == nil {
		s.mu.Lock()
		up, changed := s.state.live() || s.state == Stopping, s.watchLocked()
		s.mu.Unlock()
		if !up {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// longExtension is how far a program may move on the limit of its readiness.
const longExtension = 7 * 24 * time.Hour

// startLimit is how long the start of the service may take, with those it
// needs.
func (s *service) startLimit() time.Duration {
	return s.longest((*service).needed, func(spec *manifest.Service) time.Duration {
		if spec.Ready == nil {
			return spec.Shutdown.Grace + handlerSlack // what fails to start is stopped
		}
		if spec.Ready.Notify {
			return longExtension // it may move its own limit on
		}
		return spec.Ready.Timeout + spec.Shutdown.Grace + handlerSlack
	}, map[*service]time.Duration{})
}

// stopLimit is how long the stop of the service may take, with those that need
// it.
func (s *service) stopLimit() time.Duration {
	return s.longest((*service).dependents, func(spec *manifest.Service) time.Duration {
		return spec.Shutdown.Grace + handlerSlack
	}, map[*service]time.Duration{})
}

// longest is the longest way along next, each step with the length of.
func (s *service) longest(next func(*service) []*service, of func(*manifest.Service) time.Duration, known map[*service]time.Duration) time.Duration {
	if d, ok := known[s]; ok {
		return d
	}
	var further time.Duration
	for _, n := range next(s) {
		further = max(further, n.longest(next, of, known))
	}
	known[s] = of(s.spec()) + further
	return known[s]
}
