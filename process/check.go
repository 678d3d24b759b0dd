package process

import (
	"errors"
	"fmt"
)

// Check verifies every invariant of the table and returns all that do not hold. It
// is meant for tests: it looks at everything, and holds the lock meanwhile.
func (t *Table) Check() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := checker{t: t, numbers: make(map[PID]bool)}
	c.processes()
	c.groups()
	c.sessions()
	c.carriers()
	return errors.Join(c.errs...)
}

type checker struct {
	t       *Table
	errs    []error
	numbers map[PID]bool // carried by anything

	procs, threads, groupsSeen, reapers int
}

func (c *checker) that(ok bool, format string, args ...any) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf(format, args...))
	}
}

// processes walks the tree down from what is outside, so a process that cannot be
// reached, or can be twice, shows in the counts.
func (c *checker) processes() {
	t := c.t
	c.children(0)
	c.that(c.procs == t.procs.live, "%d processes in the tree, %d in the table", c.procs, t.procs.live)
	c.that(c.threads == t.threads.live, "%d threads in processes, %d in the table", c.threads, t.threads.live)
	c.that(c.reapers == t.reapers, "%d subreapers, counted %d", c.reapers, t.reapers)
	root := t.procs.at(t.init.slot)
	c.that(root.serial() == t.init.serial && root.has(isAlive), "init %d is not alive", t.init.pid)
}

func (c *checker) children(slot uint32) {
	t := c.t
	stack := []uint32{slot}
	for len(stack) > 0 && len(c.errs) < 100 {
		slot := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		r := t.procs.at(slot)
		var n, waiting, prev uint32
		for s := r.firstChild; s != 0 && n <= r.children; s = t.procs.at(s).nextSib {
			child := t.procs.at(s)
			pid := child.number()
			c.that(child.parentSlot() == slot, "process %d is not linked to its parent", pid)
			c.that(child.prevSibling == prev, "process %d has a wrong sibling link", pid)
			c.process(s, child)
			stack = append(stack, s)
			n, waiting, prev = n+1, waiting+waitable(child.flags()), s
		}
		c.that(n == r.children && r.lastChild == prev, "process %d has %d children, counted %d", r.number(), n, r.children)
		c.that(waiting == r.waitable, "process %d has %d children to wait for, counted %d", r.number(), waiting, r.waitable)
		c.that(r.has(isAlive) || slot == 0 || n == 0, "zombie %d has children", r.number())
	}
}

func (c *checker) process(slot uint32, r *proc) {
	c.procs++
	pid, f := r.number(), r.flags()
	c.number(pid)
	c.that(c.t.numbers.task(pid) == slot, "process %d is not found by its number", pid)
	c.that(r.serial() != 0 && r.serial() <= c.t.serial, "process %d has serial %d of %d", pid, r.serial(), c.t.serial)
	alive, zombie := f&isAlive != 0, f&isZombie != 0
	c.that(alive != zombie, "process %d is alive %v, zombie %v", pid, alive, zombie)
	c.that(alive || f&(isStopped|stopUnread|contUnread|isReaper|isExiting|mainEnded) == 0,
		"zombie %d has flags %b of the living", pid, f)
	c.that(f&stopUnread == 0 || f&isStopped != 0, "process %d has an unread stop and runs", pid)
	c.that(f&contUnread == 0 || f&isStopped == 0, "process %d has an unread continuation and is stopped", pid)
	c.that((r.stop != 0) == (f&isStopped != 0), "process %d is stopped by %v, flags %b", pid, r.stop, f)
	c.reapers += int(count(f, isReaper))
	c.threadsOf(slot, r)
	c.membership(slot, r)
}

func (c *checker) threadsOf(slot uint32, r *proc) {
	pid, n := r.number(), uint32(0)
	if r.has(isAlive) && !r.has(mainEnded) {
		n++
	}
	var prev uint32
	for s := r.extra; s != 0 && n <= r.threads; s = c.t.threads.at(s).next {
		th := c.t.threads.at(s)
		tid := PID(th.tid.Load())
		c.that(th.proc.Load() == slot && th.prev == prev, "thread %d of process %d has wrong links", tid, pid)
		c.that(c.t.numbers.task(tid) == s|threadBit, "thread %d is not found by its number", tid)
		c.number(tid)
		c.threads++
		n, prev = n+1, s
	}
	c.that(n == r.threads, "process %d has %d threads, counted %d", pid, n, r.threads)
	c.that(n > 0 || r.has(isZombie), "process %d lives without threads", pid)
}

func (c *checker) membership(slot uint32, r *proc) {
	t, pid, gslot := c.t, r.number(), r.groupSlot()
	g := t.groups.peek(gslot)
	if g == nil || g.number.Load() == 0 {
		c.that(false, "process %d is in no group", pid)
		return
	}
	s := t.sessions.at(g.session)
	c.that(!r.has(isLeader) || s.id() == pid && g.pgid() == pid,
		"session leader %d is in group %d of session %d", pid, g.pgid(), s.id())
	c.that(!r.has(hasTerminal) || s.terminal != 0, "process %d has a terminal its session has not", pid)
}

func (c *checker) groups() {
	t := c.t
	for pgid, carrier := range t.numbers.all() {
		slot := carrier.group.Load()
		if slot == 0 {
			continue
		}
		c.groupsSeen++
		g := t.groups.at(slot)
		c.that(g.pgid() == pgid, "group %d is found as %d", g.pgid(), pgid)
		c.that(g.number.Load() != 0, "group %d is free", pgid)
		c.number(pgid)
		c.members(pgid, slot, g)
	}
	c.that(c.groupsSeen == t.groups.live, "%d groups found, %d in the table", c.groupsSeen, t.groups.live)
}

func (c *checker) members(pgid PID, slot uint32, g *group) {
	t := c.t
	var n, anchors, stopped, living, prev uint32
	for m := g.firstMember; m != 0 && n <= g.members; m = t.procs.at(m).nextMember {
		r := t.procs.at(m)
		c.that(r.groupSlot() == slot && r.prevMember == prev, "group %d has process %d, which is not linked to it", pgid, r.number())
		stopped += count(r.flags(), isStopped)
		living += count(r.flags(), isAlive)
		if t.anchored(r) {
			anchors++
		}
		n, prev = n+1, m
	}
	c.that(n > 0, "group %d is empty", pgid)
	c.that(n == g.members && prev == g.lastMember, "group %d has %d members, counted %d", pgid, n, g.members)
	c.that(anchors == g.anchors, "group %d has %d anchors, counted %d", pgid, anchors, g.anchors)
	c.that(stopped == g.stopped, "group %d has %d stopped, counted %d", pgid, stopped, g.stopped)
	c.that(living == g.living, "group %d has %d living, counted %d", pgid, living, g.living)
	s := t.sessions.at(g.session)
	c.that(s.number.Load() == g.sNumber.Load() && s.id() == g.sid(), "group %d has a wrong session", pgid)
	c.that(t.numberOf(pgid, 0) == g.number.Load(), "group %d does not own its number", pgid)
}

func (c *checker) sessions() {
	t, seen, groups, terminals := c.t, 0, 0, 0
	for sid, carrier := range t.numbers.all() {
		slot := carrier.session.Load()
		if slot == 0 {
			continue
		}
		seen++
		s := t.sessions.at(slot)
		c.number(sid)
		c.that(s.id() == sid && s.number.Load() != 0, "session %d is found as %d", s.id(), sid)
		c.that(t.numberOf(sid, 0) == s.number.Load(), "session %d does not own its number", sid)
		var n, prev uint32
		for g := s.firstGroup; g != 0 && n <= s.groups; g = t.groups.at(g).next {
			c.that(t.groups.at(g).session == slot && t.groups.at(g).prev == prev, "session %d has a group not linked to it", sid)
			n, prev = n+1, g
		}
		c.that(n == s.groups && n > 0 && prev == s.lastGroup, "session %d has %d groups, counted %d", sid, n, s.groups)
		groups += int(n)
		if s.terminal != 0 {
			terminals++
			tty := t.terminals[s.terminal]
			c.that(tty != nil && tty.session == slot, "session %d has a terminal that is not its own", sid)
		}
	}
	c.that(seen == t.sessions.live, "%d sessions found, %d in the table", seen, t.sessions.live)
	c.that(groups == c.groupsSeen, "%d groups in sessions, %d found", groups, c.groupsSeen)
	c.that(terminals == len(t.terminals), "%d terminals in sessions, %d in the table", terminals, len(t.terminals))
}

func (c *checker) number(n PID) {
	c.numbers[n] = true
	c.that(n >= 0 && n < c.t.numbers.limit, "number %d is out of range", n)
}

// carriers checks that nothing carries a number but what was found.
func (c *checker) carriers() {
	n := 0
	for pid := range c.t.numbers.all() {
		n++
		c.that(c.numbers[pid], "number %d is carried by nothing in the table", pid)
	}
	c.that(n == c.t.numbers.used, "%d numbers are carried, counted %d", n, c.t.numbers.used)
	for slot := range c.t.commands {
		c.that(c.t.procs.at(slot).serial() != 0, "slot %d has a command and no process", slot)
	}
	for slot := range c.t.data {
		c.that(c.t.procs.at(slot).serial() != 0, "slot %d has data and no process", slot)
	}
}
