package process_test

import (
	"testing"

	"github.com/seancehq/seance/process"
)

// Written from setpgid(2), setsid(2), getpgid(2) and getsid(2): each sentence of their
// pages that says what happens, or which error is given, is a case.

func TestSetpgid(t *testing.T) {
	t.Run("zero means the caller, and its own number", func(t *testing.T) {
		p := fork(t, process.NewTable().Init())
		if err := p.SetPGID(0, 0); err != nil {
			t.Fatal(err)
		}
		equal(t, "pgid", p.Group().PGID(), p.PID())
		if err := p.SetPGID(0, 0); err != nil {
			t.Errorf("a second time: %v", err)
		}
	})
	t.Run("a parent puts its children into one group", func(t *testing.T) {
		parent := process.NewTable().Init()
		a, b := fork(t, parent), fork(t, parent)
		if err := parent.SetPGID(a.PID(), a.PID()); err != nil {
			t.Fatal(err)
		}
		if err := parent.SetPGID(b.PID(), a.PID()); err != nil {
			t.Fatal(err)
		}
		equalList(t, "members", pids(a.Group().Processes()), a.PID(), b.PID())
		check(t, parent.Table())
	})
	t.Run("a zombie child can still be moved", func(t *testing.T) {
		parent := process.NewTable().Init()
		child := fork(t, parent)
		exit(t, child, 0)
		if err := parent.SetPGID(child.PID(), 0); err != nil {
			t.Fatal(err)
		}
		equal(t, "pgid", child.Group().PGID(), child.PID())
		check(t, parent.Table())
	})
	t.Run("after exec the child itself still may", func(t *testing.T) {
		child := fork(t, process.NewTable().Init())
		if err := child.Exec(); err != nil {
			t.Fatal(err)
		}
		if err := child.SetPGID(0, 0); err != nil {
			t.Error(err)
		}
	})
}

func TestSetpgidRefusals(t *testing.T) {
	table := process.NewTable()
	init := table.Init()
	parent := fork(t, init)
	child, execed := fork(t, parent), fork(t, parent)
	grandchild := fork(t, child)
	leader, lodger := fork(t, parent), fork(t, parent)
	if _, _, err := leader.CreateSession(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := lodger.CreateSession(); err != nil {
		t.Fatal(err)
	}
	if err := execed.Exec(); err != nil {
		t.Fatal(err)
	}
	thread := must[process.Thread](t)(child.NewThread())
	zombie := fork(t, parent)
	exit(t, zombie, 0)
	for _, c := range []struct {
		name         string
		caller       process.Process
		target, pgid process.PID
		reason       error
		errno        process.Errno
	}{
		{"negative pgid", parent, 0, -1, process.ErrBadNumber, process.EINVAL},
		{"negative pgid of nobody", parent, 9999, -1, process.ErrBadNumber, process.EINVAL},
		{"nobody", parent, 9999, 0, process.ErrNoProcess, process.ESRCH},
		{"negative pid", parent, -5, 3, process.ErrNoProcess, process.ESRCH},
		{"neither caller nor child", parent, grandchild.PID(), 0, process.ErrNotChild, process.ESRCH},
		{"the parent of the caller", child, parent.PID(), 0, process.ErrNotChild, process.ESRCH},
		{"a thread", parent, thread.TID(), 0, process.ErrNotLeaderThread, process.EINVAL},
		{"a child that has executed a program", parent, execed.PID(), 0, process.ErrExeced, process.EACCES},
		{"a child in another session", parent, leader.PID(), 0, process.ErrOtherSession, process.EPERM},
		{"a session leader", leader, 0, 0, process.ErrSessionLeader, process.EPERM},
		{"a group that does not exist", parent, child.PID(), 9999, process.ErrNoGroup, process.EPERM},
		{"a number that is no group", parent, child.PID(), grandchild.PID(), process.ErrNoGroup, process.EPERM},
		{"a group in another session", parent, child.PID(), lodger.PID(), process.ErrOtherSession, process.EPERM},
		{"a zombie as caller", zombie, 0, 0, process.ErrZombie, process.ESRCH},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, table, c.reason, c.errno, func() error { return c.caller.SetPGID(c.target, c.pgid) })
		})
	}
}

func TestGetpgidAndGetsid(t *testing.T) {
	table := process.NewTable()
	child := fork(t, table.Init())
	for _, p := range []process.Process{table.Init(), child} {
		equal(t, "pgid", p.Group().PGID(), 1)
		equal(t, "sid", p.Session().SID(), 1)
	}
	if _, ok := table.Process(9999); ok {
		t.Error("found a process that is not there")
	}
	exit(t, child, 0)
	equal(t, "pgid of a zombie", child.Group().PGID(), 1)
	equal(t, "sid of a zombie", child.Session().SID(), 1)
	free(t, child)
	equal(t, "group of nobody", child.Group(), process.Group{})
	equal(t, "session of nobody", child.Session(), process.Session{})
}

func TestSetsid(t *testing.T) {
	table := process.NewTable()
	parent := fork(t, table.Init())
	if err := parent.SetPGID(0, 0); err != nil {
		t.Fatal(err)
	}
	child := fork(t, parent)
	session, group, err := child.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "sid", session.SID(), child.PID())
	equal(t, "pgid", group.PGID(), child.PID())
	equal(t, "leads its session", child.LeadsSession(), true)
	equal(t, "leads its group", child.LeadsGroup(), true)
	equal(t, "has a terminal", child.HasTerminal(), false)
	leader, ok := session.Leader()
	equal(t, "leader", leader, child)
	equal(t, "leader is there", ok, true)
	refused(t, table, process.ErrSessionLeader, process.EPERM, func() error { _, _, err := child.CreateSession(); return err })
	refused(t, table, process.ErrGroupLeader, process.EPERM, func() error { _, _, err := parent.CreateSession(); return err })
}

func TestCreateGroupRefusals(t *testing.T) {
	table := process.NewTable()
	p := fork(t, table.Init())
	must[process.Group](t)(p.CreateGroup())
	refused(t, table, process.ErrGroupLeader, process.EPERM, func() error { _, err := p.CreateGroup(); return err })
	refused(t, table, process.ErrSessionLeader, process.EPERM, func() error { _, err := table.Init().CreateGroup(); return err })
}
