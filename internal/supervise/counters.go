package supervise

import "github.com/seancehq/seance/internal/linux/reap"

// Counters are what has been counted of a service since the supervisor was
// made, for a monitoring system.
type Counters struct {
	Name string
	// Starts counts the instances, Restarts those that followed the first.
	Starts, Restarts uint64
	// Exits counts the instances that nobody stopped and that have ended, Failures
	// those among them that did not exit with status 0.
	Exits, Failures uint64
}

// Counters gives those of each service, in the order of the manifest.
func (sup *Supervisor) Counters() []Counters {
	all := sup.all()
	list := make([]Counters, 0, len(all))
	for _, s := range all {
		s.mu.Lock()
		list = append(list, Counters{
			Name: s.spec().Name, Starts: uint64(s.instances), Restarts: uint64(max(0, s.instances-1)),
			Exits: s.exits, Failures: s.failures,
		})
		s.mu.Unlock()
	}
	return list
}

// markStoppedLocked keeps the end of what runs from being counted: the service
// may have gone on to another state by the time it is dealt with.
func (s *service) markStoppedLocked() {
	if s.inst == nil {
		return
	}
	if _, ended := s.inst.proc.Exit(); !ended {
		s.inst.stopped = true
	}
}

// count counts the end of an instance.
func (s *service) count(in *instance, exit reap.Exit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.stopped {
		return
	}
	s.exits++
	if !exit.Success() {
		s.failures++
	}
}
