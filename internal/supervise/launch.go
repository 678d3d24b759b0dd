package supervise

import (
	"context"

	"github.com/seancehq/seance/manifest"
)

// launch starts an instance and waits until it is ready. op is held.
func (s *service) launch(ctx context.Context) error {
	ctx, done := s.begin(ctx)
	defer done()
	spec := s.spec()
	match, err := newLogMatch(spec.Ready)
	if err != nil {
		return err
	}
	n := s.nextInstance()
	in, err := s.spawn(spec, n, match)
	if err != nil {
		return err
	}
	if spec.Ready == nil {
		s.isUp(spec, in, Running)
		return nil
	}
	if err := s.awaitReady(ctx, spec, in, match); err != nil {
		return err
	}
	s.isUp(spec, s.instance(), Ready) // it may have another main process
	return nil
}

func (s *service) nextInstance() (n int) {
	s.mu.Lock()
	s.instances++
	n = s.instances
	s.said = ""
	s.mu.Unlock()
	s.set(Starting, false, nil)
	return n
}

func (s *service) spawn(spec *manifest.Service, n int, match *logMatch) (*instance, error) {
	start, err := s.reapSpec(spec, n, spec.Command)
	if err != nil {
		return nil, err
	}
	nt, err := s.newNotifier(spec, n, start.Credential)
	if err != nil {
		return nil, err
	}
	start.Env = append(nt.marks(spec), start.Env...) // of two of a name, the first counts
	start.Terminal = spec.Terminal
	p := program{
		start:  start,
		stdin:  spec.Stdin,
		log:    s.sup.logs.Log(spec.Name),
		dev:    s.sup.dev,
		onExit: s.onExit,
		turns:  s.sup.turns,
	}
	if match != nil {
		p.tap = match.look
	}
	in, err := spawn(s.sup.reaper, n, p)
	if err != nil {
		nt.close()
		return nil, err
	}
	in.notify = nt
	s.sup.tracker.started(s.unit, in.proc)
	s.mu.Lock()
	if s.inst != nil {
		s.old = append(s.old, s.inst)
		s.lastExit = s.inst.ending()
	}
	s.old = stillFlowing(s.old)
	s.inst, s.launched = in, spec
	s.mu.Unlock()
	close(in.published)
	nt.listen()
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

// isUp notes that the start is done. If the program has ended since, its exit
// found the service starting, and is dealt with now.
func (s *service) isUp(spec *manifest.Service, in *instance, state State) {
	if spec.Ready != nil && spec.Ready.Exit {
		s.set(Exited, true, nil)
		in.notify.close()
		return
	}
	s.set(state, true, nil)
	s.watch(spec, in)
	if !in.alive() {
		s.sup.background(func() { s.exited(in) })
	}
}
