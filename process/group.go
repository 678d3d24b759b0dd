package process

import (
	"fmt"
	"iter"
)

// Group is a process group. Like Process it is a small comparable value, and it
// does not keep the group in the table: a group leaves its session when its last
// process is freed or moves away.
//
// A Group is known by the number it bears, for as long as something has carried
// that number without a break. So when a group was emptied and a process moves
// back into it (see Process.MoveToGroup), values taken before mean it again. When
// its number was given to somebody else in between, they mean nothing any more.
type Group struct {
	t       *Table
	number  uint64 // serial of whoever took the number pgid
	sNumber uint64 // the same for sid
	pgid    PID
	sid     PID
}

// groupHandle makes the Group in a slot, the zero one if there is none. It needs no lock.
func (t *Table) groupHandle(slot uint32) Group {
	r := t.groups.peek(slot)
	if r == nil {
		return Group{}
	}
	for {
		number, ids, sNumber := r.number.Load(), r.ids.Load(), r.sNumber.Load()
		if number == 0 {
			return Group{}
		}
		// A group that comes again with the same numbers is of the same session.
		if r.ids.Load() == ids && r.number.Load() == number {
			return Group{t: t, number: number, sNumber: sNumber, pgid: PID(ids >> 32), sid: PID(uint32(ids))}
		}
	}
}

// find returns the slot and record of g. It needs the lock.
func (g Group) find() (uint32, *group) {
	if g.t == nil {
		return 0, nil
	}
	slot := g.t.numbers.group(g.pgid)
	if slot == 0 {
		return 0, nil
	}
	r := g.t.groups.at(slot)
	if r.number.Load() != g.number || r.sNumber.Load() != g.sNumber || r.sid() != g.sid {
		return 0, nil
	}
	return slot, r
}

// PGID returns the number of the group, even when the group is gone.
func (g Group) PGID() PID { return g.pgid }

// Session returns the session the group belongs to.
func (g Group) Session() Session { return Session{t: g.t, number: g.sNumber, sid: g.sid} }

// Exists reports whether the group has members.
func (g Group) Exists() bool { return g.Len() > 0 }

// Len returns the number of members, zombies included.
func (g Group) Len() int {
	n := 0
	g.read(func(_ uint32, r *group) { n = int(r.members) })
	return n
}

// read runs f with the record of g and the lock, unless g is gone.
func (g Group) read(f func(slot uint32, r *group)) {
	if g.t == nil {
		return
	}
	g.t.mu.Lock()
	defer g.t.mu.Unlock()
	if slot, r := g.find(); r != nil {
		f(slot, r)
	}
}

// Leader returns the process whose number the group bears, if it is still a member.
func (g Group) Leader() (Process, bool) {
	if g.t == nil {
		return Process{}, false
	}
	p, ok := g.t.Process(g.pgid)
	if !ok || p.Group() != g {
		return Process{}, false
	}
	return p, true
}

// IsOrphaned reports whether the group is orphaned: no member has a parent in
// another group of the same session, who could continue it when it is stopped.
func (g Group) IsOrphaned() bool {
	orphaned := false
	g.read(func(_ uint32, r *group) { orphaned = r.anchors == 0 })
	return orphaned
}

// IsForeground reports whether the group is the foreground group of its session.
func (g Group) IsForeground() bool {
	foreground := false
	g.read(func(_ uint32, r *group) {
		s := g.t.sessions.at(r.session)
		if tty := g.t.terminals[s.terminal]; tty != nil {
			foreground = tty.foreground == numbered{g.pgid, g.number}
		}
	})
	return foreground
}

// Processes returns the members at this moment, zombies included, in ascending
// order of their numbers.
func (g Group) Processes() iter.Seq[Process] {
	return func(yield func(Process) bool) {
		var list listing
		g.read(func(_ uint32, r *group) { list = g.t.listMembers(r) })
		list.each(g.t, yield)
	}
}

func (g Group) String() string {
	if g.t == nil {
		return "no group"
	}
	return fmt.Sprintf("group %d (members %d)", g.pgid, g.Len())
}
