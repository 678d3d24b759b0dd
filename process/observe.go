package process

import (
	"fmt"
	"slices"
)

// Observed is what was seen of one process of a live system, as proc_pid_stat(5)
// and its neighbours have it.
type Observed struct {
	PID  PID
	PPID PID // 0: the parent is outside, as it is for init
	PGID PID // 0: the group is outside the PID namespace, or the kernel's
	SID  PID // 0: likewise
	TIDs []PID
	// State is the letter of proc_pid_stat(5): R, S, D, I, T, t, Z, X.
	State  byte
	Status ExitStatus // of a zombie, if known
	// Start tells a process from a later one with the same number: the start time
	// in clock ticks, 0 if not known.
	Start uint64

	Comm string
	Args []string

	TTY        Device // tty_nr, 0 for none
	TTYName    string // such as "pts/0"
	Foreground PID    // tpgid: the foreground group of that terminal, 0 or less for none
}

func (o *Observed) ended() bool {
	return (o.State == 'Z' || o.State == 'X' || o.State == 'x') && len(o.otherThreads()) == 0
}

// otherThreads returns the threads besides the main thread, ascending.
func (o *Observed) otherThreads() []PID {
	if len(o.TIDs) == 0 || len(o.TIDs) == 1 && o.TIDs[0] == o.PID {
		return nil
	}
	list := make([]PID, 0, len(o.TIDs))
	for _, tid := range o.TIDs {
		if tid != o.PID && tid > 0 {
			list = append(list, tid)
		}
	}
	slices.Sort(list)
	return list
}

func (o *Observed) flags() flags {
	f := isAlive
	switch {
	case o.ended():
		f = isZombie
	case o.State == 'T':
		f |= isStopped
	case o.State == 'Z' || o.State == 'X' || o.State == 'x':
		f |= mainEnded
	}
	if o.PID == o.SID && o.PID == o.PGID {
		f |= isLeader
	}
	if o.TTY != 0 && o.SID != 0 {
		f |= hasTerminal
	}
	return f
}

func (o *Observed) command() Command {
	c := Command{Comm: o.Comm, Args: o.Args}
	if o.State != 0 {
		c.Letter = string(rune(o.State))
	}
	return c
}

// Mirror makes a table of what was observed of a live system. Init is process 1 if
// it is there, else the process with the lowest number whose parent is not there.
func Mirror(observed []Observed, options ...Option) (*Table, error) {
	root := findRoot(observed)
	if root == 0 {
		return nil, fmt.Errorf("cannot mirror processes: none was observed: %w", ErrBadObservation)
	}
	t := NewTable(append(slices.Clone(options), WithInitPID(root))...)
	if _, err := t.Sync(observed); err != nil {
		return nil, err
	}
	return t, nil
}

func findRoot(observed []Observed) PID {
	there := make(map[PID]bool, len(observed))
	for i := range observed {
		there[observed[i].PID] = true
	}
	if there[1] {
		return 1
	}
	root := PID(0)
	for i := range observed {
		o := &observed[i]
		if !there[o.PPID] && (root == 0 || o.PID < root) {
			root = o.PID
		}
	}
	return root
}
