package process

// The links between records. All of this needs the lock.

// newProc puts a process into the table, as the last child of its parent and the
// last member of its group.
func (t *Table) newProc(pid PID, serial uint64, parent, group uint32, f flags) uint32 {
	slot := t.procs.alloc()
	r := t.procs.at(slot)
	r.pid.Store(int32(pid))
	r.status = 0
	r.firstChild, r.lastChild, r.children, r.waitable = 0, 0, 0, 0
	r.threads, r.extra, r.stop = 1, 0, 0
	t.linkChild(parent, slot, r)
	t.linkMember(group, slot, r, f)
	r.setLinks(parent, group)
	r.word.Store(serial<<serialShift | uint64(f))
	t.numbers.setTask(pid, slot)
	return slot
}

// freeProc takes a process out of the table; it has no children and no threads.
func (t *Table) freeProc(slot uint32, r *proc) {
	f := r.flags()
	r.word.Store(0)
	t.unlinkChild(slot, r, f)
	t.unlinkMember(slot, r, f)
	if f&isReaper != 0 {
		t.reapers--
	}
	if len(t.commands) > 0 {
		delete(t.commands, slot)
	}
	if len(t.data) > 0 {
		delete(t.data, slot)
	}
	if len(t.starts) > 0 {
		delete(t.starts, slot)
	}
	t.numbers.setTask(r.number(), 0)
	t.procs.release(slot)
}

// change sets and clears flags, and keeps the counts that depend on them.
func (t *Table) change(r *proc, set, clear flags) {
	before := r.flags()
	after := before&^clear | set
	r.word.Store(r.word.Load()&^uint64(flagMask) | uint64(after))
	if (before^after)&waitFlags != 0 {
		parent := t.procs.at(r.parentSlot())
		parent.waitable += waitable(after) - waitable(before)
	}
	if (before^after)&(isStopped|isAlive) == 0 {
		return
	}
	g := t.groups.at(r.groupSlot())
	g.stopped += count(after, isStopped) - count(before, isStopped)
	g.living += count(after, isAlive) - count(before, isAlive)
}

func waitable(f flags) uint32 { return count(f, waitFlags) }

func count(f, of flags) uint32 {
	if f&of != 0 {
		return 1
	}
	return 0
}

// linkChild puts a process at the end of the children; the caller sets its link.
func (t *Table) linkChild(parent, slot uint32, r *proc) {
	up := t.procs.at(parent)
	r.prevSibling, r.nextSib = up.lastChild, 0
	if up.lastChild != 0 {
		t.procs.at(up.lastChild).nextSib = slot
	} else {
		up.firstChild = slot
	}
	up.lastChild = slot
	up.children++
	up.waitable += waitable(r.flags())
}

func (t *Table) unlinkChild(slot uint32, r *proc, f flags) {
	up := t.procs.at(r.parentSlot())
	if r.prevSibling != 0 {
		t.procs.at(r.prevSibling).nextSib = r.nextSib
	} else {
		up.firstChild = r.nextSib
	}
	if r.nextSib != 0 {
		t.procs.at(r.nextSib).prevSibling = r.prevSibling
	} else {
		up.lastChild = r.prevSibling
	}
	up.children--
	up.waitable -= waitable(f)
}

// linkMember puts a process at the end of a group; the caller sets its link.
func (t *Table) linkMember(gslot, slot uint32, r *proc, f flags) {
	g := t.groups.at(gslot)
	r.prevMember, r.nextMember = g.lastMember, 0
	if g.lastMember != 0 {
		t.procs.at(g.lastMember).nextMember = slot
	} else {
		g.firstMember = slot
	}
	g.lastMember = slot
	g.members++
	g.stopped += count(f, isStopped)
	g.living += count(f, isAlive)
}

// unlinkMember takes a process out of its group, and the group out of its session
// if that was the last one.
func (t *Table) unlinkMember(slot uint32, r *proc, f flags) {
	gslot := r.groupSlot()
	g := t.groups.at(gslot)
	if r.prevMember != 0 {
		t.procs.at(r.prevMember).nextMember = r.nextMember
	} else {
		g.firstMember = r.nextMember
	}
	if r.nextMember != 0 {
		t.procs.at(r.nextMember).prevMember = r.prevMember
	} else {
		g.lastMember = r.prevMember
	}
	g.members--
	g.stopped -= count(f, isStopped)
	g.living -= count(f, isAlive)
	if g.members == 0 {
		t.freeGroup(gslot, g)
	}
}

// newGroup puts an empty group into the table; the caller gives it a member.
func (t *Table) newGroup(pgid PID, number uint64, sslot uint32) uint32 {
	slot := t.groups.alloc()
	g, s := t.groups.at(slot), t.sessions.at(sslot)
	sid := s.id()
	g.ids.Store(uint64(uint32(pgid))<<32 | uint64(uint32(sid)))
	g.sNumber.Store(s.number.Load())
	g.firstMember, g.lastMember, g.members = 0, 0, 0
	g.anchors, g.stopped, g.living = 0, 0, 0
	t.linkGroup(slot, g, sslot)
	g.number.Store(number)
	t.numbers.setGroup(pgid, slot)
	return slot
}

func (t *Table) linkGroup(slot uint32, g *group, sslot uint32) {
	s := t.sessions.at(sslot)
	g.session = sslot
	g.prev, g.next = s.lastGroup, 0
	if s.lastGroup != 0 {
		t.groups.at(s.lastGroup).next = slot
	} else {
		s.firstGroup = slot
	}
	s.lastGroup = slot
	s.groups++
}

// unlinkGroup takes a group out of its session, which may then be empty.
func (t *Table) unlinkGroup(slot uint32, g *group) {
	s := t.sessions.at(g.session)
	s.groups--
	if g.prev != 0 {
		t.groups.at(g.prev).next = g.next
	} else {
		s.firstGroup = g.next
	}
	if g.next != 0 {
		t.groups.at(g.next).prev = g.prev
	} else {
		s.lastGroup = g.prev
	}
}

func (t *Table) freeGroup(slot uint32, g *group) {
	t.unlinkGroup(slot, g)
	g.number.Store(0)
	t.numbers.setGroup(g.pgid(), 0)
	sslot := g.session
	t.groups.release(slot)
	if s := t.sessions.at(sslot); s.groups == 0 {
		t.freeSession(sslot, s)
	}
}

// newSession puts an empty session into the table; the caller gives it a group.
func (t *Table) newSession(sid PID, number uint64) uint32 {
	slot := t.sessions.alloc()
	s := t.sessions.at(slot)
	s.sid.Store(int32(sid))
	s.groups, s.firstGroup, s.lastGroup, s.terminal = 0, 0, 0, 0
	s.oldForeground, s.oldForegroundNo = 0, 0
	s.number.Store(number)
	t.numbers.setSession(sid, slot)
	return slot
}

func (t *Table) freeSession(slot uint32, s *session) {
	if s.terminal != 0 {
		delete(t.terminals, s.terminal)
	}
	s.number.Store(0)
	t.numbers.setSession(s.id(), 0)
	t.sessions.release(slot)
}

// anchored reports whether r keeps its group from being orphaned: POSIX says its
// parent must be in another group of the same session, Linux that zombies do not
// count, nor parents that are the init of the whole system.
func (t *Table) anchored(r *proc) bool {
	up := r.parentSlot()
	if up == 0 || !r.has(isAlive) {
		return false
	}
	ours, theirs := r.groupSlot(), t.procs.at(up).groupSlot()
	if ours == theirs || t.groups.at(ours).session != t.groups.at(theirs).session {
		return false
	}
	return !t.globalInit || up != t.init.slot
}

// weigh adds what r contributes to its group's anchors, and unweigh takes it away
// before something changes that it depends on.
func (t *Table) weigh(r *proc) {
	if t.anchored(r) {
		t.groups.at(r.groupSlot()).anchors++
	}
}

func (t *Table) unweigh(r *proc) {
	if t.anchored(r) {
		t.groups.at(r.groupSlot()).anchors--
	}
}
