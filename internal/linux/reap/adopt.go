package reap

import (
	"errors"
	"slices"
	"syscall"
	"time"
)

// ErrNotChild says that a process is no child of ours that could be adopted.
var ErrNotChild = errors.New("it is not an orphan of ours")

// Adopt takes a stray child, one that this Reaper did not start, for one that it
// did: its end is told as theirs. A daemon whose program has handed over to
// another process of its own is such a case.
//
// It leads its process group only if it has made one: SignalGroup signals it
// alone otherwise.
func (r *Reaper) Adopt(pid int, onExit func(*Process)) (*Process, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if r.procs[pid] != nil {
		return nil, ErrNotChild
	}
	// Nobody is reaped while the lock is held: the number stays this process's.
	children, err := readChildren(r.proc)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(children, pid) {
		return nil, ErrNotChild
	}
	pgid, err := syscall.Getpgid(pid)
	if err != nil {
		return nil, err
	}
	p := &Process{reaper: r, pid: pid, started: time.Now(), onExit: onExit, done: make(chan struct{}), alone: pgid != pid}
	r.procs[pid] = p
	return p, nil
}
