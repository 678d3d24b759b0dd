package process

import (
	"fmt"
	"iter"
	"slices"
)

// Session is a Unix session: the process groups that share one controlling
// terminal, the top of the hierarchy. Like Process it is a small comparable
// value, and it does not keep the session in the table: a session leaves it with
// its last group.
type Session struct {
	t      *Table
	number uint64 // serial of whoever took the number sid
	sid    PID
}

// sessionHandle makes the Session in a slot, the zero one if there is none. It needs
// no lock.
func (t *Table) sessionHandle(slot uint32) Session {
	r := t.sessions.peek(slot)
	if r == nil {
		return Session{}
	}
	for {
		number, sid := r.number.Load(), r.id()
		if number == 0 {
			return Session{}
		}
		if r.number.Load() == number {
			return Session{t: t, number: number, sid: sid}
		}
	}
}

// find returns the slot and record of s. It needs the lock.
func (s Session) find() (uint32, *session) {
	if s.t == nil {
		return 0, nil
	}
	slot := s.t.numbers.session(s.sid)
	if slot == 0 {
		return 0, nil
	}
	r := s.t.sessions.at(slot)
	if r.number.Load() != s.number {
		return 0, nil
	}
	return slot, r
}

// SID returns the number of the session, even when the session is gone.
func (s Session) SID() PID { return s.sid }

// Exists reports whether the session has groups.
func (s Session) Exists() bool { return s.Len() > 0 }

// Len returns the number of groups.
func (s Session) Len() int {
	if s.t == nil {
		return 0
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if _, r := s.find(); r != nil {
		return int(r.groups)
	}
	return 0
}

// Leader returns the process that created the session, if it was not freed.
func (s Session) Leader() (Process, bool) {
	if s.t == nil {
		return Process{}, false
	}
	p, ok := s.t.Process(s.sid)
	if !ok || !p.LeadsSession() || p.Session() != s {
		return Process{}, false
	}
	return p, true
}

// Groups returns the groups at this moment in ascending order of their numbers.
func (s Session) Groups() iter.Seq[Group] {
	return func(yield func(Group) bool) {
		for _, g := range s.groups() {
			if !yield(g) {
				return
			}
		}
	}
}

func (s Session) groups() []Group {
	t := s.t
	if t == nil {
		return nil
	}
	t.mu.Lock()
	_, r := s.find()
	if r == nil {
		t.mu.Unlock()
		return nil
	}
	list := make([]Group, 0, r.groups)
	for slot := r.firstGroup; slot != 0; slot = t.groups.at(slot).next {
		list = append(list, t.groupHandle(slot))
	}
	t.mu.Unlock()
	slices.SortFunc(list, func(a, b Group) int { return int(a.pgid) - int(b.pgid) })
	return list
}

func (s Session) String() string {
	if s.t == nil {
		return "no session"
	}
	return fmt.Sprintf("session %d (groups %d)", s.sid, s.Len())
}
