package supervise

import (
	"context"
	"fmt"
	"time"

	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// handlerSlack is what a handler's time limit has beyond the limits that its
// service or hook sets itself, so that those are the ones that are reported.
const handlerSlack = killWait + 5*time.Second

// serviceHandler is a service as the session manager sees it.
type serviceHandler struct{ s *service }

func (h serviceHandler) ID() string { return h.s.spec().Name }

// undoTime is what a start-up that is given up may take to stop the service, and
// those that it needs.
func (h serviceHandler) undoTime() time.Duration {
	return h.s.longest((*service).needed, func(spec *manifest.Service) time.Duration {
		return spec.Shutdown.Grace + handlerSlack
	}, map[*service]time.Duration{})
}

// timeLimit is for the longer of the two calls.
func (h serviceHandler) timeLimit() time.Duration {
	return max(h.s.startLimit(), h.s.stopLimit())
}

// Startup has the service do what it did before the last shut-down.
func (h serviceHandler) Startup(ctx context.Context, booting bool) error {
	s := h.s
	s.hold.end()
	s.resume()
	s.mu.Lock()
	s.down = false
	plan := onStartup(s.state, s.suspended, s.spec().Disabled, booting)
	if s.round != nil {
		plan = launch // one that needs it has begun with that
	}
	s.mu.Unlock()
	var err error
	switch plan {
	case launch:
		err = s.startup(ctx)
	case verify:
		if err := s.verify(ctx); err != nil {
			return &HandlerError{fmt.Sprintf("service %q does not answer after the boot", s.spec().Name), err}
		}
	}
	if err != nil {
		return failure("start", "service", s.spec().Name, err)
	}
	return nil
}

// Shutdown stops the service, or holds it ready for a freeze.
func (h serviceHandler) Shutdown(ctx context.Context, quitting bool) error {
	s := h.s
	snapshot, ok := session.SnapshotFrom(ctx)
	up := staysUp(ok && snapshot.Save, quitting, s.sup.hot())
	s.hold.begin(quitting && !up) // what is up goes on in another copy, with what it was about
	if up {
		s.mu.Lock()
		s.round = nil
		s.mu.Unlock()
		s.gate.pause()
		return nil
	}
	if err := s.takeDown(ctx); err != nil {
		return failure("stop", "service", s.spec().Name, err)
	}
	return nil
}

// resume lets probes be made again after a freeze.
func (s *service) resume() {
	s.gate.resume()
	s.rewatch()
}

// verify sees that a service that was revived still answers its probe. It is
// left running if it does not: it is all that there is of its state.
func (s *service) verify(ctx context.Context) error {
	spec := s.spec()
	if probe, _ := s.readyProbe(spec); probe == nil {
		return nil
	}
	if err := s.acquire(ctx); err != nil {
		return err
	}
	defer s.release()
	s.mu.Lock()
	in, up := s.inst, s.state == Ready || s.state == Running
	s.mu.Unlock()
	if !up {
		return nil // a user was about to stop it, or it has ended, as its state says
	}
	limited, cancel := context.WithTimeout(ctx, spec.Ready.Timeout)
	defer cancel()
	err := s.awaitProbe(limited, spec, in)
	s.mu.Lock()
	if s.inst != in || s.state != Ready && s.state != Running {
		s.mu.Unlock()
		return err // it ended meanwhile, and its state says so
	}
	e := s.setLocked(Ready, true, nil)
	if err != nil {
		e = s.setLocked(Running, false, err)
		if s.health != nil {
			s.health.ill = true // till it is seen to be well again
		}
	}
	s.mu.Unlock()
	s.sup.tell(e)
	return err
}

// hookHandler is a hook as the session manager sees it.
type hookHandler struct{ h *hook }

func (h hookHandler) ID() string { return h.h.spec.Name }

func (h hookHandler) undoTime() time.Duration { return hookGrace + handlerSlack }

func (h hookHandler) timeLimit() time.Duration { return h.h.spec.Timeout + hookGrace + handlerSlack }

func (h hookHandler) Startup(ctx context.Context, booting bool) error {
	return h.h.run(ctx, h.h.spec.Startup, fmt.Sprintf("%s=%v", envBooting, booting))
}

func (h hookHandler) Shutdown(ctx context.Context, quitting bool) error {
	return h.h.run(ctx, h.h.spec.Shutdown, fmt.Sprintf("%s=%v", envQuitting, quitting))
}
