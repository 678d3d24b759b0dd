package session

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// walk is one run of a list. The goroutine that called Boot or Snapshot watches; lanes do the calls.
//
// A lane goes through its part of the list by itself, so that a list of quick handlers costs one
// goroutine and no hand-over. The watcher sleeps until a call is past its limit and grace: then it
// leaves that lane's goroutine behind, with the call in it, and a new one goes on.
type walk struct {
	m        *Manager
	session  *Session
	ctx      context.Context
	progress *progress
	result   *Result

	list     []*entry
	action   Action
	told     bool // booting or quitting
	rollback bool
	abort    bool // stop at the first failure
	// giveUpRest ends ctx, and is nil where a failure does not end the calls at work.
	giveUpRest context.CancelCauseFunc

	halted atomic.Bool // no further handler is called; set under mu

	mu      sync.Mutex
	lanes   []*lane
	live    int           // lanes at work
	idle    chan struct{} // closed when live comes to 0
	failure error         // why it is halted
	state   []callState   // by position in list
	timer   *time.Timer   // the watcher's
	armed   time.Time     // when it goes off; zero when it does not
}

type callState uint8

const (
	notCalled callState = iota
	succeeded
	failed
	givenUp // it failed after the context had ended
	refused // not called, for an earlier call of it still runs
)

// run runs the whole list and returns why it stopped early, or nil.
func (w *walk) run() error {
	w.state = make([]callState, len(w.list))
	if w.abort && w.action == Startup {
		w.ctx, w.giveUpRest = context.WithCancelCause(w.ctx)
		defer w.giveUpRest(nil)
	}
	w.timer = time.NewTimer(time.Hour)
	w.timer.Stop()
	defer w.timer.Stop()
	for _, b := range batches(w.list, w.m.concurrent) {
		if w.stopped() {
			break
		}
		w.runBatch(b)
	}
	// A context that ended during the last call counts too, whether or not the watcher saw it.
	w.stopped()
	return w.failure
}

func (w *walk) runBatch(b batch) {
	lanes := []lane{{w: w, next: b.from, end: b.to}}
	if b.atOnce {
		lanes = make([]lane, b.to-b.from)
		for i := range lanes {
			lanes[i] = lane{w: w, next: b.from + i, end: b.from + i + 1}
		}
	}
	w.lanes = make([]*lane, len(lanes))
	for i := range lanes {
		w.lanes[i] = &lanes[i]
	}
	w.live = len(w.lanes)
	w.idle = make(chan struct{})
	for _, l := range w.lanes {
		go l.work()
	}
	w.watch()
}

// stopped reports whether no further handler is to be called. It asks the context itself: the
// watcher may be slower than the lane whose handler made the context end.
func (w *walk) stopped() bool {
	if w.halted.Load() {
		return true
	}
	if w.ctx.Err() == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.haltLocked(context.Cause(w.ctx))
	return true
}

func (w *walk) observed() bool { return len(w.m.observers) > 0 }

func (w *walk) laneDone() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.live--
	if w.live == 0 {
		close(w.idle)
	}
}

// armLocked makes the watcher's timer go off at t at the latest.
func (w *walk) armLocked(t time.Time) {
	if !w.armed.IsZero() && !t.Before(w.armed) {
		return
	}
	w.armed = t
	w.timer.Reset(time.Until(t))
}

// note keeps what came of a call, and tells of it.
func (w *walk) note(i int, s callState, r Record) {
	w.mu.Lock()
	w.noteLocked(i, s, r)
	w.mu.Unlock()
	w.tell(i, r)
}

func (w *walk) noteLocked(i int, s callState, r Record) {
	w.state[i] = s
	w.result.Handlers = append(w.result.Handlers, r)
	if r.Err == nil || !w.abort {
		return
	}
	why := r.HandlerError()
	if w.ctx.Err() != nil { // that is why the handler failed
		why = context.Cause(w.ctx)
	}
	w.haltLocked(why)
}

// haltLocked keeps lanes from calling further handlers.
func (w *walk) haltLocked(why error) {
	if w.halted.CompareAndSwap(false, true) {
		w.failure = why
	}
}

func (w *walk) tell(i int, r Record) {
	w.m.setLast(w.list[i], r)
	w.progress.step(r.Err != nil)
	if r.Err != nil && w.giveUpRest != nil {
		w.giveUpRest(errOther)
	}
	if w.observed() {
		w.emit(HandlerDone, r)
	}
}

// errOther is why a call is given up when the list is aborted. Who asks whether it was given up need
// not know both reasons.
var errOther = fmt.Errorf("another handler has failed: %w", context.Canceled)

// watch waits until all lanes are done, or left behind.
func (w *walk) watch() {
	given := w.ctx.Done()
	for {
		select {
		case <-w.idle:
			return
		case <-given:
			given = nil
			w.giveUp(context.Cause(w.ctx))
		case <-w.timer.C:
			w.leaveOverdue(time.Now())
		}
	}
}

// giveUp is called when the context has ended: no further handler is called, and those at work, whose
// contexts have ended with it, have the grace time to return, however much is left of their limits.
func (w *walk) giveUp(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.haltLocked(cause)
	now := time.Now()
	for _, l := range w.lanes {
		if l.cur != nil && !l.lost {
			l.giveUp = now.Add(w.grace(l.cur.e))
			w.armLocked(l.giveUp)
		}
	}
}

// grace is how long a call may take to return after its context has ended.
func (w *walk) grace(e *entry) time.Duration {
	if w.action == Startup {
		return max(w.m.grace, e.undo)
	}
	return w.m.grace
}

// leaveOverdue goes on without the calls that are past their limit and grace.
func (w *walk) leaveOverdue(now time.Time) {
	for _, l := range w.overdue(now) {
		c := l.cur // no longer changed: the lane is lost
		c.end()
		err, state := error(&OverrunError{Limit: c.e.limit, LeftRunning: true}), failed
		if cause := context.Cause(w.ctx); cause != nil && !c.overran(now) {
			state = givenUp
			err = fmt.Errorf("not done %v after it was given up, and still running: %w", w.grace(c.e), cause)
		}
		w.note(l.curIndex, state, w.record(c.e, c.start, now.Sub(c.start), err))
		go l.successor().work()
	}
}

// overdue marks and returns the lanes to leave behind, and sets the timer for the others.
func (w *walk) overdue(now time.Time) []*lane {
	w.mu.Lock()
	defer w.mu.Unlock()
	var late []*lane
	w.armed = time.Time{}
	for _, l := range w.lanes {
		switch {
		case l.cur == nil || l.lost:
		case now.Before(l.giveUp):
			w.armLocked(l.giveUp)
		default:
			l.lost = true
			w.m.leave(w, l.cur)
			late = append(late, l)
		}
	}
	return late
}

func (w *walk) record(e *entry, start time.Time, d time.Duration, err error) Record {
	return Record{
		ID: e.id, Category: e.category.name, Priority: e.priority, Action: w.action,
		Booting: w.action == Startup && w.told, Quitting: w.action == Shutdown && w.told,
		Rollback: w.rollback, Start: start, Duration: d, Err: err,
	}
}

func (w *walk) emit(kind EventKind, r Record) {
	err := w.m.emit(Event{Kind: kind, Session: w.session.id, Progress: w.progress.get(), Handler: r})
	if err == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.result.ObserverErr == nil {
		w.result.ObserverErr = err
	}
}

// toUndo returns the handlers that have to be shut down when the start-up list has failed as a whole,
// in the order of the list.
func (w *walk) toUndo() []*entry {
	var out []*entry
	for i, e := range w.list {
		switch w.state[i] {
		case succeeded:
			out = append(out, e)
		case failed: // it has been part of the session all the same
			if !w.abort {
				out = append(out, e)
			}
		case notCalled:
			if e.up != nil && e.up() {
				out = append(out, e)
			}
		}
	}
	return out
}

// called returns the handlers whose state is one of those given, in the order of the list.
func (w *walk) called(states ...callState) []*entry {
	var out []*entry
	for i, e := range w.list {
		for _, s := range states {
			if w.state[i] == s {
				out = append(out, e)
			}
		}
	}
	return out
}
