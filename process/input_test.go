package process_test

import (
	"errors"
	"testing"

	"github.com/seancehq/seance/process"
)

func TestForkRefusals(t *testing.T) {
	table := process.NewTable(process.WithLimit(8))
	init := table.Init()
	with := func(p process.Process, pid process.PID) func() error {
		return func() error { _, err := p.ForkWithPID(pid); return err }
	}
	fork2 := func() error { _, err := init.Fork(); return err }
	zombie, group, session := fork(t, init), fork(t, init), fork(t, init)
	thread := must[process.Thread](t)(init.NewThread())
	member := fork(t, init)
	g := must[process.Group](t)(group.CreateGroup())
	if err := member.MoveToGroup(g); err != nil {
		t.Fatal(err)
	}
	exit(t, group, 0)
	free(t, group) // its number is still that of a group
	if _, _, err := session.CreateSession(); err != nil {
		t.Fatal(err)
	}
	exit(t, zombie, 0)
	for _, c := range []struct {
		name   string
		op     func() error
		reason error
		errno  process.Errno
	}{
		{"negative", with(init, -1), process.ErrBadNumber, process.EINVAL},
		{"zero", with(init, 0), process.ErrBadNumber, process.EINVAL},
		{"the limit", with(init, 8), process.ErrBadNumber, process.EINVAL},
		{"of a zombie", with(init, zombie.PID()), process.ErrInUse, process.EEXIST},
		{"of a group", with(init, g.PGID()), process.ErrInUse, process.EEXIST},
		{"of a session", with(init, session.PID()), process.ErrInUse, process.EEXIST},
		{"of a thread", with(init, thread.TID()), process.ErrInUse, process.EEXIST},
		{"by a zombie", with(zombie, 7), process.ErrZombie, process.ESRCH},
		{"by nobody", with(process.Process{}, 7), process.ErrNoProcess, process.ESRCH},
		{"by one that was freed", with(group, 7), process.ErrNoProcess, process.ESRCH},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, table, c.reason, c.errno, c.op) })
	}
	equal(t, "the last number", fork(t, init).PID(), 7)
	refused(t, table, process.ErrExhausted, process.EAGAIN, fork2)
	refused(t, table, process.ErrExhausted, process.EAGAIN, func() error { _, err := init.NewThread(); return err })
	free(t, zombie)
	equal(t, "the number of the zombie", fork(t, init).PID(), zombie.PID())
}

func TestNothingIsDoneWithAnotherTablesThings(t *testing.T) {
	ours, theirs := process.NewTable(), process.NewTable()
	p := fork(t, ours.Init())
	foreign := must[process.Group](t)(fork(t, theirs.Init()).CreateGroup())
	for _, table := range []*process.Table{ours, theirs} {
		refused(t, table, process.ErrForeign, process.ESRCH, func() error { return p.MoveToGroup(foreign) })
		refused(t, table, process.ErrNoGroup, process.EPERM, func() error { return p.MoveToGroup(process.Group{}) })
	}
	equal(t, "same number, other table", ours.Init() == theirs.Init(), false)
}

// Everything that can be asked of a process that is gone, or never was, is refused or
// answered with nothing.
func TestTheGoneAnswerNothing(t *testing.T) {
	table := process.NewTable()
	freed := fork(t, table.Init())
	group := must[process.Group](t)(freed.CreateGroup())
	exit(t, freed, 0)
	free(t, freed)
	successor := must[process.Process](t)(table.Init().ForkWithPID(freed.PID()))
	for name, p := range map[string]process.Process{"freed": freed, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			for op, run := range map[string]func() error{
				"fork":      func() error { _, err := p.Fork(); return err },
				"exit":      func() error { _, err := p.Exit(0); return err },
				"free":      p.Free,
				"session":   func() error { _, _, err := p.CreateSession(); return err },
				"group":     func() error { _, err := p.CreateGroup(); return err },
				"move":      func() error { return p.MoveToGroup(group) },
				"setpgid":   func() error { return p.SetPGID(0, 0) },
				"subreaper": func() error { return p.SetSubreaper(true) },
				"thread":    func() error { _, err := p.NewThread(); return err },
				"begin":     func() error { return p.BeginExit(0) },
				"exec":      p.Exec,
				"stop":      func() error { _, err := p.Stop(process.SIGSTOP); return err },
				"continue":  func() error { _, err := p.Continue(); return err },
				"terminal":  func() error { return p.SetTerminal(1, "", false) },
				"wait":      func() error { _, err := p.Wait4(-1, 0); return err },
				"name":      func() error { return p.SetCommand(process.Command{}) },
				"attach":    func() error { return process.Attach(p, 1) },
			} {
				if err := run(); process.ErrnoOf(err) != process.ESRCH {
					t.Errorf("%s: got error %v", op, err)
				}
			}
			equal(t, "parent", p.Parent(), process.Process{})
			equal(t, "group", p.Group(), process.Group{})
			equal(t, "state", p.State(), process.Gone)
			equal(t, "children", len(pids(p.Children())), 0)
			equal(t, "threads", p.ThreadCount(), 0)
			equal(t, "command", p.Command().Comm, "")
			equal(t, "main thread", p.MainThread().Exists(), false)
		})
	}
	equal(t, "the successor", successor.State(), process.Running)
	check(t, table)
}

func TestAttachedDataIsTypedAndGoesWithTheProcess(t *testing.T) {
	type limits struct{ files int }
	p := fork(t, process.NewTable().Init())
	if err := errors.Join(process.Attach(p, limits{10}), process.Attach(p, "text"), process.Attach(p, "new text")); err != nil {
		t.Fatal(err)
	}
	text, ok := process.Attached[string](p)
	equal(t, "text", text, "new text")
	equal(t, "text is there", ok, true)
	l, _ := process.Attached[limits](p)
	equal(t, "limits", l.files, 10)
	_, ok = process.Attached[int](p)
	equal(t, "another type", ok, false)
	_, ok = process.Attached[string](fork(t, p))
	equal(t, "inherited", ok, false)
	exit(t, p, 0)
	free(t, p)
	_, ok = process.Attached[string](p)
	equal(t, "after free", ok, false)
	check(t, p.Table())
}

func TestExitStatusMustBePossible(t *testing.T) {
	table := process.NewTable()
	p := fork(t, table.Init())
	for _, status := range []process.ExitStatus{0x7f, 0x109, 0xffff, 0x80} {
		refused(t, table, process.ErrBadOption, process.EINVAL, func() error { _, err := p.Exit(status); return err })
	}
}

func TestCommandsAreInherited(t *testing.T) {
	p := fork(t, process.NewTable().Init())
	args := []string{"make", "\xff"}
	if err := p.SetCommand(process.Command{Comm: "make", Args: args}); err != nil {
		t.Fatal(err)
	}
	args[0] = "changed"
	child := fork(t, p)
	equalList(t, "args", child.Command().Args, "make", "\ufffd")
	refreeze(t, p.Table())
}
