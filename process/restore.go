package process

import (
	"cmp"
	"fmt"
	"slices"
)

// Restore makes a table from a frozen one; it behaves as the old one did from then
// on. A state that no table could have given is refused with ErrBadState, and one
// of another version with ErrVersion.
func Restore(st State) (*Table, error) {
	t, err := restore(st)
	if err != nil {
		return nil, fmt.Errorf("cannot restore process table: %w", err)
	}
	return t, nil
}

func restore(st State) (*Table, error) {
	if st.Version != StateVersion {
		return nil, fmt.Errorf("version %d, want %d: %w", st.Version, StateVersion, ErrVersion)
	}
	if st.Limit < 2 || st.Limit > DefaultLimit || st.Last < 0 || st.Last >= st.Limit {
		return nil, bad("limit %d, last number %d", st.Limit, st.Last)
	}
	if st.Init <= 0 || st.Init >= st.Limit {
		return nil, bad("init is process %d", st.Init)
	}
	t := newTable(WithLimit(st.Limit), WithInitPID(st.Init))
	t.globalInit = st.GlobalInit
	t.numbers.last = st.Last
	th := thawer{t: t}
	for _, step := range []func(State) error{th.processes, th.sessions, th.parents, th.check} {
		if err := step(st); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func bad(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrBadState)...)
}

// thawer fills a table. First all processes get their slots and numbers, so that a
// group can find out whose number it bears; then they are linked.
type thawer struct {
	t      *Table
	states []*ProcessState // by slot
	placed []uint32        // slots of children whose order is not that of their numbers
}

// processes makes the records, linked to nothing yet.
func (th *thawer) processes(st State) error {
	th.states = append(th.states, nil) // slot 0
	for i := range st.Sessions {
		for j := range st.Sessions[i].Groups {
			list := st.Sessions[i].Groups[j].Processes
			for k := range list {
				if err := th.process(&list[k]); err != nil {
					return err
				}
			}
		}
	}
	if slot := th.t.numbers.task(st.Init); slot != 0 && slot&threadBit == 0 {
		th.t.init = th.t.handle(slot)
		return nil
	}
	return bad("there is no init process %d", st.Init)
}

func (th *thawer) process(st *ProcessState) error {
	t := th.t
	if err := th.free(st.PID); err != nil {
		return err
	}
	if err := st.validate(); err != nil {
		return err
	}
	slot := t.procs.alloc()
	if int(slot) != len(th.states) {
		return bad("slot %d of process %d", slot, st.PID)
	}
	th.states = append(th.states, st)
	r := t.procs.at(slot)
	r.pid.Store(int32(st.PID))
	r.status = st.Status
	r.stop = st.Stopped
	f := st.flags()
	r.threads = count(f, isAlive) - count(f, mainEnded)
	t.reapers += int(count(f, isReaper))
	r.word.Store(t.nextSerial()<<serialShift | uint64(f))
	t.numbers.setTask(st.PID, slot)
	for _, tid := range st.Threads {
		if err := th.free(tid); err != nil {
			return err
		}
		t.addThread(slot, r, tid)
	}
	if st.Command != nil {
		t.setCommand(slot, st.Command.clone())
	}
	return nil
}

// free checks that a number can be given to a process or thread.
func (th *thawer) free(n PID) error {
	if n <= 0 || n >= th.t.numbers.limit {
		return bad("number %d is out of range", n)
	}
	if th.t.numbers.task(n) != 0 {
		return bad("number %d is there twice", n)
	}
	return nil
}

// validate checks what one process says of itself.
func (st *ProcessState) validate() error {
	stopped := st.Stopped != 0
	switch {
	case st.PPID < 0:
		return bad("process %d has parent %d", st.PID, st.PPID)
	case st.Zombie && (stopped || st.Unwaited || st.Subreaper || st.Exiting || st.MainEnded || len(st.Threads) > 0):
		return bad("zombie %d does what only the living do", st.PID)
	case stopped && !st.Stopped.stops():
		return bad("process %d is stopped by %v", st.PID, st.Stopped)
	case !st.Status.valid(), st.Status != 0 && !st.Zombie && !st.Exiting:
		return bad("process %d has status %#x", st.PID, uint16(st.Status))
	case st.MainEnded && len(st.Threads) == 0:
		return bad("process %d lives without threads", st.PID)
	}
	return nil
}

func (st *ProcessState) flags() flags {
	f := isAlive
	if st.Zombie {
		f = isZombie
	}
	if st.Stopped != 0 {
		f |= isStopped
	}
	switch {
	case st.Unwaited && st.Stopped != 0:
		f |= stopUnread
	case st.Unwaited:
		f |= contUnread
	}
	for _, bit := range [...]struct {
		set  bool
		flag flags
	}{
		{st.Exiting, isExiting}, {st.Subreaper, isReaper}, {st.Execed, hasExeced},
		{st.Leader, isLeader}, {st.Terminal, hasTerminal}, {st.MainEnded, mainEnded},
	} {
		if bit.set {
			f |= bit.flag
		}
	}
	return f
}

// sessions makes the sessions and groups and puts the processes into them.
func (th *thawer) sessions(st State) error {
	for i := range st.Sessions {
		s := &st.Sessions[i]
		if s.SID < 0 || s.SID >= st.Limit || th.t.numbers.session(s.SID) != 0 || len(s.Groups) == 0 {
			return bad("session %d is out of range, there twice, or empty", s.SID)
		}
		sslot := th.t.newSession(s.SID, th.t.numberOrNew(s.SID))
		for j := range s.Groups {
			if err := th.group(s, sslot, &s.Groups[j]); err != nil {
				return err
			}
		}
	}
	for i := range st.Sessions {
		if err := th.terminal(&st.Sessions[i]); err != nil {
			return err
		}
	}
	return nil
}

func (th *thawer) group(s *SessionState, sslot uint32, g *GroupState) error {
	t := th.t
	if g.PGID < 0 || g.PGID >= t.numbers.limit || t.numbers.group(g.PGID) != 0 || len(g.Processes) == 0 {
		return bad("group %d is out of range, there twice, or empty", g.PGID)
	}
	gslot := t.newGroup(g.PGID, th.t.numberOrNew(g.PGID), sslot)
	for k := range g.Processes {
		p := &g.Processes[k]
		slot := t.numbers.task(p.PID)
		switch {
		case p.Leader && (p.PID != s.SID || p.PID != g.PGID):
			return bad("process %d leads session %d in group %d", p.PID, s.SID, g.PGID)
		case p.Terminal && s.Terminal == 0:
			return bad("process %d has a terminal and session %d has not", p.PID, s.SID)
		}
		r := t.procs.at(slot)
		t.linkMember(gslot, slot, r, r.flags())
		r.setLinks(0, gslot)
	}
	return nil
}

// gone is a serial no number has: of a foreground group that is gone for good.
const gone = ^uint64(0)

func (th *thawer) terminal(s *SessionState) error {
	t := th.t
	slot := t.numbers.session(s.SID)
	if s.HungUp != 0 {
		r := t.sessions.at(slot)
		r.oldForeground, r.oldForegroundNo = s.HungUp, t.numberOf(s.HungUp, 0)
		if r.oldForegroundNo == 0 {
			return bad("session %d remembers group %d, and nothing carries its number", s.SID, s.HungUp)
		}
	}
	if s.Terminal == 0 {
		if s.TerminalName != "" || s.Foreground != 0 || s.ForegroundGone {
			return bad("session %d has no terminal and a foreground group or name", s.SID)
		}
		return nil
	}
	if t.terminals[s.Terminal] != nil {
		return bad("terminal %d controls two sessions", s.Terminal)
	}
	t.setTerminal(slot, s.Terminal, s.TerminalName)
	foreground := numbered{s.Foreground, t.numberOf(s.Foreground, 0)}
	switch {
	case s.Foreground < 0, s.Foreground >= t.numbers.limit, s.ForegroundGone && s.Foreground == 0:
		return bad("session %d has foreground group %d", s.SID, s.Foreground)
	case s.ForegroundGone:
		foreground.serial = gone
	case s.Foreground != 0 && foreground.serial == 0:
		return bad("session %d has foreground group %d, which nothing carries", s.SID, s.Foreground)
	}
	t.terminals[s.Terminal].foreground = foreground
	return nil
}

// parents links the children to their parents, in the order in which they came.
func (th *thawer) parents(State) error {
	t := th.t
	for pid, c := range t.numbers.all() {
		slot := c.task.Load()
		if slot == 0 || slot&threadBit != 0 {
			continue
		}
		if err := th.parent(pid, slot); err != nil {
			return err
		}
	}
	slices.SortStableFunc(th.placed, func(a, b uint32) int {
		x, y := th.states[a], th.states[b]
		return cmp.Or(cmp.Compare(x.PPID, y.PPID), cmp.Compare(x.Place, y.Place))
	})
	for _, slot := range th.placed {
		up := t.numbers.task(th.states[slot].PPID)
		th.link(up, slot)
	}
	return nil
}

func (th *thawer) link(parent, slot uint32) {
	r := th.t.procs.at(slot)
	th.t.linkChild(parent, slot, r)
	r.setLinks(parent, r.groupSlot())
}

func (th *thawer) parent(pid PID, slot uint32) error {
	t, st := th.t, th.states[slot]
	up := t.numbers.task(st.PPID)
	switch {
	case st.PPID != 0 && (up == 0 || up&threadBit != 0):
		return bad("process %d has parent %d, which is not there", pid, st.PPID)
	case st.PPID != 0 && !t.procs.at(up).has(isAlive):
		return bad("process %d has a zombie as parent, %d", pid, st.PPID)
	case slot == t.init.slot && (st.PPID != 0 || st.Zombie || st.Exiting):
		return bad("init %d has a parent, or has exited", pid)
	}
	if st.Place != 0 {
		th.placed = append(th.placed, slot)
		return nil
	}
	th.link(up, slot)
	return nil
}

// check makes sure that every process descends from one without a parent, and
// counts what keeps groups from being orphaned.
func (th *thawer) check(State) error {
	t := th.t
	queue := make([]uint32, 0, t.procs.live)
	queue = th.enqueue(queue, 0)
	for i := 0; i < len(queue); i++ {
		t.weigh(t.procs.at(queue[i]))
		queue = th.enqueue(queue, queue[i])
	}
	if len(queue) != t.procs.live {
		return bad("%d processes are among their own ancestors", t.procs.live-len(queue))
	}
	return nil
}

func (th *thawer) enqueue(queue []uint32, slot uint32) []uint32 {
	for c := th.t.procs.at(slot).firstChild; c != 0; c = th.t.procs.at(c).nextSib {
		queue = append(queue, c)
	}
	return queue
}
