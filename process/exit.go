package process

// Exit ends p as exit_group(2) or a deadly signal does, with all its threads. It
// becomes a zombie that stays in its group until it is freed; its children go to
// the nearest living ancestor that is a subreaper, else to init. When p leads a
// session with a controlling terminal, the session loses it and the foreground
// group is hung up.
//
// Init cannot exit. A status fixed by BeginExit prevails over the one given here.
func (p Process) Exit(status ExitStatus) (Effects, error) {
	var e Effects
	err := p.act("exit", func(t *Table, r *proc) error {
		if !status.valid() {
			return ErrBadOption
		}
		if p.slot == t.init.slot {
			return ErrInit
		}
		t.endThreads(r)
		t.exitLocked(p.slot, r, status, &e)
		return nil
	})
	return e, err
}

// act runs f on the record of p, which must be alive, with the lock.
func (p Process) act(op string, f func(t *Table, r *proc) error) error {
	t := p.t
	if t == nil {
		return refuse(op, "process", p.pid, ErrNoProcess)
	}
	t.mu.Lock()
	err := ErrNoProcess
	if r := p.lookup(); r != nil {
		err = ErrZombie
		if r.has(isAlive) {
			err = f(t, r)
		}
	}
	t.mu.Unlock()
	if err != nil {
		return refuse(op, "process", p.pid, err)
	}
	return nil
}

// exitLocked makes a zombie of a process without threads. The order of effects is
// that of Linux's do_exit: terminal, children, own group, parent.
func (t *Table) exitLocked(slot uint32, r *proc, status ExitStatus, e *Effects) {
	f := r.flags()
	if f&isExiting == 0 {
		r.status = status
	}
	if f&isLeader != 0 {
		t.leaderExits(r, e)
	}
	if r.children != 0 {
		t.reparent(slot, r, e)
	}
	own := t.groups.at(r.groupSlot())
	anchor := t.anchored(r)
	if anchor {
		own.anchors--
	}
	if f&isReaper != 0 {
		t.reapers--
	}
	t.change(r, isZombie, isAlive|isStopped|stopUnread|contUnread|isReaper|isExiting|mainEnded)
	r.stop = 0
	if anchor && own.anchors == 0 && own.living != 0 {
		t.orphaned(r.groupSlot(), own, e)
		t.releaseStopped(own, e)
	}
	t.notifyParent(slot, r, e)
}

// reparent gives the children of an exiting process to its reaper.
func (t *Table) reparent(slot uint32, r *proc, e *Effects) {
	to := t.findReaper(r)
	up := t.procs.at(to)
	moved := Reparenting{From: t.handle(slot), To: t.handle(to), Children: make([]PID, 0, r.children)}
	for c := r.firstChild; c != 0; {
		child := t.procs.at(c)
		moved.Children = append(moved.Children, child.number())
		t.adopt(c, child, r, to, e)
		c = child.nextSib
	}
	e.rest().reparented = append(e.rest().reparented, moved)
	t.spliceChildren(r, to, up)
}

// adopt changes the parent of one child of the exiting process from. As Linux
// does, it hangs the child's group up when the group is orphaned and from was a
// link to its session, whether or not the group was orphaned before.
func (t *Table) adopt(slot uint32, child, from *proc, to uint32, e *Effects) {
	gslot := child.groupSlot()
	g := t.groups.at(gslot)
	before := t.anchored(child)
	child.setLinks(to, gslot)
	after := t.anchored(child)
	switch {
	case before && !after:
		g.anchors--
	case after && !before:
		g.anchors++
	}
	if child.has(isZombie) {
		t.notifyParent(slot, child, e)
	}
	fromGroup := from.groupSlot()
	if g.anchors != 0 || fromGroup == gslot || t.groups.at(fromGroup).session != g.session {
		return
	}
	if before {
		t.orphaned(gslot, g, e)
	}
	t.releaseStopped(g, e)
}

// spliceChildren moves the whole list of children to the end of another one.
func (t *Table) spliceChildren(r *proc, to uint32, up *proc) {
	t.procs.at(r.firstChild).prevSibling = up.lastChild
	if up.lastChild != 0 {
		t.procs.at(up.lastChild).nextSib = r.firstChild
	} else {
		up.firstChild = r.firstChild
	}
	up.lastChild = r.lastChild
	up.children += r.children
	up.waitable += r.waitable
	r.firstChild, r.lastChild, r.children, r.waitable = 0, 0, 0, 0
}

// findReaper returns who inherits the children of r: its nearest ancestor that is
// a subreaper, else init. Ancestors are always alive.
func (t *Table) findReaper(r *proc) uint32 {
	if t.reapers > 0 {
		for up := r.parentSlot(); up != 0; up = t.procs.at(up).parentSlot() {
			if t.procs.at(up).has(isReaper) {
				return up
			}
		}
	}
	return t.init.slot
}

// orphaned notes that a group became orphaned.
func (t *Table) orphaned(slot uint32, g *group, e *Effects) {
	if g.living != 0 {
		e.rest().orphaned = append(e.rest().orphaned, t.groupHandle(slot))
	}
}

// releaseStopped hangs up and continues an orphaned group with stopped members:
// there is nobody left to continue it.
func (t *Table) releaseStopped(g *group, e *Effects) {
	if g.stopped != 0 {
		e.signalGroup(t, g, SIGHUP, SIGCONT)
	}
}

// notifyParent sends the SIGCHLD for a zombie.
func (t *Table) notifyParent(slot uint32, r *proc, e *Effects) {
	up := r.parentSlot()
	if up == 0 {
		return
	}
	status := r.status
	e.signal(Delivery{
		To: t.handle(up), Signal: SIGCHLD,
		Code: exitCode(status), Status: status, Child: r.number(),
	})
}

// Free takes a zombie out of the table, as its parent's wait does. When it was the
// last of its group, the group leaves its session at once, and the session the
// table with its last group.
func (p Process) Free() error {
	t := p.t
	if t == nil {
		return refuse("free", "process", p.pid, ErrNoProcess)
	}
	t.mu.Lock()
	err := ErrNoProcess
	if r := p.lookup(); r != nil {
		err = ErrNotZombie
		if r.has(isZombie) {
			t.freeProc(p.slot, r)
			err = nil
		}
	}
	t.mu.Unlock()
	if err != nil {
		return refuse("free", "process", p.pid, err)
	}
	return nil
}

// SetSubreaper makes p adopt the descendants whose parents exit, or no longer, as
// PR_SET_CHILD_SUBREAPER does, see prctl(2). Children do not inherit it.
func (p Process) SetSubreaper(on bool) error {
	return p.act("set the subreaper attribute of", func(t *Table, r *proc) error {
		switch {
		case on && !r.has(isReaper):
			t.reapers++
			t.change(r, isReaper, 0)
		case !on && r.has(isReaper):
			t.reapers--
			t.change(r, 0, isReaper)
		}
		return nil
	})
}
