package process

// Device is the number of a terminal, such as tty_nr in proc_pid_stat(5). 0 is none.
type Device uint32

// terminal is a terminal that controls a session.
type terminal struct {
	name       string
	session    uint32 // slot
	foreground numbered
}

// numbered is a number together with the serial of who took it. A foreground group
// is kept like this: it may be gone, and its number given to somebody else.
type numbered struct {
	n      PID
	serial uint64
}

// groupOf returns the group that bears exactly this number, nil if it is gone.
func (t *Table) groupOf(n numbered) (uint32, *group) {
	slot := t.numbers.group(n.n)
	if slot == 0 || n.serial == 0 {
		return 0, nil
	}
	g := t.groups.at(slot)
	if g.number.Load() != n.serial {
		return 0, nil
	}
	return slot, g
}

// terminalOf returns the terminal of the session of r, nil if it has none.
func (t *Table) terminalOf(r *proc) (*session, *terminal) {
	s := t.sessions.at(t.groups.at(r.groupSlot()).session)
	return s, t.terminals[s.terminal]
}

// SetTerminal gives the session that p leads a controlling terminal, as TIOCSCTTY
// does, see ioctl_tty(2); the group of p becomes its foreground group. Only p and
// children it forks later have the terminal: other processes of the session do not
// get it. With steal, the terminal is taken from the session it controls, which
// Linux allows to CAP_SYS_ADMIN.
func (p Process) SetTerminal(tty Device, name string, steal bool) error {
	return p.act("set the controlling terminal of", func(t *Table, r *proc) error {
		if tty == 0 {
			return ErrBadNumber
		}
		s, _ := t.terminalOf(r)
		owner := t.terminals[tty]
		switch {
		case !r.has(isLeader):
			return ErrNotSessionLeader
		case s.terminal == tty:
			return nil
		case s.terminal != 0:
			return ErrHasTerminal
		case owner != nil && !steal:
			return ErrTerminalInUse
		}
		if owner != nil {
			t.releaseTerminal(tty)
		}
		t.setTerminal(t.groups.at(r.groupSlot()).session, tty, name)
		g := t.groups.at(r.groupSlot())
		t.terminals[tty].foreground = numbered{g.pgid(), g.number.Load()}
		s.oldForeground, s.oldForegroundNo = 0, 0
		t.change(r, hasTerminal, 0)
		return nil
	})
}

func (t *Table) setTerminal(sslot uint32, tty Device, name string) {
	if t.terminals == nil {
		t.terminals = make(map[Device]*terminal)
	}
	t.terminals[tty] = &terminal{name: valid(name), session: sslot}
	t.sessions.at(sslot).terminal = tty
}

// releaseTerminal takes the terminal from its session and from everybody in it.
func (t *Table) releaseTerminal(tty Device) {
	s := t.sessions.at(t.terminals[tty].session)
	delete(t.terminals, tty)
	s.terminal = 0
	t.eachInSession(s, func(r *proc) { t.change(r, 0, hasTerminal) })
}

func (t *Table) eachInSession(s *session, f func(*proc)) {
	for g := s.firstGroup; g != 0; g = t.groups.at(g).next {
		for m := t.groups.at(g).firstMember; m != 0; m = t.procs.at(m).nextMember {
			f(t.procs.at(m))
		}
	}
}

// leaderExits is what Linux's disassociate_ctty does when a session leader exits:
// its terminal hangs up the foreground group and is released. If the terminal had
// hung up before, the group that was in the foreground then is hung up.
func (t *Table) leaderExits(r *proc, e *Effects) {
	s, tty := t.terminalOf(r)
	if tty == nil || !r.has(hasTerminal) {
		if _, g := t.groupOf(numbered{s.oldForeground, s.oldForegroundNo}); g != nil {
			e.signalGroup(t, g, SIGHUP, SIGCONT)
		}
		s.oldForeground, s.oldForegroundNo = 0, 0
		return
	}
	if _, g := t.groupOf(tty.foreground); g != nil {
		e.signalGroup(t, g, SIGHUP)
	}
	t.releaseTerminal(s.terminal)
}

// DropTerminal gives the controlling terminal up, as TIOCNOTTY on it does. When p leads
// the session, everybody in it loses the terminal, and the foreground group is hung
// up and continued; else only p loses it.
func (p Process) DropTerminal(tty Device) (Effects, error) {
	var e Effects
	err := p.act("drop the controlling terminal of", func(t *Table, r *proc) error {
		s, of := t.terminalOf(r)
		if of == nil || s.terminal != tty || !r.has(hasTerminal) {
			return ErrNoTerminal
		}
		if !r.has(isLeader) {
			t.change(r, 0, hasTerminal)
			return nil
		}
		if _, g := t.groupOf(of.foreground); g != nil {
			e.signalGroup(t, g, SIGHUP, SIGCONT)
		}
		t.releaseTerminal(s.terminal)
		return nil
	})
	return e, err
}

// Hangup is what happens when the other end of the terminal goes away: everybody
// loses it, and the session leader is hung up and continued. When the leader exits
// in turn, the group that was in the foreground is hung up.
func (t *Table) Hangup(tty Device) (Effects, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var e Effects
	owner := t.terminals[tty]
	if owner == nil {
		return e, refuse("hang up", "terminal", PID(tty), ErrNoTerminal)
	}
	s := t.sessions.at(owner.session)
	for g := s.firstGroup; g != 0; g = t.groups.at(g).next {
		for m := t.groups.at(g).firstMember; m != 0; m = t.procs.at(m).nextMember {
			if r := t.procs.at(m); r.has(isLeader) && r.has(isAlive) {
				e.signal(Delivery{To: t.handle(m), Signal: SIGHUP})
				e.signal(Delivery{To: t.handle(m), Signal: SIGCONT})
				s.oldForeground, s.oldForegroundNo = owner.foreground.n, owner.foreground.serial
			}
		}
	}
	t.releaseTerminal(tty)
	return e, nil
}

// Terminal returns the controlling terminal of the session.
func (s Session) Terminal() (tty Device, name string, ok bool) {
	if s.t == nil {
		return 0, "", false
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	_, r := s.find()
	if r == nil || r.terminal == 0 {
		return 0, "", false
	}
	return r.terminal, s.t.terminals[r.terminal].name, true
}

// Foreground returns the number of the foreground group of the session, which may
// have ceased to exist, and false if there is no controlling terminal.
func (s Session) Foreground() (PID, bool) {
	if s.t == nil {
		return 0, false
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	_, r := s.find()
	if r == nil || r.terminal == 0 {
		return 0, false
	}
	return s.t.terminals[r.terminal].foreground.n, true
}

// HasTerminal reports whether the controlling terminal of the session is p's, too.
func (p Process) HasTerminal() bool { return p.flags()&hasTerminal != 0 }

// Foreground is tcgetpgrp(3): the number of the foreground group of the terminal,
// which must be p's controlling terminal.
func (p Process) Foreground(tty Device) (PID, error) {
	var pgid PID
	err := p.act("get the foreground group for", func(t *Table, r *proc) error {
		s, of := t.terminalOf(r)
		if of == nil || s.terminal != tty || !r.has(hasTerminal) {
			return ErrNoTerminal
		}
		pgid = of.foreground.n
		return nil
	})
	return pgid, err
}

// SetForeground is tcsetpgrp(3): it makes a group of the session of p the foreground
// group of the terminal. From the background the group of p gets SIGTTOU, and the
// error is ErrBackground, unless p ignores or blocks that signal.
func (p Process) SetForeground(tty Device, pgid PID, ignoresTTOU bool) (Effects, error) {
	var e Effects
	err := p.act("set the foreground group for", func(t *Table, r *proc) error {
		err := t.checkBackground(r, tty, SIGTTOU, ignoresTTOU, &e)
		switch {
		case err == ErrOrphaned:
			return ErrNoTerminal // as TIOCSPGRP translates EIO
		case err != nil:
			return err
		case pgid < 0:
			return ErrBadNumber
		}
		s, of := t.terminalOf(r)
		if of == nil || s.terminal != tty || !r.has(hasTerminal) {
			return ErrNoTerminal
		}
		number, err := t.foregroundNumber(t.groups.at(r.groupSlot()).session, pgid)
		if err != nil {
			return err
		}
		of.foreground = number
		return nil
	})
	return e, err
}

// foregroundNumber checks that pgid may be the foreground group of a session. Linux
// also takes the number of a process of the session that bears no group, see
// session_of_pgrp.
func (t *Table) foregroundNumber(sslot uint32, pgid PID) (numbered, error) {
	if t.numbers.isFree(pgid) {
		return numbered{}, ErrNoSuchGroup
	}
	gslot := t.numbers.group(pgid)
	if gslot == 0 {
		task := t.numbers.task(pgid)
		if task&threadBit != 0 {
			task = t.threads.at(task &^ threadBit).proc.Load()
		}
		if task == 0 {
			return numbered{}, ErrOtherSession
		}
		gslot = t.procs.at(task).groupSlot()
	}
	if t.groups.at(gslot).session != sslot {
		return numbered{}, ErrOtherSession
	}
	return numbered{pgid, t.numberOf(pgid, 0)}, nil
}

// ReadTerminal decides whether p may read from the terminal. A nil error means it
// may. In the background its group gets SIGTTIN, with ErrBackground; when p ignores
// or blocks SIGTTIN, or its group is orphaned, the read fails with EIO.
func (p Process) ReadTerminal(tty Device, ignoresTTIN bool) (Effects, error) {
	var e Effects
	err := p.act("read from the terminal for", func(t *Table, r *proc) error {
		return t.checkBackground(r, tty, SIGTTIN, ignoresTTIN, &e)
	})
	return e, err
}

// WriteTerminal decides whether p may write to a terminal that has TOSTOP set, see
// termios(3). A nil error means it may. In the background its group gets SIGTTOU,
// with ErrBackground, unless p ignores or blocks SIGTTOU; when its group is
// orphaned, the write fails with EIO.
func (p Process) WriteTerminal(tty Device, ignoresTTOU bool) (Effects, error) {
	var e Effects
	err := p.act("write to the terminal for", func(t *Table, r *proc) error {
		return t.checkBackground(r, tty, SIGTTOU, ignoresTTOU, &e)
	})
	return e, err
}

// checkBackground is Linux's tty_check_change.
func (t *Table) checkBackground(r *proc, tty Device, sig Signal, ignored bool, e *Effects) error {
	s, of := t.terminalOf(r)
	if of == nil || s.terminal != tty || !r.has(hasTerminal) {
		return nil // job control is only for the controlling terminal
	}
	own := t.groups.at(r.groupSlot())
	if of.foreground == (numbered{own.pgid(), own.number.Load()}) || of.foreground.n == 0 {
		return nil
	}
	switch {
	case ignored && sig == SIGTTIN:
		return ErrIgnored
	case ignored:
		return nil
	case own.anchors == 0:
		return ErrOrphaned
	}
	e.signalGroup(t, own, sig)
	return ErrBackground
}
