package process

import (
	"slices"
	"strings"
)

// Command is what a process runs, for those who read a table. The operations of
// the table take no notice of it. Bytes that are not UTF-8 are replaced.
type Command struct {
	Comm   string   `json:"comm,omitempty"`  // the short name, as in /proc/PID/comm
	Args   []string `json:"args,omitempty"`  // the command line, empty for kernel threads
	Letter string   `json:"state,omitempty"` // the state as proc_pid_stat(5) has it, such as "S"
}

// clone copies a Command so that nobody else can change it. The kernel takes any
// bytes for a name, but a State must come back from JSON as it was.
func (c Command) clone() *Command {
	c.Comm, c.Letter = valid(c.Comm), valid(c.Letter)
	c.Args = slices.Clone(c.Args)
	for i, arg := range c.Args {
		c.Args[i] = valid(arg)
	}
	return &c
}

func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// SetCommand notes what p runs. Children inherit it.
func (p Process) SetCommand(c Command) error {
	t := p.t
	if t == nil {
		return refuse("name", "process", p.pid, ErrNoProcess)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.lookup() == nil {
		return refuse("name", "process", p.pid, ErrNoProcess)
	}
	t.setCommand(p.slot, c.clone())
	return nil
}

// Command returns what p runs, the zero Command if that is not known.
func (p Process) Command() Command {
	if p.t == nil {
		return Command{}
	}
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	if c := p.t.commands[p.slot]; c != nil && p.lookup() != nil {
		return *c.clone()
	}
	return Command{}
}

func (t *Table) setCommand(slot uint32, c *Command) {
	if t.commands == nil {
		t.commands = make(map[uint32]*Command)
	}
	t.commands[slot] = c
}

func (t *Table) setStart(slot uint32, start uint64) {
	if t.starts == nil {
		t.starts = make(map[uint32]uint64)
	}
	t.starts[slot] = start
}

// inheritCommand gives a child what its parent has; a Command never changes.
func (t *Table) inheritCommand(parent, child uint32) {
	if c := t.commands[parent]; c != nil {
		t.commands[child] = c
	}
}

// typeKey is the key of the data of one type.
type typeKey[T any] struct{}

// Attach attaches a value to a process, at most one of each type; it replaces the
// one of the same type. The value goes when the process is freed.
func Attach[T any](p Process, value T) error {
	t := p.t
	if t == nil {
		return refuse("attach data to", "process", p.pid, ErrNoProcess)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.lookup() == nil {
		return refuse("attach data to", "process", p.pid, ErrNoProcess)
	}
	if t.data == nil {
		t.data = make(map[uint32]map[any]any)
	}
	if t.data[p.slot] == nil {
		t.data[p.slot] = make(map[any]any, 1)
	}
	t.data[p.slot][typeKey[T]{}] = value
	return nil
}

// Attached returns the value of type T attached to a process.
func Attached[T any](p Process) (T, bool) {
	var none T
	if p.t == nil {
		return none, false
	}
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	if p.lookup() == nil {
		return none, false
	}
	value, ok := p.t.data[p.slot][typeKey[T]{}].(T)
	return value, ok
}
