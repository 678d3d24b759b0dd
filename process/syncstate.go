package process

import (
	"cmp"
	"slices"
)

func (s *syncer) state(o *Observed) {
	t := s.t
	r := t.procs.at(t.numbers.task(o.PID))
	if from, ok := s.parents[o.PID]; ok && !s.fresh[o.PID] {
		if to := t.procs.at(r.parentSlot()).number(); to != from {
			s.event(Event{Kind: EventReparented, PID: o.PID, From: from, To: to})
		}
	}
	before, after := r.flags(), o.flags()
	switch {
	case after&isZombie != 0 && before&isZombie == 0:
		r.status = o.Status
		s.event(Event{Kind: EventExited, PID: o.PID, Status: o.Status})
	case after&isStopped != 0 && before&isStopped == 0:
		s.event(Event{Kind: EventStopped, PID: o.PID})
	case after&isStopped == 0 && before&isStopped != 0:
		s.event(Event{Kind: EventContinued, PID: o.PID})
	}
	if after&isStopped == before&isStopped && after&isAlive != 0 {
		after |= before & (stopUnread | contUnread)
	}
	after |= before & hasExeced
	if after&isAlive != 0 {
		after |= before & (isReaper | isExiting)
	} else if before&isReaper != 0 {
		t.reapers--
	}
	// The terminal is settled once all sessions are.
	after &^= hasTerminal
	t.change(r, after, before&^after)
	r.stop = 0
	if after&isStopped != 0 {
		r.stop = SIGSTOP
	}
}

func (s *syncer) threads(o *Observed) {
	t := s.t
	slot := t.numbers.task(o.PID)
	r := t.procs.at(slot)
	f := r.flags()
	main := count(f, isAlive) - count(f, mainEnded)
	if f&isZombie != 0 {
		t.endThreads(r)
		return
	}
	known := uint32(0)
	for th := r.extra; th != 0; th = t.threads.at(th).next {
		known++
	}
	r.threads = main + known
	for _, tid := range o.otherThreads() {
		if tid >= t.numbers.limit || !t.numbers.isFree(tid) {
			continue // known already, or seen elsewhere in the same moment
		}
		t.addThread(slot, r, tid)
		if !s.fresh[o.PID] {
			s.event(Event{Kind: EventThreadStarted, PID: o.PID, To: tid})
		}
	}
	if r.threads == 0 { // all its threads were seen elsewhere
		t.change(r, 0, mainEnded)
		r.threads = 1
	}
}

func (s *syncer) command(o *Observed) {
	t := s.t
	slot := t.numbers.task(o.PID)
	now := o.command().clone()
	before := t.commands[slot]
	if before != nil && before.Comm == now.Comm && slices.Equal(before.Args, now.Args) {
		if before.Letter != now.Letter {
			t.setCommand(slot, &Command{Comm: before.Comm, Args: before.Args, Letter: now.Letter})
		}
		return
	}
	t.setCommand(slot, now)
	if before != nil && !s.fresh[o.PID] && !o.ended() {
		t.change(t.procs.at(slot), hasExeced, 0)
		s.event(Event{Kind: EventExec, PID: o.PID, Name: o.Comm})
	}
}

// terminals gives each session the terminal its first process says it has.
func (s *syncer) terminals() {
	t := s.t
	clear(t.terminals)
	for _, c := range t.numbers.all() {
		if slot := c.session.Load(); slot != 0 {
			t.sessions.at(slot).terminal = 0
		}
	}
	for _, o := range s.order {
		if o.flags()&hasTerminal == 0 {
			continue
		}
		r := t.procs.at(t.numbers.task(o.PID))
		sslot := t.groups.at(r.groupSlot()).session
		tty := t.terminals[o.TTY]
		if tty == nil && t.sessions.at(sslot).terminal == 0 {
			s.setTerminal(sslot, o)
			tty = t.terminals[o.TTY]
		}
		if tty != nil && tty.session == sslot {
			t.change(r, hasTerminal, 0)
		}
	}
	s.compareTerminals()
}

func (s *syncer) setTerminal(sslot uint32, o *Observed) {
	t := s.t
	t.setTerminal(sslot, o.TTY, o.TTYName)
	tty := t.terminals[o.TTY]
	if o.Foreground <= 0 || o.Foreground >= t.numbers.limit {
		return
	}
	tty.foreground = numbered{o.Foreground, t.numberOf(o.Foreground, gone)}
}

func (s *syncer) compareTerminals() {
	t := s.t
	for sid, c := range t.numbers.all() {
		slot := c.session.Load()
		if slot == 0 {
			continue
		}
		before, had := s.terminal[sid]
		now, has := t.terminals[t.sessions.at(slot).terminal]
		if !had && !has {
			continue
		}
		if !has {
			s.event(Event{Kind: EventTerminal, PID: sid})
			continue
		}
		if !had || before.name != now.name {
			s.event(Event{Kind: EventTerminal, PID: sid, Name: cmp.Or(now.name, "unknown")})
		}
		if had && before.foreground.n != now.foreground.n {
			s.event(Event{Kind: EventForeground, PID: sid, From: before.foreground.n, To: now.foreground.n})
		}
	}
}

// countAnchors counts afresh what keeps groups from being orphaned.
func (s *syncer) countAnchors() {
	t := s.t
	for _, c := range t.numbers.all() {
		if slot := c.group.Load(); slot != 0 {
			t.groups.at(slot).anchors = 0
		}
	}
	for _, o := range s.order {
		t.weigh(t.procs.at(t.numbers.task(o.PID)))
	}
}

// compare tells what became of the groups and sessions there were.
func (s *syncer) compare() {
	for _, before := range s.groups {
		_, g := before.group.find()
		switch {
		case g == nil && s.t.numbers.group(before.group.pgid) == 0:
			s.event(Event{Kind: EventGroupEnded, PID: before.group.pgid})
		case g != nil && before.anchored && g.anchors == 0 && g.living > 0:
			s.event(Event{Kind: EventOrphaned, PID: before.group.pgid})
		}
	}
	for _, before := range s.sessions {
		if s.t.numbers.session(before.sid) == 0 {
			s.event(Event{Kind: EventSessionEnded, PID: before.sid})
		}
	}
}
