package process

import "slices"

// listing is a list of processes taken with the lock, to be handed out without it.
// It holds no pointers, so that the garbage collector need not look into long ones.
type listing []listed

type listed struct {
	serial uint64
	slot   uint32
	pid    PID
}

func (t *Table) listChildren(r *proc) listing {
	list := make(listing, r.children)
	slot := r.firstChild
	for i := range list {
		c := t.procs.at(slot)
		list[i] = listed{c.serial(), slot, c.number()}
		slot = c.nextSib
	}
	return list
}

func (t *Table) listMembers(g *group) listing {
	list := make(listing, g.members)
	slot := g.firstMember
	for i := range list {
		m := t.procs.at(slot)
		list[i] = listed{m.serial(), slot, m.number()}
		slot = m.nextMember
	}
	return list
}

// sorted returns the list in ascending order, in which it most often is already.
func (l listing) sorted() listing {
	last := PID(0)
	for i := range l {
		if l[i].pid < last {
			slices.SortFunc(l, func(a, b listed) int { return int(a.pid) - int(b.pid) })
			return l
		}
		last = l[i].pid
	}
	return l
}

// each hands the processes out in ascending order.
func (l listing) each(t *Table, yield func(Process) bool) {
	l = l.sorted()
	for i := range l {
		if !yield(l[i].process(t)) {
			return
		}
	}
}

func (l listed) process(t *Table) Process {
	return Process{t: t, serial: l.serial, slot: l.slot, pid: l.pid}
}
