package process

import "slices"

// StateVersion is the version of State that this package writes.
const StateVersion = 1

// State is a table frozen to plain data: numbers only, sorted, without pointers to
// anything live. It can be encoded as JSON as it is, or far smaller with
// AppendBinary. Attached data is not part of it.
type State struct {
	Version    int            `json:"version"`
	Init       PID            `json:"init"`                 // the number of init
	Last       PID            `json:"last"`                 // the number given out last
	Limit      PID            `json:"limit"`                // all numbers are less
	GlobalInit bool           `json:"globalInit,omitempty"` // see WithGlobalInit
	Sessions   []SessionState `json:"sessions"`             // by SID
}

// SessionState is a session of a State.
type SessionState struct {
	SID PID `json:"sid"`
	// The controlling terminal, absent or 0 for none.
	Terminal     Device `json:"terminal,omitempty"`
	TerminalName string `json:"terminalName,omitempty"`
	// The number of the foreground group, and whether that group is gone for good,
	// so that another one with its number is not the foreground group.
	Foreground     PID  `json:"foreground,omitempty"`
	ForegroundGone bool `json:"foregroundGone,omitempty"`
	// What was the foreground group when the terminal hung up; it is hung up when
	// the session leader exits.
	HungUp PID          `json:"hungUp,omitempty"`
	Groups []GroupState `json:"groups"` // by PGID
}

// GroupState is a process group of a State.
type GroupState struct {
	PGID      PID            `json:"pgid"`
	Processes []ProcessState `json:"processes"` // by PID
}

// ProcessState is a process of a State.
type ProcessState struct {
	PID  PID `json:"pid"`
	PPID PID `json:"ppid,omitempty"` // 0: the parent is outside
	// The place among the siblings, from 1, for those whose order is not that of
	// their numbers: wait(2) asks children in the order in which they came.
	Place uint32 `json:"place,omitempty"`

	Zombie    bool       `json:"zombie,omitempty"`
	Exiting   bool       `json:"exiting,omitempty"`  // BeginExit has fixed the status
	Status    ExitStatus `json:"status,omitempty"`   // of a zombie or of Exiting
	Stopped   Signal     `json:"stopped,omitempty"`  // by which signal
	Unwaited  bool       `json:"unwaited,omitempty"` // no wait has told of the stop, or of the continuation, yet
	Subreaper bool       `json:"subreaper,omitempty"`
	Execed    bool       `json:"execed,omitempty"`
	Leader    bool       `json:"leader,omitempty"`    // of the session
	Terminal  bool       `json:"terminal,omitempty"`  // the session's terminal is its terminal, too
	MainEnded bool       `json:"mainEnded,omitempty"` // the main thread has ended, others go on
	Threads   []PID      `json:"threads,omitempty"`   // besides the main thread, ascending
	Command   *Command   `json:"command,omitempty"`
}

// State freezes the table to plain data. Nothing changes in the table meanwhile.
func (t *Table) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	st := State{
		Version: StateVersion, Init: t.init.pid, Last: t.numbers.last, Limit: t.numbers.limit,
		GlobalInit: t.globalInit,
	}
	f := freezer{
		t:         t,
		groups:    make([]GroupState, 0, t.groups.live),
		processes: make([]ProcessState, 0, t.procs.live),
	}
	f.findPlaces()
	st.Sessions = make([]SessionState, 0, t.sessions.live)
	for sid, c := range t.numbers.all() {
		if slot := c.session.Load(); slot != 0 {
			st.Sessions = append(st.Sessions, f.session(sid, t.sessions.at(slot)))
		}
	}
	return st
}

// freezer fills one large slice of each kind, of which every state gets a part.
type freezer struct {
	t         *Table
	groups    []GroupState
	processes []ProcessState
	places    map[uint32]uint32 // by slot; only where order is not that of the numbers
}

// findPlaces finds the parents whose children did not come in the order of their
// numbers.
func (f *freezer) findPlaces() {
	t := f.t
	f.placesOf(t.procs.at(0))
	for _, c := range t.numbers.all() {
		if slot := c.task.Load(); slot != 0 && slot&threadBit == 0 {
			if r := t.procs.at(slot); r.children > 1 {
				f.placesOf(r)
			}
		}
	}
}

func (f *freezer) placesOf(r *proc) {
	last, ordered := PID(0), true
	for c := r.firstChild; c != 0 && ordered; c = f.t.procs.at(c).nextSib {
		n := f.t.procs.at(c).number()
		last, ordered = n, n > last
	}
	if ordered {
		return
	}
	if f.places == nil {
		f.places = make(map[uint32]uint32)
	}
	place := uint32(0)
	for c := r.firstChild; c != 0; c = f.t.procs.at(c).nextSib {
		place++
		f.places[c] = place
	}
}

func (f *freezer) session(sid PID, s *session) SessionState {
	t := f.t
	st := SessionState{SID: sid}
	if tty := t.terminals[s.terminal]; tty != nil {
		st.Terminal, st.TerminalName, st.Foreground = s.terminal, tty.name, tty.foreground.n
		st.ForegroundGone = st.Foreground != 0 && t.numberOf(st.Foreground, 0) != tty.foreground.serial
	}
	if old := (numbered{s.oldForeground, s.oldForegroundNo}); old.n != 0 && t.numberOf(old.n, 0) == old.serial {
		st.HungUp = old.n
	}
	from := len(f.groups)
	for slot := s.firstGroup; slot != 0; slot = t.groups.at(slot).next {
		f.groups = append(f.groups, GroupState{PGID: t.groups.at(slot).pgid()})
	}
	st.Groups = f.groups[from:len(f.groups):len(f.groups)]
	ascending(st.Groups, func(g GroupState) PID { return g.PGID })
	for i := range st.Groups {
		st.Groups[i].Processes = f.members(t.groups.at(t.numbers.group(st.Groups[i].PGID)))
	}
	return st
}

func (f *freezer) members(g *group) []ProcessState {
	from := len(f.processes)
	for slot := g.firstMember; slot != 0; {
		r := f.t.procs.at(slot)
		f.processes = append(f.processes, f.process(slot, r))
		slot = r.nextMember
	}
	list := f.processes[from:len(f.processes):len(f.processes)]
	ascending(list, func(p ProcessState) PID { return p.PID })
	return list
}

func (f *freezer) process(slot uint32, r *proc) ProcessState {
	t, fl := f.t, r.flags()
	st := ProcessState{
		PID: r.number(), PPID: t.procs.at(r.parentSlot()).number(), Place: f.places[slot],
		Zombie: fl&isZombie != 0, Exiting: fl&isExiting != 0, Stopped: r.stop,
		Unwaited:  fl&(stopUnread|contUnread) != 0,
		Subreaper: fl&isReaper != 0, Execed: fl&hasExeced != 0, Leader: fl&isLeader != 0,
		Terminal: fl&hasTerminal != 0, MainEnded: fl&mainEnded != 0,
	}
	if st.Zombie || st.Exiting {
		st.Status = r.status
	}
	for th := r.extra; th != 0; th = t.threads.at(th).next {
		st.Threads = append(st.Threads, PID(t.threads.at(th).tid.Load()))
	}
	ascending(st.Threads, func(tid PID) PID { return tid })
	if len(t.commands) > 0 {
		if c := t.commands[slot]; c != nil {
			st.Command = c.clone()
		}
	}
	return st
}

// ascending sorts a list by its numbers; most often it is in order already.
func ascending[T any](list []T, number func(T) PID) {
	for i := 1; i < len(list); i++ {
		if number(list[i]) < number(list[i-1]) {
			slices.SortFunc(list, func(a, b T) int { return int(number(a)) - int(number(b)) })
			return
		}
	}
}
