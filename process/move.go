package process

// CreateSession makes p the leader of a new session and of a new group in it, both
// with p's number, without a controlling terminal, as setsid(2) does. It is refused
// to a process that leads a group, and while any group bears its number.
func (p Process) CreateSession() (Session, Group, error) {
	var g Group
	err := p.act("create a session for", func(t *Table, r *proc) error {
		// A mirrored table may have seen a session before it saw who leads it.
		if r.has(isLeader) || t.numbers.session(p.pid) != 0 {
			return ErrSessionLeader
		}
		if t.groups.at(r.groupSlot()).pgid() == p.pid {
			return ErrGroupLeader
		}
		if t.numbers.group(p.pid) != 0 {
			return ErrGroupExists
		}
		sslot := t.newSession(p.pid, p.serial)
		gslot := t.newGroup(p.pid, p.serial, sslot)
		t.moveLocked(p.slot, r, gslot)
		t.change(r, isLeader, hasTerminal)
		g = t.groupHandle(gslot)
		return nil
	})
	return g.Session(), g, err
}

// CreateGroup moves p into a group of its own number in its session, as
// setpgid(0, 0) does; the group is made unless it exists already. It is refused to
// session leaders and to a process that is in that group.
func (p Process) CreateGroup() (Group, error) {
	var g Group
	err := p.act("create a group for", func(t *Table, r *proc) error {
		if r.has(isLeader) {
			return ErrSessionLeader
		}
		if t.groups.at(r.groupSlot()).pgid() == p.pid {
			return ErrGroupLeader
		}
		gslot, err := t.ownGroup(p, r)
		if err != nil {
			return err
		}
		t.moveLocked(p.slot, r, gslot)
		g = t.groupHandle(gslot)
		return nil
	})
	return g, err
}

// ownGroup returns the group with the number of p in the session of r.
func (t *Table) ownGroup(p Process, r *proc) (uint32, error) {
	sslot := t.groups.at(r.groupSlot()).session
	gslot := t.numbers.group(p.pid)
	if gslot == 0 {
		return t.newGroup(p.pid, p.serial, sslot), nil
	}
	if t.groups.at(gslot).session != sslot {
		return 0, ErrOtherSession
	}
	return gslot, nil
}

// MoveToGroup moves p into a group of its session. A session leader cannot move,
// and nobody can move to another session. Moving to the group p is in does nothing.
//
// The group may have been emptied: then it comes into being again with its old
// number, unless the number was taken meanwhile. (setpgid(2) has no means to say
// this; everything else is as there.) A zombie can be moved, too.
func (p Process) MoveToGroup(g Group) error {
	if err := p.moveToGroup(g); err != nil {
		return refuse("move", "process", p.pid, err)
	}
	return nil
}

func (p Process) moveToGroup(g Group) error {
	t := p.t
	switch {
	case t == nil:
		return ErrNoProcess
	case g.t == nil:
		return ErrNoGroup
	case g.t != t:
		return ErrForeign
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := p.lookup()
	if r == nil {
		return ErrNoProcess
	}
	own := r.groupSlot()
	gslot, gr := g.find()
	if gr != nil && gslot == own {
		return nil
	}
	if r.has(isLeader) {
		return ErrSessionLeader
	}
	sslot := t.groups.at(own).session
	if s := t.sessions.at(sslot); s.number.Load() != g.sNumber || s.id() != g.sid {
		return ErrOtherSession
	}
	if gr == nil {
		if t.numberOf(g.pgid, g.number) != g.number || t.numbers.group(g.pgid) != 0 {
			return ErrNumberTaken
		}
		gslot = t.newGroup(g.pgid, g.number, sslot)
	}
	t.moveLocked(p.slot, r, gslot)
	return nil
}

// numberOf returns the serial of whoever took number n and still carries it, or
// free if nothing carries it.
func (t *Table) numberOf(n PID, free uint64) uint64 {
	c := t.numbers.find(n)
	if c == nil {
		return free
	}
	task := c.task.Load()
	switch {
	case task&threadBit != 0:
		return t.threads.at(task &^ threadBit).word.Load()
	case task != 0:
		return t.procs.at(task).serial()
	case c.group.Load() != 0:
		return t.groups.at(c.group.Load()).number.Load()
	case c.session.Load() != 0:
		return t.sessions.at(c.session.Load()).number.Load()
	}
	return free
}

// SetPGID is setpgid(2) with p as the caller: it moves the target, which is p
// itself or one of its children that has not executed a program yet, to the group
// pgid of the caller's session. Zero means the caller for target, and the target
// for pgid. When pgid is the target's number, the group is made.
func (p Process) SetPGID(target, pgid PID) error {
	err := p.act("set the group of a process for", func(t *Table, r *proc) error {
		if target == 0 {
			target = p.pid
		}
		if pgid == 0 {
			pgid = target
		}
		if pgid < 0 {
			return ErrBadNumber
		}
		return t.setPGID(p, r, target, pgid)
	})
	return err
}

func (t *Table) setPGID(p Process, r *proc, target, pgid PID) error {
	slot := t.numbers.task(target)
	if slot == 0 {
		return ErrNoProcess
	}
	if slot&threadBit != 0 {
		return ErrNotLeaderThread
	}
	tr := t.procs.at(slot)
	own, theirs := t.groups.at(r.groupSlot()), t.groups.at(tr.groupSlot())
	switch {
	case tr.parentSlot() == p.slot && theirs.session != own.session:
		return ErrOtherSession
	case tr.parentSlot() == p.slot && tr.has(hasExeced):
		return ErrExeced
	case tr.parentSlot() != p.slot && slot != p.slot:
		return ErrNotChild
	case tr.has(isLeader):
		return ErrSessionLeader
	}
	gslot := t.numbers.group(pgid)
	switch {
	case gslot == 0 && pgid != target:
		return ErrNoGroup
	case gslot == 0:
		gslot = t.newGroup(pgid, tr.serial(), own.session)
	case t.groups.at(gslot).session != own.session:
		return ErrOtherSession
	}
	t.moveLocked(slot, tr, gslot)
	return nil
}

// moveLocked moves a process to another group and keeps the counts by which
// orphaned groups are known: its own, and those of its children, whose link to
// the session it may be. The group it leaves may cease to exist.
func (t *Table) moveLocked(slot uint32, r *proc, gslot uint32) {
	if r.groupSlot() == gslot {
		return
	}
	f := r.flags()
	t.unweigh(r)
	for c := r.firstChild; c != 0; c = t.procs.at(c).nextSib {
		t.unweigh(t.procs.at(c))
	}
	t.unlinkMember(slot, r, f)
	t.linkMember(gslot, slot, r, f)
	r.setLinks(r.parentSlot(), gslot)
	t.weigh(r)
	for c := r.firstChild; c != 0; c = t.procs.at(c).nextSib {
		t.weigh(t.procs.at(c))
	}
}
