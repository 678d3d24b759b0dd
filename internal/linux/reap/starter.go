package reap

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// starters start programs side by side once there are many: each waits, in the
// kernel, until its program has been executed.
type starters struct {
	all   []*starter
	count *atomic.Uint32 // of jobs
}

// manyStarts is after how many all starters are used, and have tables of their
// own.
const manyStarts = 32

func newStarters() starters {
	s := starters{count: new(atomic.Uint32)}
	for range min(2, runtime.GOMAXPROCS(0)) {
		s.all = append(s.all, newStarter())
	}
	return s
}

// do runs fn on a thread that lives as long as the Reaper and returns after it,
// or false when the starters have been closed. fn is given the numbers that the
// descriptors have on the thread, and whether it has a table of its own.
func (s *starters) do(fds []int, null int, fn func(fds []int, own bool, err error)) bool {
	n := s.count.Add(1)
	if n < manyStarts {
		return s.all[0].do(fds, null, false, fn)
	}
	return s.all[n%uint32(len(s.all))].do(fds, null, true, fn)
}

func (s *starters) close() {
	for _, one := range s.all {
		one.close()
	}
}

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
	begin sync.Once
	jobs  chan job
	quit  chan struct{}
	ended chan struct{} // closed when no job is done any more
	wg    sync.WaitGroup

	mu    sync.Mutex // guards all below, and that jobs and their descriptors go the same order
	split bool       // the thread was told to have a table of its own
	apart *apart     // nil: its table is that of all
}

// job is what to do, and the descriptors that it is about.
type job struct {
	do   func(fds []int, own bool, err error)
	fds  []int // their numbers on all other threads
	null int   // open under this number on every thread
	from *apart
	done chan struct{}
}

// queue is how many starts may wait for the thread, so that it goes from one to
// the next without a sleep.
const queue = 64

func newStarter() *starter {
	return &starter{jobs: make(chan job, queue), quit: make(chan struct{}), ended: make(chan struct{})}
}

// do is that of starters. split has the thread get a table of its own first.
func (s *starter) do(fds []int, null int, split bool, fn func(fds []int, own bool, err error)) bool {
	s.begin.Do(func() { s.wg.Go(s.run) })
	s.mu.Lock()
	if split && !s.split {
		s.split = true
		own := job{null: null, done: make(chan struct{})}
		own.do = func([]int, bool, error) { s.apart = newApart(null) }
		if !s.give(own) || !s.await(own) {
			s.mu.Unlock()
			return false
		}
	}
	j := job{fn, fds, null, s.apart, make(chan struct{})}
	if s.apart != nil {
		if err := s.apart.send(fds, null); err != nil {
			s.mu.Unlock()
			fn(nil, false, err)
			return true
		}
	}
	given := s.give(j)
	s.mu.Unlock()
	return given && s.await(j)
}

func (s *starter) give(j job) bool {
	select {
	case s.jobs <- j:
		return true
	case <-s.ended:
		return false
	}
}

func (s *starter) await(j job) bool {
	select {
	case <-j.done:
		return true
	case <-s.ended:
	}
	select {
	case <-j.done: // it was the last one
		return true
	default:
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
	defer close(s.ended)
	for {
		select {
		case j := <-s.jobs:
			s.serveOne(j)
		case <-s.quit:
			if s.apart == nil { // only this thread makes it
				runtime.UnlockOSThread()
			}
			return
		}
	}
}

func (s *starter) serveOne(j job) {
	defer close(j.done)
	if j.from == nil {
		j.do(j.fds, false, nil)
		return
	}
	fds, err := j.from.receive(j.fds, j.null)
	j.do(fds, true, err)
	closeAll(fds, j.null)
}

func (s *starter) close() {
	s.begin.Do(func() { close(s.ended) }) // it will not begin any more
	close(s.quit)
	s.wg.Wait()
	if s.apart != nil {
		s.apart.close()
	}
}
