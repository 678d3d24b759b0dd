package process

import (
	"fmt"
	"iter"
)

// Table is a process table: it owns all processes, threads, groups and sessions.
// Make one with NewTable. It is safe for concurrent use.
type Table struct {
	mu     lock
	serial uint64 // of the last process, thread or group; never used twice
	_      cacheLine

	numbers  numbers
	procs    arena[proc]
	threads  arena[thread]
	groups   arena[group]
	sessions arena[session]

	reapers    int // subreapers, so that most exits need not look for one
	globalInit bool
	init       Process

	terminals map[Device]*terminal
	commands  map[uint32]*Command    // by slot; only of those that have one
	starts    map[uint32]uint64      // by slot: Observed.Start of mirrored processes
	data      map[uint32]map[any]any // by slot, then by typeKey
}

// Option changes what NewTable makes.
type Option func(*Table)

// WithLimit sets the bound that all numbers are less than, like
// /proc/sys/kernel/pid_max. It is between 2 and DefaultLimit, which is also
// the default; what is out of that range is brought into it.
func WithLimit(limit PID) Option {
	return func(t *Table) { t.numbers.limit = min(max(limit, 2), DefaultLimit) }
}

// WithInitPID gives the init process another number than 1, for a table that
// holds a part of a system.
func WithInitPID(pid PID) Option {
	return func(t *Table) { t.init.pid = max(pid, 1) }
}

// WithGlobalInit makes init the init of a whole system and not of a PID
// namespace. Linux makes one difference between them: a parent that is the global
// init never keeps a group from being orphaned.
func WithGlobalInit() Option {
	return func(t *Table) { t.globalInit = true }
}

// NewTable makes a table with an init process, which leads a session and a group
// of its own number.
func NewTable(options ...Option) *Table {
	t := newTable(options...)
	t.createInit()
	return t
}

// newTable makes a table without init.
func newTable(options ...Option) *Table {
	t := &Table{mu: newLock()}
	t.numbers.limit = DefaultLimit
	t.init.pid = 1
	for _, option := range options {
		option(t)
	}
	t.numbers.limit = max(t.numbers.limit, t.init.pid+1)
	t.procs.addPage()
	return t
}

func (t *Table) createInit() {
	pid := t.init.pid
	serial := t.nextSerial()
	sslot := t.newSession(pid, serial)
	gslot := t.newGroup(pid, serial, sslot)
	slot := t.newProc(pid, serial, 0, gslot, isAlive|isLeader|hasExeced)
	t.numbers.last = pid
	t.init = Process{t: t, serial: serial, slot: slot, pid: pid}
}

// Init returns the init process, the root of the table.
func (t *Table) Init() Process { return t.init }

// Process returns the process with the number, zombies included.
func (t *Table) Process(pid PID) (Process, bool) {
	slot := t.numbers.task(pid)
	if slot == 0 || slot&threadBit != 0 {
		return Process{}, false
	}
	p := t.handle(slot)
	return p, p.pid == pid && pid != 0
}

// Group returns the process group with the number.
func (t *Table) Group(pgid PID) (Group, bool) {
	slot := t.numbers.group(pgid)
	if slot == 0 {
		return Group{}, false
	}
	g := t.groupHandle(slot)
	return g, g.t != nil && g.pgid == pgid
}

// Session returns the session with the number.
func (t *Table) Session(sid PID) (Session, bool) {
	slot := t.numbers.session(sid)
	if slot == 0 {
		return Session{}, false
	}
	s := t.sessionHandle(slot)
	return s, s.t != nil && s.sid == sid
}

// Thread returns the thread with the number; a main thread has its process's.
func (t *Table) Thread(tid PID) (Thread, bool) {
	slot := t.numbers.task(tid)
	if slot&threadBit == 0 {
		p, ok := t.Process(tid)
		if !ok {
			return Thread{}, false
		}
		th := p.MainThread()
		return th, th.Exists()
	}
	th := t.threadHandle(slot &^ threadBit)
	return th, th.t != nil && th.tid == tid
}

// Len returns the number of processes, zombies included.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.procs.live
}

// Counts says how much a table holds.
type Counts struct {
	Processes int // zombies included
	Threads   int // that have not ended, main threads included
	Groups    int
	Sessions  int
	Numbers   int // carried by anything
}

// Counts returns how much the table holds.
func (t *Table) Counts() Counts {
	c := Counts{}
	for p := range t.Processes() {
		c.Threads += p.ThreadCount()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c.Processes = t.procs.live
	c.Groups = t.groups.live
	c.Sessions = t.sessions.live
	c.Numbers = t.numbers.used
	return c
}

func (t *Table) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("process table: processes %d, groups %d, sessions %d",
		t.procs.live, t.groups.live, t.sessions.live)
}

// Processes returns all processes in ascending order of their numbers. The table
// may change meanwhile: a process that is there all the time is given exactly once.
func (t *Table) Processes() iter.Seq[Process] {
	return func(yield func(Process) bool) {
		for n, c := range t.numbers.all() {
			slot := c.task.Load()
			if slot == 0 || slot&threadBit != 0 {
				continue
			}
			if p := t.handle(slot); p.pid == n && !yield(p) {
				return
			}
		}
	}
}

// Groups returns all process groups in ascending order of their numbers, under
// the same terms as Processes.
func (t *Table) Groups() iter.Seq[Group] {
	return func(yield func(Group) bool) {
		for n, c := range t.numbers.all() {
			slot := c.group.Load()
			if slot == 0 {
				continue
			}
			if g := t.groupHandle(slot); g.t != nil && g.pgid == n && !yield(g) {
				return
			}
		}
	}
}

// Sessions returns all sessions in ascending order of their numbers, under the
// same terms as Processes.
func (t *Table) Sessions() iter.Seq[Session] {
	return func(yield func(Session) bool) {
		for n, c := range t.numbers.all() {
			slot := c.session.Load()
			if slot == 0 {
				continue
			}
			if s := t.sessionHandle(slot); s.t != nil && s.sid == n && !yield(s) {
				return
			}
		}
	}
}

func (t *Table) nextSerial() uint64 {
	t.serial++
	return t.serial
}
