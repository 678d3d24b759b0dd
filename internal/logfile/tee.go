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

// Output is what one stream has written at one moment.
type Output struct {
	Service, Stream string
	Instance        int
	Time            time.Time
	// Text is lines with a newline each, but for one at the end that goes on in
	// the next output of the stream.
	Text []byte

	lines int // that have ended
	block *[]byte
}

func newOutput(s *Stream, now time.Time, block *[]byte) Output {
	return Output{Service: s.log.service, Stream: s.name, Instance: s.instance, Time: now, Text: (*block)[:0], block: block}
}

// release gives the memory back.
func (o *Output) release(s *Set) {
	if o.block != nil {
		s.blocks.put(o.block)
		o.block, o.Text = nil, nil
	}
}

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
	fn   func(written []Output, skipped int)
	done chan struct{}

	mu      sync.Mutex // guards all below; taken with a log locked
	wake    sync.Cond  // there is something to do for the reader
	moved   chan struct{}
	written []Output
	bytes   int
	skipped int
	stalled bool // the reader let a writer wait in vain
	ended   bool
}

// Tee begins to hand on what is written to fn, which is called from one
// goroutine, must keep nothing of it, and may block. skipped is how many lines
// are missing just after these. A Set has one Tee at a time; it ends with Stop.
func (s *Set) Tee(fn func(written []Output, skipped int)) *Tee {
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
	var spare []Output
	for {
		written, skipped := t.take(spare)
		if written == nil {
			return
		}
		t.fn(written, skipped)
		for i := range written {
			written[i].release(t.set)
		}
		spare = nil
		if cap(written) <= 256 {
			clear(written) // a silent image keeps nothing of what it said
			spare = written[:0]
		}
	}
}

// take waits for something and takes it all. nil: there will be nothing.
func (t *Tee) take(spare []Output) (written []Output, skipped int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.written) == 0 && t.skipped == 0 {
		if t.ended {
			return nil, 0
		}
		t.wake.Wait()
	}
	written, skipped = t.written, t.skipped
	if written == nil {
		written = []Output{}
	}
	t.written, t.bytes, t.skipped, t.stalled = spare, 0, 0, false
	close(t.moved)
	t.moved = make(chan struct{})
	return written, skipped
}

// push hands on what was written, or counts it as skipped.
func (t *Tee) push(o Output) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.bytes >= teeBytes && !t.stalled && !t.ended {
		t.awaitLocked()
	}
	switch {
	case t.ended:
		o.release(t.set)
	case t.bytes >= teeBytes || t.skipped > 0:
		t.skipped += o.lines
		o.release(t.set)
	default:
		t.written = append(t.written, o)
		t.bytes += len(o.Text) + 96 // and what it takes besides
		t.wake.Signal()
	}
}

// Note hands on a line of the supervisor's own that no log has, in its turn. It
// waits for nobody.
func (t *Tee) Note(service, text string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.written = append(t.written, Output{Service: service, Stream: StreamSeance, Time: at, Text: []byte(text + "\n")})
		t.wake.Signal()
	}
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
