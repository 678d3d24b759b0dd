package process

import "slices"

// listing is a list of processes taken with the lock, to be handed out without it.
// It holds no pointers, so that the garbage collector need not look into long ones.
type listing struct {
	all   []listed
	mixed bool // not in ascending order
}

type listed struct {
	serial uint64
	slot   uint32
	pid    PID
}

func (t *Table) listChildren(r *proc) listing {
	l := listing{all: make([]listed, r.children)}
	slot, last := r.firstChild, PID(0)
	for i := range l.all {
		c := t.procs.at(slot)
		n := c.number()
		l.all[i] = listed{c.serial(), slot, n}
		l.mixed = l.mixed || n < last
		slot, last = c.nextSib, n
	}
	return l
}

func (t *Table) listMembers(g *group) listing {
	l := listing{all: make([]listed, g.members)}
	slot, last := g.firstMember, PID(0)
	for i := range l.all {
		m := t.procs.at(slot)
		n := m.number()
		l.all[i] = listed{m.serial(), slot, n}
		l.mixed = l.mixed || n < last
		slot, last = m.nextMember, n
	}
	return l
}

// sorted returns the list in ascending order, in which it most often is already.
func (l listing) sorted() []listed {
	if l.mixed {
		slices.SortFunc(l.all, func(a, b listed) int { return int(a.pid) - int(b.pid) })
	}
	return l.all
}

// each hands the processes out in ascending order.
func (l listing) each(t *Table, yield func(Process) bool) {
	for _, p := range l.sorted() {
		if !yield(p.process(t)) {
			return
		}
	}
}

func (l listed) process(t *Table) Process {
	return Process{t: t, serial: l.serial, slot: l.slot, pid: l.pid}
}
