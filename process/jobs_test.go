package process_test

import (
	"testing"

	"github.com/seancehq/seance/process"
)

// Written from the definitions of orphaned process groups and job control in POSIX and
// their rationale, from credentials(7), and from ioctl_tty(2).

const tty process.Device = 34816

// shell is a session on a terminal with a job of two processes in a group of its own.
type shell struct {
	table         *process.Table
	sh            process.Process
	first, second process.Process
}

func newShell(t *testing.T) *shell {
	table := process.NewTable()
	s := &shell{table: table, sh: fork(t, table.Init())}
	if _, _, err := s.sh.CreateSession(); err != nil {
		t.Fatal(err)
	}
	if err := s.sh.SetTerminal(tty, "pts/0", false); err != nil {
		t.Fatal(err)
	}
	s.first, s.second = fork(t, s.sh), fork(t, s.sh)
	for _, p := range []process.Process{s.first, s.second} {
		if err := s.sh.SetPGID(p.PID(), s.first.PID()); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func signals(e process.Effects) []string {
	var list []string
	for d := range e.Signals() {
		list = append(list, d.String())
	}
	return list
}

func stop(t *testing.T, p process.Process, sig process.Signal) process.Effects {
	t.Helper()
	effects, err := p.Stop(sig)
	if err != nil {
		t.Fatal(err)
	}
	return effects
}

func TestStopAndContinueAreToldToTheParent(t *testing.T) {
	s := newShell(t)
	equalList(t, "stop", signals(stop(t, s.first, process.SIGTSTP)), "SIGCHLD to 2: CLD_STOPPED of 3")
	equal(t, "state", s.first.State(), process.Stopped)
	equal(t, "signal", s.first.StopSignal(), process.SIGTSTP)
	equalList(t, "stop again", signals(stop(t, s.first, process.SIGSTOP)))
	effects, _ := s.first.Continue()
	equalList(t, "continue", signals(effects), "SIGCHLD to 2: CLD_CONTINUED of 3")
	effects, _ = s.first.Continue()
	equalList(t, "continue again", signals(effects))
	refused(t, s.table, process.ErrBadSignal, process.EINVAL, func() error { _, err := s.first.Stop(process.SIGTERM); return err })
}

func TestExitOfTheShellHangsUpStoppedJobs(t *testing.T) {
	s := newShell(t)
	group := s.first.Group()
	equal(t, "orphaned before", group.IsOrphaned(), false)
	stop(t, s.second, process.SIGSTOP)
	effects := exit(t, s.sh, 0)
	equal(t, "orphaned", group.IsOrphaned(), true)
	equalList(t, "groups", effects.Orphaned(), group)
	equalList(t, "signals", signals(effects),
		"SIGHUP to 2", // the foreground group, by the terminal
		"SIGHUP to 3", "SIGHUP to 4", "SIGCONT to 3", "SIGCONT to 4",
		"SIGCHLD to 1: CLD_EXITED of 2")
	check(t, s.table)
}

func TestExitOfTheShellLeavesRunningJobsAlone(t *testing.T) {
	s := newShell(t)
	effects := exit(t, s.sh, 0)
	equalList(t, "groups", effects.Orphaned(), s.first.Group())
	equalList(t, "signals", signals(effects), "SIGHUP to 2", "SIGCHLD to 1: CLD_EXITED of 2")
}

func TestAGroupIsNotOrphanedWhileOneMemberHasAParentInTheSession(t *testing.T) {
	s := newShell(t)
	other := fork(t, s.sh) // a second shell, in the group of the first
	member := fork(t, other)
	if err := member.SetPGID(0, s.first.PID()); err != nil {
		t.Fatal(err)
	}
	stop(t, s.second, process.SIGSTOP)
	equalList(t, "groups", exit(t, s.sh, 0).Orphaned())
	effects := exit(t, other, 0)
	equalList(t, "groups", effects.Orphaned(), s.first.Group())
	equal(t, "continued", len(signals(effects)), 7)
	check(t, s.table)
}

func TestExitOfTheLastLinkOrphansItsOwnGroup(t *testing.T) {
	s := newShell(t)
	grandchild := fork(t, s.first)
	stop(t, grandchild, process.SIGSTOP)
	exit(t, s.second, 0)
	effects := exit(t, s.first, 0)
	equalList(t, "groups", effects.Orphaned(), grandchild.Group())
	equalList(t, "signals", signals(effects), "SIGHUP to 5", "SIGCONT to 5", "SIGCHLD to 2: CLD_EXITED of 3")
}

func TestInitOfTheWholeSystemKeepsNoGroupFromBeingOrphaned(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []process.Option
		want    bool
	}{
		{"init of a namespace", nil, false},
		{"global init", []process.Option{process.WithGlobalInit()}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := fork(t, process.NewTable(c.options...).Init())
			equal(t, "orphaned", must[process.Group](t)(p.CreateGroup()).IsOrphaned(), c.want)
		})
	}
}

func TestTerminalStopsDoNotStopOrphans(t *testing.T) {
	s := newShell(t)
	exit(t, s.sh, 0)
	for _, sig := range []process.Signal{process.SIGTSTP, process.SIGTTIN, process.SIGTTOU} {
		refused(t, s.table, process.ErrOrphaned, process.EIO, func() error { _, err := s.first.Stop(sig); return err })
	}
	stop(t, s.first, process.SIGSTOP)
	equal(t, "state", s.first.State(), process.Stopped)
}

func TestBackgroundAccess(t *testing.T) {
	s := newShell(t)
	read := func(p process.Process, ignored bool) ([]string, error) {
		effects, err := p.ReadTerminal(tty, ignored)
		return signals(effects), err
	}
	write := func(p process.Process, ignored bool) ([]string, error) {
		effects, err := p.WriteTerminal(tty, ignored)
		return signals(effects), err
	}
	for _, c := range []struct {
		name    string
		access  func(process.Process, bool) ([]string, error)
		who     process.Process
		ignored bool
		reason  error
		signals []string
	}{
		{"foreground read", read, s.sh, false, nil, nil},
		{"foreground write", write, s.sh, false, nil, nil},
		{"background read", read, s.first, false, process.ErrBackground, []string{"SIGTTIN to 3", "SIGTTIN to 4"}},
		{"background read, SIGTTIN ignored", read, s.first, true, process.ErrIgnored, nil},
		{"background write", write, s.first, false, process.ErrBackground, []string{"SIGTTOU to 3", "SIGTTOU to 4"}},
		{"background write, SIGTTOU ignored", write, s.first, true, nil, nil},
		{"of another session", read, s.table.Init(), false, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.access(c.who, c.ignored)
			if c.reason == nil && err != nil || c.reason != nil && process.ErrnoOf(err) != process.ErrnoOf(c.reason) {
				t.Errorf("got error %v, want %v", err, c.reason)
			}
			equalList(t, "signals", got, c.signals...)
		})
	}
	exit(t, s.sh, 0) // takes the terminal with it
	if _, err := s.first.ReadTerminal(tty, false); err != nil {
		t.Errorf("no longer its controlling terminal: %v", err)
	}
}

func TestForegroundGroup(t *testing.T) {
	s := newShell(t)
	set := func(p process.Process, pgid process.PID, ignored bool) func() error {
		return func() error { _, err := p.SetForeground(tty, pgid, ignored); return err }
	}
	equal(t, "at first", must[process.PID](t)(s.sh.Foreground(tty)), s.sh.PID())
	if err := set(s.sh, s.first.PID(), false)(); err != nil {
		t.Fatal(err)
	}
	equal(t, "job in the foreground", s.first.Group().IsForeground(), true)
	equal(t, "shell in the foreground", s.sh.Group().IsForeground(), false)

	// The group of a session leader is orphaned, so it can't be stopped for this.
	refused(t, s.table, process.ErrNoTerminal, process.ENOTTY, set(s.sh, s.sh.PID(), false))
	refused(t, s.table, process.ErrNoSuchGroup, process.ESRCH, set(s.first, 9999, false))
	refused(t, s.table, process.ErrBadNumber, process.EINVAL, set(s.first, -1, false))
	refused(t, s.table, process.ErrOtherSession, process.EPERM, set(s.first, 1, false))
	refused(t, s.table, process.ErrNoTerminal, process.ENOTTY, set(s.table.Init(), 1, false))
	if err := set(s.sh, s.sh.PID(), true)(); err != nil {
		t.Errorf("from the background with SIGTTOU ignored: %v", err)
	}
	effects, err := s.first.SetForeground(tty, s.first.PID(), false)
	equal(t, "from the background", process.ErrnoOf(err), process.EINTR)
	equalList(t, "signals", signals(effects), "SIGTTOU to 3", "SIGTTOU to 4")

	// The foreground group may cease to exist; its number is still given.
	if err := set(s.sh, s.first.PID(), false)(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []process.Process{s.first, s.second} {
		exit(t, p, 0)
		free(t, p)
	}
	equal(t, "gone", must[process.PID](t)(s.sh.Foreground(tty)), s.first.PID())
	again := must[process.Process](t)(s.sh.ForkWithPID(s.first.PID()))
	equal(t, "same number, other group", must[process.Group](t)(again.CreateGroup()).IsForeground(), false)
	refreeze(t, s.table)
}

func TestControllingTerminal(t *testing.T) {
	s := newShell(t)
	other := fork(t, s.table.Init())
	_, _, err := other.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	set := func(p process.Process, tty process.Device, steal bool) func() error {
		return func() error { return p.SetTerminal(tty, "x", steal) }
	}
	refused(t, s.table, process.ErrNotSessionLeader, process.EPERM, set(s.first, 5, false))
	refused(t, s.table, process.ErrHasTerminal, process.EPERM, set(s.sh, 5, false))
	refused(t, s.table, process.ErrTerminalInUse, process.EPERM, set(other, tty, false))
	if err := set(s.sh, tty, false)(); err != nil {
		t.Errorf("one's own again: %v", err)
	}
	equal(t, "inherited", s.first.HasTerminal(), true)
	if err := set(other, tty, true)(); err != nil {
		t.Fatalf("stolen: %v", err)
	}
	equal(t, "the old owner's", s.first.HasTerminal() || s.sh.HasTerminal(), false)
	late := fork(t, other)
	equal(t, "children forked later", late.HasTerminal(), true)
	device, name, ok := other.Session().Terminal()
	if device != tty || name != "x" || !ok {
		t.Errorf("terminal %d %q %v", device, name, ok)
	}
	check(t, s.table)
}

func TestDropTerminal(t *testing.T) {
	s := newShell(t)
	effects, err := s.first.DropTerminal(tty)
	if err != nil || !effects.Empty() || s.first.HasTerminal() || !s.second.HasTerminal() {
		t.Errorf("by a member: %v, %v", effects, err)
	}
	refused(t, s.table, process.ErrNoTerminal, process.ENOTTY, func() error { _, err := s.first.DropTerminal(tty); return err })
	effects, err = s.sh.DropTerminal(tty)
	if err != nil || s.second.HasTerminal() {
		t.Errorf("by the leader: %v", err)
	}
	equalList(t, "signals", signals(effects), "SIGHUP to 2", "SIGCONT to 2")
	check(t, s.table)
}

func TestHangup(t *testing.T) {
	s := newShell(t)
	if _, err := s.sh.SetForeground(tty, s.first.PID(), false); err != nil {
		t.Fatal(err)
	}
	effects, err := s.table.Hangup(tty)
	if err != nil || s.sh.HasTerminal() || s.first.HasTerminal() {
		t.Fatalf("somebody still has the terminal: %v", err)
	}
	equalList(t, "to the leader", signals(effects), "SIGHUP to 2", "SIGCONT to 2")
	table := refreeze(t, s.table)
	sh, _ := table.Process(s.sh.PID())
	equalList(t, "when the leader exits", signals(exit(t, sh, 0)),
		"SIGHUP to 3", "SIGHUP to 4", "SIGCONT to 3", "SIGCONT to 4", "SIGCHLD to 1: CLD_EXITED of 2")
	refused(t, s.table, process.ErrNoTerminal, process.ENOTTY, func() error { _, err := s.table.Hangup(tty); return err })
}
