package process

import (
	"fmt"
	"iter"
	"strings"
)

// Effects is what an operation makes a kernel do next. The table itself delivers
// no signal and wakes nobody. The zero Effects is none.
type Effects struct {
	first Delivery // most operations have at most this one, which costs no memory
	more  *moreEffects
}

type moreEffects struct {
	signals    []Delivery
	reparented []Reparenting
	orphaned   []Group
}

// Delivery is a signal to be delivered to a process.
type Delivery struct {
	To     Process
	Signal Signal
	Code   Code       // why, for SIGCHLD
	Status ExitStatus // for SIGCHLD with Exit: how the child ended
	Child  PID        // for SIGCHLD: about which child
}

// Code says what happened to a child, as si_code in siginfo.
type Code uint8

const (
	NoCode        Code = iota
	CodeExited         // CLD_EXITED
	CodeKilled         // CLD_KILLED
	CodeDumped         // CLD_DUMPED
	CodeStopped        // CLD_STOPPED
	CodeContinued      // CLD_CONTINUED
)

func (c Code) String() string {
	switch c {
	case CodeExited:
		return "CLD_EXITED"
	case CodeKilled:
		return "CLD_KILLED"
	case CodeDumped:
		return "CLD_DUMPED"
	case CodeStopped:
		return "CLD_STOPPED"
	case CodeContinued:
		return "CLD_CONTINUED"
	}
	return "none"
}

func exitCode(s ExitStatus) Code {
	switch {
	case s.CoreDumped():
		return CodeDumped
	case s.Signal() != 0:
		return CodeKilled
	}
	return CodeExited
}

func (d Delivery) String() string {
	if d.Child == 0 {
		return fmt.Sprintf("%v to %d", d.Signal, d.To.pid)
	}
	return fmt.Sprintf("%v to %d: %v of %d", d.Signal, d.To.pid, d.Code, d.Child)
}

// Reparenting says which children got a new parent.
type Reparenting struct {
	From, To Process
	Children []PID // in the order in which they were forked or adopted
}

// Signals returns the signals to deliver, in the order in which Linux sends them.
func (e Effects) Signals() iter.Seq[Delivery] {
	return func(yield func(Delivery) bool) {
		if e.first.Signal == 0 || !yield(e.first) || e.more == nil {
			return
		}
		for _, d := range e.more.signals {
			if !yield(d) {
				return
			}
		}
	}
}

// Reparented returns who got a new parent.
func (e Effects) Reparented() []Reparenting {
	if e.more == nil {
		return nil
	}
	return e.more.reparented
}

// Orphaned returns the groups that became orphaned.
func (e Effects) Orphaned() []Group {
	if e.more == nil {
		return nil
	}
	return e.more.orphaned
}

// Empty reports whether there is nothing to do.
func (e Effects) Empty() bool { return e.first.Signal == 0 && e.more == nil }

func (e Effects) String() string {
	var parts []string
	for d := range e.Signals() {
		parts = append(parts, d.String())
	}
	for _, r := range e.Reparented() {
		parts = append(parts, fmt.Sprintf("children %v of %d now of %d", r.Children, r.From.pid, r.To.pid))
	}
	for _, g := range e.Orphaned() {
		parts = append(parts, fmt.Sprintf("group %d orphaned", g.pgid))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, "; ")
}

func (e *Effects) rest() *moreEffects {
	if e.more == nil {
		e.more = new(moreEffects)
	}
	return e.more
}

func (e *Effects) signal(d Delivery) {
	if e.first.Signal == 0 {
		e.first = d
		return
	}
	e.rest().signals = append(e.rest().signals, d)
}

// signalGroup adds a signal to every living member of a group. It needs the lock.
func (e *Effects) signalGroup(t *Table, r *group, sigs ...Signal) {
	members := t.listMembers(r).sorted()
	for _, sig := range sigs {
		for _, m := range members {
			if t.procs.at(m.slot).has(isAlive) {
				e.signal(Delivery{To: m.process(t), Signal: sig})
			}
		}
	}
}
