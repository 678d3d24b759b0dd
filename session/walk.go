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
	refused // not called, for an earlier call of it still runs
)

// lane is a goroutine's part of the list: positions next to end.
type lane struct {
	w         *walk
	next, end int

	cur      *call // guarded by w.mu
	curIndex int
	giveUp   time.Time // when the watcher goes on without cur
	lost     bool      // left behind

	finished bool // of the lane's goroutine alone
}

// run runs the whole list and returns why it stopped early, or nil.
func (w *walk) run() error {
	w.state = make([]callState, len(w.list))
	w.timer = time.NewTimer(time.Hour)
	w.timer.Stop()
	defer w.timer.Stop()
	for _, b := range batches(w.list, w.m.concurrent) {
		if w.ctx.Err() != nil {
			w.giveUp(context.Cause(w.ctx))
		}
		if w.stopped() {
			break
		}
		w.runBatch(b)
	}
	return w.failure
}

// batch is a stretch of a list: its handlers run one after the other, or all at once.
type batch struct {
	from, to int
	atOnce   bool
}

// batches cuts a list where the manner of running changes. Handlers alone in their rank are put
// together, so that they share a lane.
func batches(list []*entry, concurrent bool) []batch {
	if len(list) == 0 {
		return nil
	}
	if !concurrent {
		return []batch{{0, len(list), false}}
	}
	var out []batch
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && sameRank(list[from], list[to]) {
			to++
		}
		alone := to == from+1
		if n := len(out) - 1; alone && n >= 0 && !out[n].atOnce {
			out[n].to = to
		} else {
			out = append(out, batch{from, to, !alone})
		}
		from = to
	}
	return out
}

func sameRank(a, b *entry) bool { return a.category == b.category && a.priority == b.priority }

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

// work makes the lane's calls. It ends early when the lane is left behind, or when a handler ends the
// goroutine.
func (l *lane) work() {
	defer l.leave()
	for l.next < l.end && !l.w.stopped() {
		i := l.next
		l.next++
		l.step(i)
		if l.lost {
			return
		}
	}
	l.finished = true
}

func (l *lane) leave() {
	switch {
	case l.lost: // the watcher has put another in its place
	case l.finished:
		l.w.laneDone()
	default: // runtime.Goexit in a handler
		go l.work()
	}
}

func (w *walk) stopped() bool { return w.halted.Load() }

func (w *walk) observed() bool { return len(w.m.observers) > 0 }

func (w *walk) laneDone() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.live--
	if w.live == 0 {
		close(w.idle)
	}
}

// step calls one handler.
func (l *lane) step(i int) {
	w := l.w
	e := w.list[i]
	if w.observed() {
		w.emit(HandlerBegins, w.record(e, time.Now(), 0, nil))
	}
	if w.m.leftBehind(e.id) {
		w.note(i, refused, w.record(e, time.Now(), 0, ErrStillRunning))
		return
	}
	c := l.begin(i)
	err := errGoexit
	defer func() { l.done(c, err) }() // deferred: the handler may end the goroutine
	err = c.invoke()
}

func (l *lane) begin(i int) *call {
	w := l.w
	e := w.list[i]
	c := &call{w: w, e: e, start: time.Now()}
	w.mu.Lock()
	defer w.mu.Unlock()
	l.cur, l.curIndex = c, i
	l.giveUp = c.start.Add(e.limit + w.m.grace)
	if w.stopped() { // the caller gave up since
		l.giveUp = c.start.Add(w.m.grace)
	}
	w.armLocked(l.giveUp)
	return c
}

// armLocked makes the watcher's timer go off at t at the latest.
func (w *walk) armLocked(t time.Time) {
	if !w.armed.IsZero() && !t.Before(w.armed) {
		return
	}
	w.armed = t
	w.timer.Reset(time.Until(t))
}

// done is the end of a call in the lane's goroutine.
func (l *lane) done(c *call, err error) {
	w := l.w
	c.end()
	now := time.Now()
	if err != nil && c.overran(now) {
		err = &OverrunError{Limit: c.e.limit, Err: err}
	}
	r := w.record(c.e, c.start, now.Sub(c.start), err)
	if !l.noteUnlessLost(r) {
		w.m.returned(w, r)
		return
	}
	w.tell(l.curIndex, r)
}

// noteUnlessLost keeps what came of the lane's call, and reports false when the watcher has done so.
func (l *lane) noteUnlessLost(r Record) bool {
	w := l.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.lost {
		return false
	}
	l.cur = nil
	state := succeeded
	if r.Err != nil {
		state = failed
	}
	w.noteLocked(l.curIndex, state, r)
	return true
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
	if r.Err != nil && w.abort {
		w.haltLocked(r.HandlerError())
	}
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
	if w.observed() {
		w.emit(HandlerDone, r)
	}
}

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

// giveUp is called when the caller's context has ended: no further handler is called, and those at work,
// whose contexts have ended with it, have the grace time to return.
func (w *walk) giveUp(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.haltLocked(cause)
	limit := time.Now().Add(w.m.grace)
	for _, l := range w.lanes {
		if l.cur != nil && limit.Before(l.giveUp) {
			l.giveUp = limit
			w.armLocked(limit)
		}
	}
}

// leaveOverdue goes on without the calls that are past their limit and grace.
func (w *walk) leaveOverdue(now time.Time) {
	for _, l := range w.overdue(now) {
		c := l.cur // no longer changed: the lane is lost
		c.end()
		err := error(&OverrunError{Limit: c.e.limit, LeftRunning: true})
		if cause := context.Cause(w.ctx); cause != nil && !c.overran(now) {
			err = fmt.Errorf("not done %v after the caller gave up, and still running: %w", w.m.grace, cause)
		}
		w.note(l.curIndex, failed, w.record(c.e, c.start, now.Sub(c.start), err))
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

// successor takes the place of a lost lane.
func (l *lane) successor() *lane {
	w := l.w
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, each := range w.lanes {
		if each == l {
			w.lanes[i] = &lane{w: w, next: l.next, end: l.end}
			return w.lanes[i]
		}
	}
	panic("session: lost lane is not of this walk")
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
