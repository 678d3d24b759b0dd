package process

import (
	"fmt"
	"iter"
)

// Process is a process of a Table. It is a small value: copy it, compare it with
// ==, use it as a map key. It stays valid for as long as the process is in the
// table; after that its methods refuse or return nothing, even when the number
// has been given to another process. The zero Process is no process.
//
// Methods that only read never wait for those that change the table, unless said
// otherwise.
type Process struct {
	t      *Table
	serial uint64
	slot   uint32
	pid    PID
}

// RunState is what a process is doing, as far as its parent can see.
type RunState uint8

const (
	Gone    RunState = iota // it was freed, or never was
	Running                 // it is alive and not stopped
	Stopped                 // by job control
	Zombie                  // it has exited and nobody has waited for it
)

func (s RunState) String() string {
	switch s {
	case Running:
		return "running"
	case Stopped:
		return "stopped"
	case Zombie:
		return "zombie"
	}
	return "gone"
}

// lookup returns the record of p, nil if it is gone. It needs no lock; without it
// only the atomic fields may be read, and the serial must be checked afterwards.
func (p Process) lookup() *proc {
	if p.t == nil {
		return nil
	}
	r := p.t.procs.peek(p.slot)
	if r == nil || r.serial() != p.serial || p.serial == 0 {
		return nil
	}
	return r
}

// handle makes the Process in a slot, the zero one if there is none. It needs no lock.
func (t *Table) handle(slot uint32) Process {
	r := t.procs.peek(slot)
	if r == nil {
		return Process{}
	}
	for {
		serial, pid := r.serial(), r.number()
		if serial == 0 {
			return Process{}
		}
		if r.serial() == serial {
			return Process{t: t, serial: serial, slot: slot, pid: pid}
		}
	}
}

// PID returns the process number. It is known even after the process is gone.
func (p Process) PID() PID { return p.pid }

// Table returns the table the process belongs to.
func (p Process) Table() *Table { return p.t }

// Exists reports whether the process is in the table, alive or as a zombie.
func (p Process) Exists() bool { return p.lookup() != nil }

// Alive reports whether the process has not exited.
func (p Process) Alive() bool {
	s := p.State()
	return s == Running || s == Stopped
}

func (p Process) String() string {
	if p.t == nil {
		return "no process"
	}
	return fmt.Sprintf("process %d (%v)", p.pid, p.State())
}

// flags returns the flags of p at one instant, 0 if it is gone.
func (p Process) flags() flags {
	if p.t == nil {
		return 0
	}
	r := p.t.procs.peek(p.slot)
	if r == nil {
		return 0
	}
	word := r.word.Load()
	if word>>serialShift != p.serial {
		return 0
	}
	return flags(word) & flagMask
}

// State returns what the process is doing.
func (p Process) State() RunState { return p.flags().state() }

func (f flags) state() RunState {
	switch {
	case f&isZombie != 0:
		return Zombie
	case f&isStopped != 0:
		return Stopped
	case f&isAlive != 0:
		return Running
	}
	return Gone
}

// Parent returns the parent; the zero Process for init, for a process whose parent
// is outside the table, and for one that is gone.
func (p Process) Parent() Process {
	for {
		r := p.lookup()
		if r == nil {
			return Process{}
		}
		links := r.links.Load()
		if links>>32 == 0 {
			return Process{}
		}
		// If the links are the same after reading the parent, and it is still there,
		// then it was the parent when they were read again.
		parent := p.t.handle(uint32(links >> 32))
		if r.links.Load() == links && parent.lookup() != nil && r.serial() == p.serial {
			return parent
		}
	}
}

// Group returns the process group of p, the zero Group if p is gone.
func (p Process) Group() Group {
	for {
		r := p.lookup()
		if r == nil {
			return Group{}
		}
		links := r.links.Load()
		g := p.t.groups.peek(uint32(links))
		if g == nil {
			continue // it has just moved away
		}
		number, ids, sNumber := g.number.Load(), g.ids.Load(), g.sNumber.Load()
		// As in Parent; and as in groupHandle, nothing else can have changed.
		if r.links.Load() == links && g.ids.Load() == ids && g.number.Load() == number &&
			number != 0 && r.serial() == p.serial {
			return Group{t: p.t, number: number, sNumber: sNumber, pgid: PID(ids >> 32), sid: PID(uint32(ids))}
		}
	}
}

// Session returns the session of p, the zero Session if p is gone.
func (p Process) Session() Session { return p.Group().Session() }

// IsSubreaper reports whether orphaned descendants come to p, see SetSubreaper.
func (p Process) IsSubreaper() bool { return p.flags()&isReaper != 0 }

// LeadsSession reports whether p created its session.
func (p Process) LeadsSession() bool { return p.flags()&isLeader != 0 }

// LeadsGroup reports whether the group of p has its number.
func (p Process) LeadsGroup() bool {
	g := p.Group()
	return g.t != nil && g.pgid == p.pid
}

// HasExeced reports whether p has executed a program since it was forked.
func (p Process) HasExeced() bool { return p.flags()&hasExeced != 0 }

// ExitStatus returns the status of a zombie.
func (p Process) ExitStatus() (ExitStatus, bool) {
	if p.t == nil {
		return 0, false
	}
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	r := p.lookup()
	if r == nil || !r.has(isZombie) {
		return 0, false
	}
	return r.status, true
}

// Children returns the children of p at this moment, zombies included, in
// ascending order of their numbers.
func (p Process) Children() iter.Seq[Process] {
	return func(yield func(Process) bool) {
		p.children().each(p.t, yield)
	}
}

// ChildCount returns how many children p has, zombies included.
func (p Process) ChildCount() int {
	if p.t == nil {
		return 0
	}
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	if r := p.lookup(); r != nil {
		return int(r.children)
	}
	return 0
}

func (p Process) children() listing {
	t := p.t
	if t == nil {
		return listing{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := p.lookup()
	if r == nil {
		return listing{}
	}
	return t.listChildren(r)
}
