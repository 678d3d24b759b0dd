package supervise

import "time"

// Unmark has no program marked from now on, as where a hard limit forbids it.
func (sup *Supervisor) Unmark() {
	sup.tracker.marks = false
	for _, u := range sup.tracker.units {
		u.mark = 0
	}
}

// Efforts are how many attempts to start a service are under way, with those
// that wait for what it needs.
func (sup *Supervisor) Efforts(name string) int {
	s := sup.named(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.efforts)
}

// Waiting is how many wait for the start of a service by the start-up list: its
// own handler, and those who need it.
func (sup *Supervisor) Waiting(name string) int {
	s := sup.named(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.round == nil {
		return 0
	}
	return s.round.waiting
}

// Deaf runs f while no message of the instance of a service is taken.
func (sup *Supervisor) Deaf(name string, f func()) {
	nt := sup.named(name).instance().notify
	nt.mu.Lock()
	defer nt.mu.Unlock()
	f()
}

// Moment has programs without a readiness probe count as started after so long.
func (sup *Supervisor) Moment(d time.Duration) { sup.moment = d }
