package process

import (
	"cmp"
	"fmt"
	"slices"
)

// Sync brings the table in line with what was observed of a live system, and
// returns what changed: first who ended, then for each process in ascending order
// what became of it, then sessions and groups.
//
// A live system changes while it is looked at, so what was observed need not fit
// together, and Sync makes the best of it: a parent that was not observed is
// replaced by init, and a group seen in two sessions is put into that of its leader.
// Only nonsense is refused, with ErrBadObservation and the table unchanged: numbers
// out of range or there twice, and a list without the living init of the table.
//
// Parents, groups and sessions with number 0 are outside: so are the parents of init
// and of the kernel's thread daemon, the groups of kernel threads, and whatever
// entered a PID namespace from outside.
func (t *Table) Sync(observed []Observed) ([]Event, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := syncer{t: t, byPID: make(map[PID]*Observed, len(observed))}
	if err := s.index(observed); err != nil {
		return nil, fmt.Errorf("cannot sync process table: %w", err)
	}
	s.remember()
	s.removeEnded()
	for _, o := range s.order {
		s.place(o)
	}
	for _, o := range s.order {
		s.parent(o)
	}
	s.breakCycles()
	for _, o := range s.order {
		s.state(o)
		s.threads(o)
		s.command(o)
	}
	s.terminals()
	s.countAnchors()
	s.compare()
	return s.events, nil
}

type syncer struct {
	t      *Table
	byPID  map[PID]*Observed
	order  []*Observed // by PID
	sidOf  map[PID]PID // of each observed group
	events []Event

	fresh    map[PID]bool // processes new in this sync
	parents  map[PID]PID  // as they were before
	groups   []groupBefore
	sessions []Session
	terminal map[PID]terminal // by SID, as they were before
}

type groupBefore struct {
	group    Group
	anchored bool
}

func (s *syncer) event(e Event) { s.events = append(s.events, e) }

func badObservation(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrBadObservation)...)
}

func (s *syncer) index(observed []Observed) error {
	limit := s.t.numbers.limit
	s.order = make([]*Observed, 0, len(observed))
	for i := range observed {
		o := &observed[i]
		for _, n := range [...]PID{o.PPID, o.PGID, o.SID} {
			if n < 0 || n >= limit {
				return badObservation("process %d has number %d", o.PID, n)
			}
		}
		if o.PID <= 0 || o.PID >= limit || s.byPID[o.PID] != nil {
			return badObservation("number %d is out of range or there twice", o.PID)
		}
		if !o.Status.valid() {
			return badObservation("process %d has status %#x", o.PID, uint16(o.Status))
		}
		s.byPID[o.PID] = o
		s.order = append(s.order, o)
	}
	if root := s.byPID[s.t.init.pid]; root == nil || root.ended() {
		return badObservation("init %d is not alive", s.t.init.pid)
	}
	slices.SortFunc(s.order, func(a, b *Observed) int { return cmp.Compare(a.PID, b.PID) })
	s.sidOf = make(map[PID]PID)
	for _, o := range s.order {
		if _, ok := s.sidOf[o.PGID]; !ok || o.PID == o.PGID {
			s.sidOf[o.PGID] = o.SID
		}
	}
	return nil
}

// remember keeps what compare needs.
func (s *syncer) remember() {
	t := s.t
	s.fresh = make(map[PID]bool)
	s.parents = make(map[PID]PID)
	s.terminal = make(map[PID]terminal)
	for _, c := range t.numbers.all() {
		if slot := c.group.Load(); slot != 0 {
			s.groups = append(s.groups, groupBefore{t.groupHandle(slot), t.groups.at(slot).anchors > 0})
		}
		if slot := c.session.Load(); slot != 0 {
			s.sessions = append(s.sessions, t.sessionHandle(slot))
		}
	}
	for _, owner := range t.terminals {
		s.terminal[t.sessions.at(owner.session).id()] = *owner
	}
}

// removeEnded takes out the processes and threads that are no longer there, so that
// their numbers are free for new ones. Children go to init until their parents are
// known.
func (s *syncer) removeEnded() {
	t := s.t
	var ended []uint32
	for pid, c := range t.numbers.all() {
		slot := c.task.Load()
		if slot == 0 || slot&threadBit != 0 {
			continue
		}
		o := s.byPID[pid]
		if o == nil || s.isAnother(slot, o) {
			ended = append(ended, slot)
			continue
		}
		s.dropThreads(slot, o)
	}
	for _, slot := range ended {
		s.remove(slot)
	}
}

// isAnother reports whether o is another process than the one with its number.
func (s *syncer) isAnother(slot uint32, o *Observed) bool {
	if slot == s.t.init.slot {
		return false
	}
	before := s.t.starts[slot]
	return before != 0 && o.Start != 0 && before != o.Start
}

func (s *syncer) remove(slot uint32) {
	t := s.t
	r := t.procs.at(slot)
	for r.firstChild != 0 {
		s.move(r.firstChild, t.init.slot)
	}
	t.endThreads(r)
	s.event(Event{Kind: EventEnded, PID: r.number()})
	t.freeProc(slot, r)
}

// move gives a process another parent, and keeps who it was before all this.
func (s *syncer) move(slot, to uint32) {
	t := s.t
	r := t.procs.at(slot)
	if _, ok := s.parents[r.number()]; !ok {
		s.parents[r.number()] = t.procs.at(r.parentSlot()).number()
	}
	t.unlinkChild(slot, r, r.flags())
	t.linkChild(to, slot, r)
	r.setLinks(to, r.groupSlot())
}

func (s *syncer) dropThreads(slot uint32, o *Observed) {
	t := s.t
	r := t.procs.at(slot)
	if r.extra == 0 {
		return
	}
	alive := o.otherThreads()
	for th := r.extra; th != 0; {
		next, tid := t.threads.at(th).next, PID(t.threads.at(th).tid.Load())
		if _, there := slices.BinarySearch(alive, tid); !there {
			t.freeThread(th, r)
			s.event(Event{Kind: EventThreadEnded, PID: o.PID, From: tid})
		}
		th = next
	}
}

// place puts a process into its group, and into the table if it is new.
func (s *syncer) place(o *Observed) {
	t := s.t
	slot := t.numbers.task(o.PID)
	if slot&threadBit != 0 { // seen as a thread before, or elsewhere
		th := slot &^ threadBit
		t.freeThread(th, t.procs.at(t.threads.at(th).proc.Load()))
		slot = 0
	}
	gslot := s.group(o.PGID)
	if slot == 0 {
		s.create(o, gslot)
		return
	}
	r := t.procs.at(slot)
	g := t.groups.at(r.groupSlot())
	if r.groupSlot() == gslot {
		return
	}
	if from := g.sid(); from != s.sidOf[o.PGID] {
		s.event(Event{Kind: EventSessionChange, PID: o.PID, From: from, To: s.sidOf[o.PGID]})
	}
	s.event(Event{Kind: EventGroupChanged, PID: o.PID, From: g.pgid(), To: o.PGID})
	f := r.flags()
	t.unlinkMember(slot, r, f)
	t.linkMember(gslot, slot, r, f)
	r.setLinks(r.parentSlot(), gslot)
}

func (s *syncer) create(o *Observed, gslot uint32) {
	t := s.t
	serial := t.nextSerial()
	t.takeOver(o.PID, serial)
	slot := t.newProc(o.PID, serial, t.init.slot, gslot, isAlive)
	if o.Start != 0 {
		t.setStart(slot, o.Start)
	}
	s.fresh[o.PID] = true
	to := o.PPID
	if s.byPID[to] == nil && to != 0 {
		to = t.init.pid
	}
	s.event(Event{Kind: EventForked, PID: o.PID, To: to, Name: o.Comm})
}

// group returns the group with a number, made or moved to its session if need be.
func (s *syncer) group(pgid PID) uint32 {
	t, sid := s.t, s.sidOf[pgid]
	sslot := t.numbers.session(sid)
	if sslot == 0 {
		sslot = t.newSession(sid, t.numberOrNew(sid))
	}
	gslot := t.numbers.group(pgid)
	if gslot == 0 {
		return t.newGroup(pgid, t.numberOrNew(pgid), sslot)
	}
	if g := t.groups.at(gslot); g.session != sslot {
		t.changeSession(gslot, g, sslot)
	}
	return gslot
}

// parent links a process to its parent.
func (s *syncer) parent(o *Observed) {
	t := s.t
	slot := t.numbers.task(o.PID)
	to := uint32(0)
	switch up := s.byPID[o.PPID]; {
	case slot == t.init.slot, o.PPID == 0:
	case up == nil, up.ended(), up == o:
		to = t.init.slot
	default:
		to = t.numbers.task(o.PPID)
	}
	r := t.procs.at(slot)
	if r.parentSlot() != to {
		s.move(slot, to)
	}
}

// breakCycles gives to init whoever is among its own ancestors: a number was
// recycled while the system was looked at.
func (s *syncer) breakCycles() {
	t := s.t
	reached := make(map[uint32]bool, t.procs.live)
	var queue []uint32
	reach := func(slot uint32) {
		queue = append(queue[:0], slot)
		for i := 0; i < len(queue); i++ {
			reached[queue[i]] = true
			for c := t.procs.at(queue[i]).firstChild; c != 0; c = t.procs.at(c).nextSib {
				queue = append(queue, c)
			}
		}
	}
	reach(0)
	for _, o := range s.order {
		if slot := t.numbers.task(o.PID); !reached[slot] {
			s.move(slot, t.init.slot)
			reach(slot)
		}
	}
}
