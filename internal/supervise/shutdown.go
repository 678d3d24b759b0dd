package supervise

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/seancehq/seance/manifest"
)

// endAll ends every process of the service: its shut-down command asks it to
// end, then a signal, and after the grace time SIGKILL. op is held.
func (s *service) endAll(ctx context.Context) error {
	in := s.instance()
	if in == nil {
		return nil
	}
	spec := s.spec()
	begin := time.Now()
	s.askByCommand(ctx, spec, in)
	grace := max(0, spec.Shutdown.Grace-time.Since(begin))
	spared, err := s.sup.tracker.end(ctx, s.unit, in.proc, s.signals(), grace, spec.Detached)
	in.notify.close()
	in.drain()
	s.mu.Lock()
	s.survivors = namesOf(spared)
	s.mu.Unlock()
	return err
}

// askByCommand runs the shut-down command to its end, at most for the grace
// time. What it cannot do, the signal does: a failure is told in the log alone.
func (s *service) askByCommand(ctx context.Context, spec *manifest.Service, in *instance) {
	if len(spec.Shutdown.Command) == 0 || !in.alive() {
		return
	}
	ctx, done := s.sup.tracker.hasty(ctx)
	defer done()
	ctx, cancel := context.WithTimeout(ctx, spec.Shutdown.Grace)
	defer cancel()
	if err := s.runShutdown(ctx, spec, in); err != nil {
		s.sup.note(spec.Name, "instance %d: its shut-down command %s", in.n, err)
	}
}

func (s *service) runShutdown(ctx context.Context, spec *manifest.Service, in *instance) error {
	start, err := s.reapSpec(spec, in.n, spec.Shutdown.Command)
	if err != nil {
		return fmt.Errorf("cannot be run: %w", err)
	}
	ask, err := spawn(s.sup.reaper, in.n, program{
		start: start, log: s.sup.logs.Log(spec.Name), dev: s.sup.dev, onExit: func(*instance) {},
	})
	if err != nil {
		return fmt.Errorf("cannot be run: %w", err)
	}
	s.sup.tracker.started(s.unit, ask.proc)
	defer s.doneAsking(ask)
	exit, err := ask.proc.Wait(ctx)
	if err != nil {
		_ = ask.proc.SignalGroup(syscall.SIGKILL)
		<-ask.proc.Done()
		return fmt.Errorf("took too long and was killed")
	}
	if !exit.Success() {
		return fmt.Errorf("failed: %s", exit)
	}
	return nil
}

// doneAsking keeps the output of a command that has ended for as long as others
// hold it open.
func (s *service) doneAsking(ask *instance) {
	s.sup.tracker.ended(ask.proc)
	ask.drain()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old = stillFlowing(append(s.old, ask))
}
