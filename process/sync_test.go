package process_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seancehq/seance/process"
)

func events(list []process.Event) string {
	var b strings.Builder
	for _, e := range list {
		b.WriteString(e.String() + "\n")
	}
	return b.String()
}

func TestSyncFollowsALiveSystem(t *testing.T) {
	system := []process.Observed{
		{PID: 1, PGID: 1, SID: 1, State: 'S', Comm: "init"},
		{PID: 7, PPID: 1, PGID: 7, SID: 7, State: 'S', Comm: "sh", TTY: 34816, TTYName: "pts/0", Foreground: 7},
		{PID: 9, PPID: 7, PGID: 9, SID: 7, State: 'R', Comm: "make", TTY: 34816, TTYName: "pts/0", Foreground: 7, TIDs: []process.PID{9, 10}},
	}
	table, err := process.Mirror(system)
	if err != nil {
		t.Fatal(err)
	}
	check(t, table)
	for _, step := range []struct {
		name   string
		change func()
		want   string
	}{
		{"nothing", func() {}, ""},
		{"job to the foreground", func() {
			system[1].Foreground, system[2].Foreground = 9, 9
		}, "session 7: foreground group 9, was 7\n"},
		{"a thread ends, another starts", func() {
			system[2].TIDs = []process.PID{9, 11}
		}, "process 9: thread 10 ended\nprocess 9: thread 11 started\n"},
		{"stop", func() { system[2].State = 'T' }, "process 9 stopped\n"},
		{"exec", func() { system[1].Comm = "bash" }, "process 7 now runs bash\n"},
		{"the shell dies", func() {
			system = append(system[:1:1], system[2])
			system[1].PPID, system[1].TTY = 1, 0
		}, "process 7 ended\nprocess 9: parent 1, was 7\nsession 7 lost its terminal\ngroup 7 ended\ngroup 9 is orphaned\n"},
		{"a number is given to another process", func() {
			system[1] = process.Observed{PID: 9, PPID: 1, PGID: 1, SID: 1, State: 'Z', Comm: "new"}
		}, "process 9: thread 11 ended\nprocess 9: session 1, was 7\nprocess 9: group 1, was 9\nprocess 9 is a zombie\ngroup 9 ended\nsession 7 ended\n"},
	} {
		step.change()
		list, err := table.Sync(system)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		check(t, table)
		refreeze(t, table)
		if got := events(list); got != step.want {
			t.Errorf("%s:\n%swant:\n%s", step.name, got, step.want)
		}
	}
}

func TestSyncTellsARecycledNumberByItsStartTime(t *testing.T) {
	system := []process.Observed{{PID: 1, PGID: 1, SID: 1}, {PID: 2, PPID: 1, PGID: 1, SID: 1, Start: 10}}
	table, err := process.Mirror(system)
	if err != nil {
		t.Fatal(err)
	}
	old, _ := table.Process(2)
	system[1].Start = 11
	list, err := table.Sync(system)
	if err != nil {
		t.Fatal(err)
	}
	if old.Exists() || !strings.HasPrefix(events(list), "process 2 ended\nprocess 2 started by 1") {
		t.Errorf("old process exists: %v, events:\n%s", old.Exists(), events(list))
	}
	check(t, table)
}

func TestSyncMirrorsAWholeHost(t *testing.T) {
	table, err := process.Mirror([]process.Observed{
		{PID: 1, PGID: 1, SID: 1, Comm: "systemd"},
		{PID: 2, Comm: "kthreadd"},
		{PID: 3, PPID: 2, Comm: "kworker"},
	})
	if err != nil {
		t.Fatal(err)
	}
	check(t, table)
	refreeze(t, table)
	kthreadd, _ := table.Process(2)
	equalList(t, "kernel threads", pids(kthreadd.Children()), 3)
	equal(t, "parent", kthreadd.Parent(), process.Process{})
	group, ok := table.Group(0)
	equal(t, "group 0 exists", ok, true)
	equalList(t, "members of group 0", pids(group.Processes()), 2, 3)
}

func TestSyncMakesTheBestOfContradictions(t *testing.T) {
	table, err := process.Mirror([]process.Observed{
		{PID: 1, PGID: 1, SID: 1},
		{PID: 2, PPID: 3, PGID: 2, SID: 2},
		{PID: 3, PPID: 2, PGID: 2, SID: 1},
		{PID: 4, PPID: 99, PGID: 1, SID: 1, TIDs: []process.PID{4, 2}},
		{PID: 5, PPID: 6, PGID: 1, SID: 1},
		{PID: 6, PPID: 1, PGID: 1, SID: 1, State: 'Z'},
	})
	if err != nil {
		t.Fatal(err)
	}
	check(t, table)
	orphan, _ := table.Process(4)
	equal(t, "unseen parent", orphan.Parent(), table.Init())
}

func TestSyncRefusesNonsense(t *testing.T) {
	table := process.NewTable()
	for name, observed := range map[string][]process.Observed{
		"nothing":   nil,
		"dead init": {{PID: 1, State: 'Z'}},
		"twice":     {{PID: 1}, {PID: 2}, {PID: 2}},
		"negative":  {{PID: 1}, {PID: -2}},
		"group":     {{PID: 1}, {PID: 2, PGID: -2}},
	} {
		refused(t, table, process.ErrBadObservation, process.EINVAL, func() error {
			_, err := table.Sync(observed)
			if !errors.Is(err, process.ErrBadObservation) {
				t.Error(name)
			}
			return err
		})
	}
}

func TestTree(t *testing.T) {
	table, err := process.Mirror([]process.Observed{
		{PID: 1, PGID: 1, SID: 1, State: 'S', Comm: "init", Args: []string{"seance", "init"}},
		{PID: 7, PPID: 1, PGID: 7, SID: 7, State: 'S', Comm: "sh", Args: []string{"-sh"}, TTY: 34816, TTYName: "pts/0", Foreground: 9},
		{PID: 9, PPID: 7, PGID: 9, SID: 7, State: 'R', Comm: "make", Args: []string{"make", "-j2"}, TTY: 34816, TTYName: "pts/0", Foreground: 9, TIDs: []process.PID{9, 10}},
		{PID: 12, PPID: 9, PGID: 9, SID: 7, State: 'Z', Comm: "cc\x1b[31m", TTY: 34816, TTYName: "pts/0", Foreground: 9},
		{PID: 15, PPID: 1, PGID: 14, SID: 7, State: 'T', Comm: "sleep", Args: []string{"sleep", "9"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := table.WriteTree(&b, process.TreeOptions{Threads: true, Args: true}); err != nil {
		t.Fatal(err)
	}
	want := `
PID PPID PGID SID TTY   STAT COMMAND
                1 ?          session 1, leader init
            1   1 ?            group 1, leader init
  1    0    1   1 ?     Ss       seance init
                7 pts/0      session 7 on pts/0, leader sh
            7   7 pts/0        group 7, leader sh
  7    1    7   7 pts/0 Ss       -sh
            9   7 pts/0        group 9, leader make, foreground
  9    7    9   7 pts/0 Rl+      make -j2
       9    9   7 pts/0            thread 9
       9    9   7 pts/0            thread 10
 12    9    9   7 pts/0 Z+         ["cc\x1b[31m"] <defunct>
           14   7 pts/0        group 14, leader gone, orphaned
 15    1   14   7 ?     T        sleep 9
`
	if got := "\n" + b.String(); got != want {
		t.Errorf("got:%swant:%s", got, want)
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("an escape sequence got through")
	}
}
