package process

// What only Sync and Restore do with numbers, groups and sessions: a kernel never sees
// them in an order in which it is needed.

// numberOrNew returns the serial of who took a number, a new one if nobody has.
func (t *Table) numberOrNew(n PID) uint64 {
	if serial := t.numberOf(n, 0); serial != 0 {
		return serial
	}
	return t.nextSerial()
}

// takeOver makes a process that was seen only now the one whose number a group and
// session bear.
func (t *Table) takeOver(pid PID, serial uint64) {
	if slot := t.numbers.session(pid); slot != 0 {
		s := t.sessions.at(slot)
		s.number.Store(serial)
		for g := s.firstGroup; g != 0; g = t.groups.at(g).next {
			t.renew(g, func(r *group) { r.sNumber.Store(serial) })
		}
	}
	if slot := t.numbers.group(pid); slot != 0 {
		t.renew(slot, func(r *group) { r.number.Store(serial) })
	}
}

// renew changes what readers without the lock take for constant in a group: for a
// moment they find no group there.
func (t *Table) renew(slot uint32, f func(*group)) {
	g := t.groups.at(slot)
	number := g.number.Load()
	g.number.Store(0)
	f(g)
	g.number.CompareAndSwap(0, number)
}

// changeSession moves a whole group to another session.
func (t *Table) changeSession(slot uint32, g *group, to uint32) {
	from := g.session
	t.unlinkGroup(slot, g)
	t.renew(slot, func(g *group) {
		s := t.sessions.at(to)
		g.ids.Store(uint64(uint32(g.pgid()))<<32 | uint64(uint32(s.id())))
		g.sNumber.Store(s.number.Load())
		t.linkGroup(slot, g, to)
	})
	if s := t.sessions.at(from); s.groups == 0 {
		t.freeSession(from, s)
	}
}
