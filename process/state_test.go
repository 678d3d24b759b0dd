package process_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/seancehq/seance/process"
)

func encode(t testing.TB, table *process.Table) string {
	t.Helper()
	b, err := json.Marshal(table.State())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// refreeze checks that a table comes back from its state as it was.
func refreeze(t testing.TB, table *process.Table) *process.Table {
	t.Helper()
	before := encode(t, table)
	var st process.State
	if err := json.Unmarshal([]byte(before), &st); err != nil {
		t.Fatal(err)
	}
	again, err := process.Restore(st)
	if err != nil {
		t.Fatalf("%v\n%s", err, before)
	}
	check(t, again)
	if after := encode(t, again); after != before {
		t.Fatalf("not the same after Restore:\n%s\n%s", before, after)
	}
	return again
}

func TestRestoreKeepsTheOrderOfChildren(t *testing.T) {
	table := process.NewTable()
	p := must[process.Process](t)(table.Init().ForkWithPID(50))
	q := must[process.Process](t)(table.Init().ForkWithPID(40))
	exit(t, p, process.Exited(1))
	exit(t, q, process.Exited(2))
	again := refreeze(t, table)
	result := must[process.WaitResult](t)(again.Init().Wait4(-1, 0))
	equal(t, "first child to wait for", result.PID, p.PID())
}

func TestRestoreRefusesWhatNoTableCouldBe(t *testing.T) {
	one := func(p ...process.ProcessState) process.State {
		return process.State{
			Version: process.StateVersion, Init: 1, Last: 1, Limit: 1000,
			Sessions: []process.SessionState{{SID: 1, Groups: []process.GroupState{{PGID: 1, Processes: p}}}},
		}
	}
	init := process.ProcessState{PID: 1, Leader: true}
	with := func(change func(*process.SessionState)) process.State {
		st := one(init)
		change(&st.Sessions[0])
		return st
	}
	if _, err := process.Restore(one(init)); err != nil {
		t.Fatal(err)
	}
	for name, st := range map[string]process.State{
		"no init":            one(),
		"a process twice":    one(init, process.ProcessState{PID: 2, PPID: 1}, process.ProcessState{PID: 2, PPID: 1}),
		"a cycle":            one(init, process.ProcessState{PID: 2, PPID: 3}, process.ProcessState{PID: 3, PPID: 2}),
		"a dangling parent":  one(init, process.ProcessState{PID: 2, PPID: 4}),
		"a zombie parent":    one(init, process.ProcessState{PID: 2, PPID: 1, Zombie: true}, process.ProcessState{PID: 3, PPID: 2}),
		"a thread twice":     one(init, process.ProcessState{PID: 2, PPID: 1, Threads: []process.PID{3, 3}}),
		"a PID out of range": one(init, process.ProcessState{PID: 1000, PPID: 1}),
		"a false leader":     one(init, process.ProcessState{PID: 2, PPID: 1, Leader: true}),
		"a dead init":        one(process.ProcessState{PID: 1, Leader: true, Zombie: true}),
		"a negative parent":  one(init, process.ProcessState{PID: 2, PPID: -1}),
		"a stopped zombie":   one(init, process.ProcessState{PID: 2, PPID: 1, Zombie: true, Stopped: process.SIGSTOP}),
		"a zombie's thread":  one(init, process.ProcessState{PID: 2, PPID: 1, Zombie: true, Threads: []process.PID{3}}),
		"stopped by SIGTERM": one(init, process.ProcessState{PID: 2, PPID: 1, Stopped: process.SIGTERM}),
		"a false status":     one(init, process.ProcessState{PID: 2, PPID: 1, Zombie: true, Status: 0x7f}),
		"a status too early": one(init, process.ProcessState{PID: 2, PPID: 1, Status: 0x100}),
		"no thread at all":   one(init, process.ProcessState{PID: 2, PPID: 1, MainEnded: true}),
		"no such terminal":   one(init, process.ProcessState{PID: 2, PPID: 1, Terminal: true}),
		"a parent of init":   one(process.ProcessState{PID: 1, PPID: 2, Leader: true}, process.ProcessState{PID: 2, PPID: 1}),
		"an empty group": with(func(s *process.SessionState) {
			s.Groups = append(s.Groups, process.GroupState{PGID: 9})
		}),
		"a group twice":                         with(func(s *process.SessionState) { s.Groups = append(s.Groups, s.Groups[0]) }),
		"a foreground group without a terminal": with(func(s *process.SessionState) { s.Foreground = 1 }),
		"a foreground group that nothing bears": with(func(s *process.SessionState) { s.Terminal, s.Foreground = 5, 9 }),
		"a group gone that never was":           with(func(s *process.SessionState) { s.Terminal, s.ForegroundGone = 5, true }),
		"a hung-up group that nothing bears":    with(func(s *process.SessionState) { s.HungUp = 9 }),
		"a session out of range":                with(func(s *process.SessionState) { s.SID = -1 }),
	} {
		if _, err := process.Restore(st); !errors.Is(err, process.ErrBadState) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	if _, err := process.Restore(process.State{Version: 2}); !errors.Is(err, process.ErrVersion) {
		t.Errorf("unknown version: got error %v", err)
	}
}
