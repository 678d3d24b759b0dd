package reap

import (
	"runtime"
	"sync"
)

// starter runs functions on one thread that lives as long as the Reaper.
//
// The kernel sends a parent-death signal at the end of the *thread* that forked
// (PR_SET_PDEATHSIG(2const)), and the runtime ends the thread of a goroutine that
// returns while it is locked to it. So what is to live as long as the process
// must not be forked from just any thread.
type starter struct {
	begin *sync.Once
	jobs  chan func()
	quit  chan struct{}
	wg    *sync.WaitGroup
}

func newStarter() starter {
	return starter{begin: new(sync.Once), jobs: make(chan func()), quit: make(chan struct{}), wg: new(sync.WaitGroup)}
}

// do runs fn on the thread and returns after it, or false when the starter has
// been closed.
func (s *starter) do(fn func()) bool {
	s.begin.Do(func() { s.wg.Go(s.run) })
	done := make(chan struct{})
	select {
	case s.jobs <- func() { fn(); close(done) }:
		<-done
		return true
	case <-s.quit:
		return false
	}
}

func (s *starter) run() {
	// Unlocked at the end, the thread goes on: its children get no signal.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case job := <-s.jobs:
			job()
		case <-s.quit:
			return
		}
	}
}

func (s *starter) close() {
	s.begin.Do(func() {}) // it will not begin any more
	close(s.quit)
	s.wg.Wait()
}
