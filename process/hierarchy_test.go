package process_test

import (
	"runtime"
	"testing"

	"github.com/seancehq/seance/process"
)

func TestInitLeadsSessionAndGroup(t *testing.T) {
	table := process.NewTable()
	init := table.Init()
	group := init.Group()
	session := group.Session()
	equal(t, "pid", init.PID(), 1)
	equal(t, "pgid", group.PGID(), init.PID())
	equal(t, "sid", session.SID(), init.PID())
	equalList(t, "members", pids(group.Processes()), init.PID())
	equalList(t, "groups", pgids(session.Groups()), init.PID())
	equal(t, "parent of init", init.Parent(), process.Process{})
	check(t, table)
}

func TestChildInheritsGroupAndSession(t *testing.T) {
	table := process.NewTable()
	child := fork(t, table.Init())
	equal(t, "group", child.Group(), table.Init().Group())
	equal(t, "session", child.Session(), table.Init().Session())
	equal(t, "parent", child.Parent(), table.Init())
	equalList(t, "children", pids(table.Init().Children()), child.PID())
}

func TestCreateSessionMakesLeaderOfSessionAndGroup(t *testing.T) {
	table := process.NewTable()
	parent := table.Init()
	child := fork(t, parent)
	session, group, err := child.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "pgid", group.PGID(), child.PID())
	equal(t, "sid", session.SID(), child.PID())
	equal(t, "group", child.Group(), group)
	equal(t, "session", child.Session(), session)
	equalList(t, "groups", pgids(session.Groups()), group.PGID())
	equalList(t, "members", pids(group.Processes()), child.PID())
	equalList(t, "old group", pids(parent.Group().Processes()), parent.PID())
	check(t, table)
}

func TestCreateSessionIsRefusedToLeaders(t *testing.T) {
	table := process.NewTable()
	refused(t, table, process.ErrSessionLeader, process.EPERM, func() error {
		_, _, err := table.Init().CreateSession()
		return err
	})
	child := fork(t, table.Init())
	must[process.Group](t)(child.CreateGroup())
	refused(t, table, process.ErrGroupLeader, process.EPERM, func() error {
		_, _, err := child.CreateSession()
		return err
	})
}

func TestCreateSessionIsRefusedWhileAGroupBearsTheNumber(t *testing.T) {
	table := process.NewTable()
	init := table.Init()
	leader, other := fork(t, init), fork(t, init)
	group := must[process.Group](t)(leader.CreateGroup())
	if err := other.MoveToGroup(group); err != nil {
		t.Fatal(err)
	}
	if err := leader.MoveToGroup(init.Group()); err != nil {
		t.Fatal(err)
	}
	refused(t, table, process.ErrGroupExists, process.EPERM, func() error {
		_, _, err := leader.CreateSession()
		return err
	})
	if err := other.MoveToGroup(init.Group()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := leader.CreateSession(); err != nil {
		t.Fatal(err)
	}
	check(t, table)
}

func TestSessionLeavesTableWithItsLastProcess(t *testing.T) {
	table := process.NewTable()
	child := fork(t, table.Init())
	session, group, err := child.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	exit(t, child, process.Exited(0))
	equal(t, "session of a zombie", session.Exists(), true)
	equal(t, "group of a zombie", group.Exists(), true)
	free(t, child)
	equal(t, "session", session.Exists(), false)
	equal(t, "group", group.Exists(), false)
	if _, ok := table.Session(session.SID()); ok {
		t.Error("the session can still be looked up")
	}
	equal(t, "counts", table.Counts(), process.Counts{Processes: 1, Threads: 1, Groups: 1, Sessions: 1, Numbers: 1})
	check(t, table)
}

func TestGroupsOfASession(t *testing.T) {
	table := process.NewTable()
	child := fork(t, table.Init())
	session, group, err := child.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	grandchild := fork(t, child)
	other := must[process.Group](t)(grandchild.CreateGroup())
	equal(t, "session", other.Session(), session)
	equalList(t, "groups", pgids(session.Groups()), group.PGID(), other.PGID())

	exit(t, grandchild, process.Exited(0))
	free(t, grandchild)
	equalList(t, "groups", pgids(session.Groups()), group.PGID())
	check(t, table)
}

func TestMoveToAnotherSessionIsRefused(t *testing.T) {
	table := process.NewTable()
	init := table.Init()
	child, leader := fork(t, init), fork(t, init)
	_, group, err := leader.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	refused(t, table, process.ErrOtherSession, process.EPERM, func() error { return child.MoveToGroup(group) })
	refused(t, table, process.ErrSessionLeader, process.EPERM, func() error { return leader.MoveToGroup(init.Group()) })
	if err := leader.MoveToGroup(group); err != nil {
		t.Errorf("moving to one's own group: %v", err)
	}
}

func TestMoveBackIntoAnEmptiedGroup(t *testing.T) {
	table := process.NewTable()
	init := table.Init()
	child := fork(t, init)
	group := must[process.Group](t)(child.CreateGroup())
	if err := child.MoveToGroup(init.Group()); err != nil {
		t.Fatal(err)
	}
	equal(t, "emptied group", group.Exists(), false)
	equalList(t, "groups", pgids(init.Session().Groups()), init.PID())
	if err := child.MoveToGroup(group); err != nil {
		t.Fatal(err)
	}
	equal(t, "group", child.Group(), group)
	equalList(t, "members", pids(group.Processes()), child.PID())
	check(t, table)
}

func TestMoveIntoAnEmptiedGroupWhoseNumberIsFree(t *testing.T) {
	table := process.NewTable()
	init := table.Init()
	child, other := fork(t, init), fork(t, init)
	group := must[process.Group](t)(child.CreateGroup())
	exit(t, child, process.Exited(0))
	free(t, child)
	if err := other.MoveToGroup(group); err != nil {
		t.Fatal(err)
	}
	equal(t, "group", other.Group(), group)
	if _, err := init.ForkWithPID(group.PGID()); err == nil {
		t.Error("a number that a group bears was given to a process")
	}
	check(t, table)
}

func TestMoveIntoAnEmptiedGroupWhoseNumberWasTaken(t *testing.T) {
	table := process.NewTable()
	init := table.Init()
	child, other := fork(t, init), fork(t, init)
	group := must[process.Group](t)(child.CreateGroup())
	exit(t, child, process.Exited(0))
	free(t, child)
	must[process.Process](t)(init.ForkWithPID(group.PGID()))
	refused(t, table, process.ErrNumberTaken, process.EPERM, func() error { return other.MoveToGroup(group) })
}

func TestOnlyZombiesAreFreed(t *testing.T) {
	table := process.NewTable()
	child := fork(t, table.Init())
	refused(t, table, process.ErrNotZombie, process.EBUSY, child.Free)
	exit(t, child, process.Exited(0))
	equal(t, "state", child.State(), process.Zombie)
	free(t, child)
	refused(t, table, process.ErrNoProcess, process.ESRCH, child.Free)
	equal(t, "state", child.State(), process.Gone)
	equalList(t, "children", pids(table.Init().Children()))
}

func TestInitCannotExit(t *testing.T) {
	table := process.NewTable()
	refused(t, table, process.ErrInit, process.EPERM, func() error {
		_, err := table.Init().Exit(0)
		return err
	})
	refused(t, table, process.ErrInit, process.EPERM, func() error {
		_, _, err := table.Init().MainThread().Exit(0)
		return err
	})
}

func TestChildrenOfTheDeadGoToTheNearestSubreaper(t *testing.T) {
	table := process.NewTable()
	init := table.Init()
	reaper := fork(t, init)
	parent := fork(t, reaper)
	zombie, child := fork(t, parent), fork(t, parent)
	if err := reaper.SetSubreaper(true); err != nil {
		t.Fatal(err)
	}
	exit(t, zombie, process.Exited(0))
	effects := exit(t, parent, process.Exited(0))
	equal(t, "parent of the child", child.Parent(), reaper)
	equal(t, "parent of the zombie", zombie.Parent(), reaper)
	equalList(t, "moved", effects.Reparented()[0].Children, zombie.PID(), child.PID())
	check(t, table)

	exit(t, reaper, process.Exited(0))
	equal(t, "parent of the child", child.Parent(), init)
	check(t, table)
}

func TestThreadsOfAProcess(t *testing.T) {
	table := process.NewTable()
	p := fork(t, table.Init())
	equal(t, "main thread", p.MainThread().TID(), p.PID())
	th := must[process.Thread](t)(p.NewThread())
	last, _, err := p.MainThread().Exit(process.Exited(1))
	if last || err != nil || !p.Alive() {
		t.Fatalf("main thread: last %v, error %v, %v", last, err, p)
	}
	last, _, err = th.Exit(process.Exited(7))
	if !last || err != nil || p.State() != process.Zombie {
		t.Fatalf("other thread: last %v, error %v, %v", last, err, p)
	}
	status, _ := p.ExitStatus()
	equal(t, "status", status, process.Exited(7))
	check(t, table)
}

func TestGroupExitFixesTheStatus(t *testing.T) {
	table := process.NewTable()
	p := fork(t, table.Init())
	th := must[process.Thread](t)(p.NewThread())
	if err := p.BeginExit(process.Killed(process.SIGTERM)); err != nil {
		t.Fatal(err)
	}
	for _, th := range []process.Thread{th, p.MainThread()} {
		if _, _, err := th.Exit(process.Exited(9)); err != nil {
			t.Fatal(err)
		}
	}
	status, _ := p.ExitStatus()
	equal(t, "status", status, process.Killed(process.SIGTERM))
}

func TestExecLeavesOneThreadWithThePID(t *testing.T) {
	table := process.NewTable()
	p := fork(t, table.Init())
	th := must[process.Thread](t)(p.NewThread())
	main := must[process.Thread](t)(th.Exec())
	equal(t, "main thread", main, p.MainThread())
	equal(t, "threads", p.ThreadCount(), 1)
	equal(t, "old thread", th.Exists(), false)
	if _, ok := table.Thread(th.TID()); ok {
		t.Error("the old number is still a thread")
	}
	check(t, table)
}

func TestHandlesKeepNothingAlive(t *testing.T) {
	table := process.NewTable()
	root := fork(t, table.Init())
	grow := func() uint64 {
		for range 20000 {
			child := fork(t, root)
			if _, _, err := child.CreateSession(); err != nil {
				t.Fatal(err)
			}
		}
		for child := range root.Children() {
			exit(t, child, 0)
			free(t, child)
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if after := grow(); after > before.HeapAlloc+1<<19 {
		t.Errorf("an emptied table keeps %d bytes", after-before.HeapAlloc)
	}
	runtime.KeepAlive(table)
}
