package process

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// lock is a mutex for critical sections of some ten nanoseconds that many
// goroutines ask for in close succession.
//
// sync.Mutex parks a waiter after a few spins, and waking it costs more than a
// hundred of our critical sections. Here a waiter backs off for a growing while
// instead, so that the goroutine that has the lock, and the memory behind it in
// its cache, does many operations in a row; only when the owner seems to have
// lost its processor does the waiter sleep. At most one goroutine spins; the
// others queue up behind it.
type lock struct {
	state atomic.Uint32
	queue sync.Mutex    // held by the one goroutine that spins or sleeps
	wake  chan struct{} // capacity 1: the sleeper should try again
}

const (
	unlocked  = 0
	locked    = 1
	contended = 2 // locked, and a goroutine sleeps on wake
)

// The pauses between two tries, in rounds of an empty loop of less than a nanosecond
// each, and the number of tries before sleeping.
const (
	minPause = 512
	maxPause = 65536
	maxTries = 64
)

func newLock() lock { return lock{wake: make(chan struct{}, 1)} }

func (l *lock) Lock() {
	if !l.state.CompareAndSwap(unlocked, locked) {
		l.lockSlow()
	}
}

func (l *lock) Unlock() {
	if l.state.Swap(unlocked) == contended {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

func (l *lock) lockSlow() {
	l.queue.Lock()
	defer l.queue.Unlock()
	if l.spin() {
		return
	}
	// As in Drepper's "Futexes Are Tricky": once contended, the lock is taken as
	// contended, which costs at most one needless wake-up.
	for l.state.Swap(contended) != unlocked {
		<-l.wake
	}
}

// spin tries for a while to get the lock without sleeping. Between two tries it does
// not look at the lock: that would take it out of the owner's cache.
func (l *lock) spin() bool {
	alone := runtime.GOMAXPROCS(0) == 1
	pause := minPause
	for try := range maxTries {
		if alone || try%8 == 7 {
			runtime.Gosched() // the owner may need our processor
		} else {
			rest(pause)
		}
		if l.state.Load() == unlocked && l.state.CompareAndSwap(unlocked, locked) {
			return true
		}
		pause = min(4*pause, maxPause)
	}
	return false
}

// rest does nothing for so many rounds.
func rest(rounds int) {
	for range rounds {
	}
}
