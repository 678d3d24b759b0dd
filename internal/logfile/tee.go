package logfile

import (
	"context"
	"sync"
	"time"
)

// Limits of a Tee.
const (
	teeBytes = 1 << 20                // of lines that wait for the reader
	teeStall = 250 * time.Millisecond // how long a writer waits for a reader that does nothing
)

// Tee hands on every line that is written, as it is written, in the order of
// each service's log: to a terminal, say. It needs no file: lines that a full
// disk keeps out of the log come too.
//
// A reader that is slower than the writers slows them down, as a terminal
// does with a program in its foreground. One that has done nothing for a
// quarter of a second, such as a terminal that was stopped, holds nobody up any
// longer: lines are skipped until it goes on, and it is told how many. They are
// in the logs.
type Tee struct {
	set  *Set
	fn   func(lines []Line, skipped int)
	done chan struct{}

	mu      sync.Mutex // guards all below; taken with a log locked
	wake    sync.Cond  // there is something to do for the reader
	moved   chan struct{}
	lines   []Line
	bytes   int
	skipped int
	stalled bool // the reader let a writer wait in vain
	ended   bool
}

// Tee begins to hand on lines to fn, which is called from one goroutine, must
// not keep the slice, and may block. skipped is how many lines are missing just
// after these. A Set has one Tee at a time; it ends with Stop.
func (s *Set) Tee(fn func(lines []Line, skipped int)) *Tee {
	t := &Tee{set: s, fn: fn, done: make(chan struct{}), moved: make(chan struct{})}
	t.wake.L = &t.mu
	s.tee.Store(t)
	go t.run()
	return t
}

// Stop ends a Tee. It returns when fn has had all that was written before, or
// with an error at the end of ctx: fn may be blocked for good.
func (t *Tee) Stop(ctx context.Context) error {
	t.set.tee.CompareAndSwap(t, nil)
	t.mu.Lock()
	t.ended = true
	t.wake.Signal()
	t.mu.Unlock()
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Tee) run() {
	defer close(t.done)
	var spare []Line
	for {
		lines, skipped := t.take(spare)
		if lines == nil {
			return
		}
		t.fn(lines, skipped)
		spare = nil
		if cap(lines) <= 256 {
			clear(lines) // a silent image keeps nothing of what it said
			spare = lines[:0]
		}
	}
}

// take waits for lines and takes them all. nil: there will be none.
func (t *Tee) take(spare []Line) (lines []Line, skipped int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.lines) == 0 && t.skipped == 0 {
		if t.ended {
			return nil, 0
		}
		t.wake.Wait()
	}
	lines, skipped = t.lines, t.skipped
	if lines == nil {
		lines = []Line{}
	}
	t.lines, t.bytes, t.skipped, t.stalled = spare, 0, 0, false
	close(t.moved)
	t.moved = make(chan struct{})
	return lines, skipped
}

// push hands on lines, or counts them as skipped.
func (t *Tee) push(lines []Line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.bytes >= teeBytes && !t.stalled && !t.ended {
		t.awaitLocked()
	}
	if t.ended {
		return
	}
	if t.bytes >= teeBytes || t.skipped > 0 {
		t.skipped += len(lines)
		return
	}
	t.lines = append(t.lines, lines...)
	for _, l := range lines {
		t.bytes += len(l.Text) + 96 // and what it takes besides
	}
	t.wake.Signal()
}

// awaitLocked waits until the reader has taken what there is.
func (t *Tee) awaitLocked() {
	moved := t.moved
	t.mu.Unlock()
	timer := time.NewTimer(teeStall)
	defer timer.Stop()
	select {
	case <-moved:
		t.mu.Lock()
	case <-timer.C:
		t.mu.Lock()
		t.stalled = t.stalled || moved == t.moved
	}
}
