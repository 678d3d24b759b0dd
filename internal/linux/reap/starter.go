package reap

import (
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// starter runs functions on one thread that lives as long as the Reaper.
//
// The kernel sends a parent-death signal at the end of the *thread* that forked
// (PR_SET_PDEATHSIG(2const)), and the runtime ends the thread of a goroutine that
// returns while it is locked to it. So what is to live as long as the process
// must not be forked from just any thread.
//
// A thread that starts many programs gets a table of descriptors of its own, see
// apart: a fork copies its caller's table, and the exec closes what is in the
// copy one by one, which for the thousandth program costs as much as all the rest
// of its start.
type starter struct {
	begin *sync.Once
	jobs  chan job
	quit  chan struct{}
	wg    *sync.WaitGroup

	mu    *sync.Mutex // held from the hand-over of descriptors to the end of the job
	apart *apart      // nil: the thread's table is that of all. Changed by the thread, in a job
	count int         // of jobs; the thread's
}

// job is what to do, and the descriptors that it is about.
type job struct {
	do   func(fds []int, err error)
	fds  []int // their numbers on all other threads
	null int   // open under this number on every thread
	done chan struct{}
}

// manyStarts is after how many the thread gets a table of its own.
const manyStarts = 32

func newStarter() starter {
	return starter{begin: new(sync.Once), jobs: make(chan job), quit: make(chan struct{}), wg: new(sync.WaitGroup), mu: new(sync.Mutex)}
}

// do runs fn on the thread and returns after it, or false when the starter has
// been closed. fn is given the numbers that the descriptors have on the thread.
func (s *starter) do(fds []int, null int, fn func(fds []int, err error)) bool {
	s.begin.Do(func() { s.wg.Go(s.run) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.apart != nil {
		if err := s.apart.send(fds, null); err != nil {
			fn(nil, err)
			return true
		}
	}
	j := job{fn, fds, null, make(chan struct{})}
	select {
	case s.jobs <- j:
		<-j.done
		return true
	case <-s.quit:
		return false
	}
}

func (s *starter) run() {
	runtime.LockOSThread()
	if unix.Gettid() != os.Getpid() {
		s.serve()
		return
	}
	// The main thread's table is the one that /proc/PID/fd shows. While this
	// goroutine holds that thread, another one is on another.
	locked := make(chan struct{})
	s.wg.Go(func() {
		runtime.LockOSThread()
		close(locked)
		s.serve()
	})
	<-locked
	runtime.UnlockOSThread()
}

// serve does the jobs. After the last one the thread goes on, and its children
// get no signal. With a table of its own it cannot do anything else: it ends with
// this goroutine, and its children get theirs.
func (s *starter) serve() {
	for {
		select {
		case j := <-s.jobs:
			s.serveOne(j)
		case <-s.quit:
			if s.apart == nil {
				runtime.UnlockOSThread()
			}
			return
		}
	}
}

func (s *starter) serveOne(j job) {
	defer close(j.done)
	if s.apart != nil {
		fds, err := s.apart.receive(j.fds, j.null)
		j.do(fds, err)
		closeAll(fds, j.null)
		return
	}
	j.do(j.fds, nil)
	if s.count++; s.count == manyStarts {
		s.apart = newApart(j.null)
	}
}

func (s *starter) close() {
	s.begin.Do(func() {}) // it will not begin any more
	close(s.quit)
	s.wg.Wait()
	if s.apart != nil {
		s.apart.close()
	}
}
