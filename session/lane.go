package session

import "time"

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
	l.giveUp = c.start.Add(e.limit + w.grace(e))
	if w.ctx.Err() != nil { // the watcher has seen to the other calls already
		l.giveUp = c.start.Add(w.grace(e))
	}
	w.armLocked(l.giveUp)
	return c
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
	switch {
	case r.Err != nil && w.ctx.Err() != nil:
		state = givenUp
	case r.Err != nil:
		state = failed
	}
	w.noteLocked(l.curIndex, state, r)
	return true
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
