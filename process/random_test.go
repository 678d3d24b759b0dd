package process_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/seancehq/seance/process"
)

// action is one operation, in numbers only, so that it can be done to a table and
// to its copy.
type action struct {
	name    string
	pid     process.PID // who does it
	a, b    process.PID
	options process.WaitOptions
	flag    bool
}

var actions = []string{
	"fork", "fork as", "exit", "free", "session", "group", "move", "setpgid", "subreaper",
	"thread", "end thread", "begin exit", "exec", "stop", "continue", "terminal", "drop terminal",
	"hang up", "foreground", "read", "write", "wait4", "waitid",
}

func drawAction(t *rapid.T, table *process.Table) action {
	var known []process.PID
	for p := range table.Processes() {
		known = append(known, p.PID())
		for th := range p.Threads() {
			known = append(known, th.TID())
		}
	}
	any := rapid.OneOf(rapid.SampledFrom(known), rapid.SampledFrom(known), number(-2, 40))
	name := rapid.SampledFrom(actions).Draw(t, "action")
	if rapid.IntRange(0, 3).Draw(t, "more") == 0 {
		name = "fork"
	}
	return action{
		name: name, pid: any.Draw(t, "pid"), a: any.Draw(t, "a"), b: any.Draw(t, "b"),
		options: process.WaitOptions(rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 14, 0x1000004, 0x100000e, 0x20}).Draw(t, "options")),
		flag:    rapid.Bool().Draw(t, "flag"),
	}
}

func number(from, to int) *rapid.Generator[process.PID] {
	return rapid.Map(rapid.IntRange(from, to), func(n int) process.PID { return process.PID(n) })
}

// do does the action and describes its outcome.
func (a action) do(table *process.Table) (string, error) {
	p, _ := table.Process(a.pid)
	th, _ := table.Thread(a.pid)
	effects, result, err := a.run(table, p, th)
	return fmt.Sprintf("%v | %v | %v", effects, result, err), err
}

func (a action) run(table *process.Table, p process.Process, th process.Thread) (e process.Effects, result any, err error) {
	tty := process.Device(a.b & 3)
	switch a.name {
	case "fork":
		result, err = p.Fork()
	case "fork as":
		result, err = p.ForkWithPID(a.a)
	case "exit":
		e, err = p.Exit(process.Exited(int(a.a)))
	case "free":
		err = p.Free()
	case "session":
		_, result, err = p.CreateSession()
	case "group":
		result, err = p.CreateGroup()
	case "move":
		g, _ := table.Group(a.a)
		err = p.MoveToGroup(g)
	case "setpgid":
		err = p.SetPGID(a.a, a.b)
	case "subreaper":
		err = p.SetSubreaper(a.flag)
	case "thread":
		result, err = p.NewThread()
	case "end thread":
		result, e, err = th.Exit(process.Exited(3))
	case "begin exit":
		err = p.BeginExit(process.Killed(process.SIGKILL))
	case "exec":
		result, err = th.Exec()
	case "stop":
		e, err = p.Stop(process.SIGSTOP + process.Signal(a.a&3))
	case "continue":
		e, err = p.Continue()
	case "terminal":
		err = p.SetTerminal(tty, "tty", a.flag)
	case "drop terminal":
		e, err = p.DropTerminal(tty)
	case "hang up":
		e, err = table.Hangup(tty)
	case "foreground":
		e, err = p.SetForeground(tty, a.a, a.flag)
	case "read":
		e, err = p.ReadTerminal(tty, a.flag)
	case "write":
		e, err = p.WriteTerminal(tty, a.flag)
	case "wait4":
		result, err = p.Wait4(a.a-a.b, a.options)
	case "waitid":
		result, err = p.WaitID(process.IDType(a.b&3), a.a, a.options)
	}
	return e, result, err
}

// Any sequence of operations keeps every invariant, changes nothing when it is
// refused, and has the same outcome on a table that was frozen and restored before.
func TestRandomActions(t *testing.T) {
	rapidChecks(t, 400)
	rapid.Check(t, func(t *rapid.T) {
		options := []process.Option{process.WithLimit(rapid.SampledFrom([]process.PID{8, 40, 1000}).Draw(t, "limit"))}
		if rapid.Bool().Draw(t, "global") {
			options = append(options, process.WithGlobalInit())
		}
		table := process.NewTable(options...)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			step(t, table)
		}
	})
}

func step(t *rapid.T, table *process.Table) {
	before := table.State()
	twin, err := process.Restore(before)
	if err != nil {
		t.Fatalf("cannot restore what was frozen: %v", err)
	}
	a := drawAction(t, table)
	outcome, err := a.do(table)
	if again, _ := a.do(twin); again != outcome {
		t.Fatalf("%+v: %s, and on the restored table: %s", a, outcome, again)
	}
	for name, table := range map[string]*process.Table{"table": table, "restored table": twin} {
		if err := table.Check(); err != nil {
			t.Fatalf("%+v on the %s:\n%v", a, name, err)
		}
	}
	after := fmt.Sprintf("%+v", table.State())
	if twinAfter := fmt.Sprintf("%+v", twin.State()); after != twinAfter {
		t.Fatalf("%+v: not the same on the restored table:\n%s\n%s", a, after, twinAfter)
	}
	if err != nil && process.ErrnoOf(err) != process.EINTR && after != fmt.Sprintf("%+v", before) {
		t.Fatalf("%+v was refused with %v, yet changed the table:\n%+v\n%s", a, err, before, after)
	}
}
