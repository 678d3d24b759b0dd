package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seancehq/seance/manifest"
)

// health is the watch over one instance of a service that has a probe. Between
// two probes there is a timer and nothing else; a service without one has none
// of it. Its fields but in and spec are guarded by service.mu.
type health struct {
	in       *instance
	spec     *manifest.Service // as it was when the instance came up
	timer    *time.Timer
	interval time.Duration // of a watchdog: the program may ask for another
	failures int           // in a row
	ill      bool          // it has been told of
}

// watchdog says that the program speaks up by itself.
func (h *health) watchdog() bool { return h.spec.Probe.Notify }

// watch begins the watch over an instance that is up.
func (s *service) watch(spec *manifest.Service, in *instance) {
	if spec.Probe == nil {
		return
	}
	h := &health{in: in, spec: spec, interval: spec.Probe.Interval}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unwatchLocked()
	if nt := in.notify; nt != nil && h.watchdog() {
		h.interval = cmp.Or(nt.interval, h.interval)
		if nt.triggered {
			h.interval = 0 // over already
		}
	}
	if s.inst != in || !s.state.live() {
		return
	}
	s.health = h
	h.timer = time.AfterFunc(h.interval, func() { s.sup.background(func() { s.examine(h) }) })
}

// watchAnew has an instance that runs watched as the manifest says now.
func (s *service) watchAnew() {
	spec := s.spec()
	s.mu.Lock()
	in, h, up := s.inst, s.health, s.state == Running || s.state == Ready
	if h != nil && h.spec != spec && spec.Probe == nil {
		s.unwatchLocked()
	}
	s.mu.Unlock()
	if up && (h == nil || h.spec != spec) {
		s.watch(spec, in)
	}
}

// unwatchLocked ends the watch.
func (s *service) unwatchLocked() {
	if s.health != nil {
		s.health.timer.Stop()
		s.health = nil
	}
}

// rewatch gives the service its full time after a freeze, in which it could not
// speak up.
func (s *service) rewatch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.health != nil {
		s.health.timer.Reset(s.health.interval)
	}
}

// spokeUp has the watchdog wait afresh: the program has spoken up.
func (s *service) spokeUp(in *instance, interval time.Duration) {
	s.mu.Lock()
	if interval > 0 {
		in.notify.interval = interval // for the watch, if it has not begun
	}
	h := s.health
	if h == nil || h.in.n != in.n || !h.watchdog() {
		s.mu.Unlock()
		return
	}
	if interval > 0 {
		h.interval = interval
	}
	h.timer.Reset(h.interval)
	s.mu.Unlock()
	s.healthy(h)
}

var errTriggered = errors.New("it has said WATCHDOG=trigger")

// triggered deals with a program that asks for what becomes of one that has not
// spoken up.
func (s *service) triggered(in *instance) {
	s.mu.Lock()
	in.notify.triggered = true // for the watch, if it has not begun
	h := s.health
	s.mu.Unlock()
	if h != nil && h.in.n == in.n && h.watchdog() {
		s.unhealthy(h, errTriggered)
	}
}

// examine is called when the time of a watch is over.
func (s *service) examine(h *health) {
	if h.watchdog() {
		// While the gate is closed the program may be frozen: it gets its full
		// time when the gate opens.
		if s.gate.isOpen() {
			s.mu.Lock()
			why := fmt.Errorf("it has not said WATCHDOG=1 for %v", h.interval)
			if h.in.notify != nil && h.in.notify.triggered {
				why = errTriggered
			}
			s.mu.Unlock()
			s.unhealthy(h, why)
		}
		return
	}
	err := s.askHealth(h)
	switch {
	case s.sup.ctx.Err() != nil:
		return
	case errors.Is(err, errCut):
	case err == nil:
		s.healthy(h)
	default:
		s.mu.Lock()
		h.failures++
		failures := h.failures
		s.mu.Unlock()
		if failures >= h.spec.Probe.Failures {
			_, name := s.healthProbe(h.spec)
			s.unhealthy(h, fmt.Errorf("its probe has failed %s in a row (%s): %w", times(failures), name, err))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.health == h {
		h.timer.Reset(h.interval)
	}
}

func (s *service) askHealth(h *health) error {
	probe, _ := s.healthProbe(h.spec)
	return s.gate.pass(s.sup.ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, h.spec.Probe.Timeout)
		defer cancel()
		return probe(ctx)
	})
}

// healthy takes note of a good answer.
func (s *service) healthy(h *health) {
	s.mu.Lock()
	if s.health != h {
		s.mu.Unlock()
		return
	}
	h.failures = 0
	if !h.ill || s.state != Running {
		s.mu.Unlock()
		return
	}
	h.ill = false
	e := s.setLocked(upState(h.spec), true, nil)
	s.mu.Unlock()
	s.sup.tell(e)
	s.sup.note(s.spec().Name, "instance %d: it is healthy again", h.in.n)
}

// upState is the state of a service when it is well.
func upState(spec *manifest.Service) State {
	if spec.Ready == nil {
		return Running
	}
	return Ready
}

// unhealthy deals with an instance that runs and is not healthy: by its policy
// it is ended and started again, or told to be unwell and left alone.
func (s *service) unhealthy(h *health, why error) {
	if s.spec().Restart.Policy == manifest.RestartNo {
		s.unwell(h, why)
		return
	}
	ctx := s.sup.ctx
	if s.acquire(ctx) != nil {
		return
	}
	defer s.release()
	s.mu.Lock()
	if s.health != h || s.stops > 0 || s.down || s.state != Running && s.state != Ready {
		s.mu.Unlock()
		return // stopped, or ended by itself
	}
	s.unwatchLocked()
	e := s.setLocked(Stopping, false, why)
	s.mu.Unlock()
	s.sup.tell(e)
	if err := s.endAll(ctx); err != nil {
		s.set(Failed, false, errors.Join(why, err))
		return
	}
	s.settle(outcome{ran: time.Since(h.in.started)}, why)
}

// unwell takes note that others cannot count on the service.
func (s *service) unwell(h *health, why error) {
	s.mu.Lock()
	if s.health != h || h.ill || s.state != Running && s.state != Ready {
		s.mu.Unlock()
		return
	}
	h.ill = true
	e := s.setLocked(Running, false, why)
	s.mu.Unlock()
	s.sup.tell(e)
	s.sup.note(s.spec().Name, "instance %d: %v; it is not started again, as its restart policy is %q", h.in.n, why, manifest.RestartNo)
}
