package process_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seancehq/seance/process"
)

func TestMirrorOfAPartOfASystem(t *testing.T) {
	table, err := process.Mirror([]process.Observed{
		{PID: 700, PPID: 650, PGID: 600, SID: 600, Comm: "init"},
		{PID: 500, PPID: 700, PGID: 500, SID: 500, Comm: "service"}, // the numbers have wrapped
	})
	if err != nil {
		t.Fatal(err)
	}
	check(t, table)
	init := table.Init()
	equal(t, "init", init.PID(), 700)
	equal(t, "parent of init", init.Parent(), process.Process{})
	equal(t, "group of init", init.Group().PGID(), 600)
	equal(t, "init leads it", init.LeadsGroup(), false)
	equalList(t, "children", pids(init.Children()), 500)
	refreeze(t, table)

	if _, err := process.Mirror(nil); !errors.Is(err, process.ErrBadObservation) {
		t.Errorf("of nothing: %v", err)
	}
}

func TestWhatATableSaysOfItself(t *testing.T) {
	table := rich(t)
	equal(t, "table", table.String(), "process table: processes 7, groups 3, sessions 2")
	equal(t, "length", table.Len(), 7)
	shell, _ := table.Process(500)
	session := shell.Session()
	equal(t, "session", session.String(), "session 500 (groups 2)")
	equal(t, "group", shell.Group().String(), "group 500 (members 3)")
	equal(t, "process", shell.String(), "process 500 (running)")
	equal(t, "thread", shell.MainThread().String(), "thread 500")
	equal(t, "nothing", process.Process{}.String()+", "+process.Group{}.String()+", "+
		process.Session{}.String()+", "+process.Thread{}.String(), "no process, no group, no session, no thread")
	equal(t, "children", shell.ChildCount(), 3)
	leader, ok := shell.Group().Leader()
	equal(t, "leader", leader, shell)
	equal(t, "leader is there", ok, true)
	pgid, _ := session.Foreground()
	equal(t, "foreground", pgid, 90)
	var sids []process.PID
	for s := range table.Sessions() {
		sids = append(sids, s.SID())
	}
	equalList(t, "sessions", sids, 1, 500)
	equalList(t, "groups", pgids(table.Groups()), 1, 90, 500)
	p, _ := table.Process(4)
	equal(t, "subreaper", p.IsSubreaper(), true)
	equal(t, "execed", p.HasExeced(), true)
}

func TestThreadWithAGivenNumber(t *testing.T) {
	table := process.NewTable()
	th := must[process.Thread](t)(table.Init().NewThreadWithTID(77))
	equal(t, "tid", th.TID(), 77)
	equal(t, "process", th.Process(), table.Init())
	equal(t, "main", th.IsMain(), false)
	for _, tid := range []process.PID{0, -1, 77, 1, process.DefaultLimit} {
		before := table.Counts()
		if _, err := table.Init().NewThreadWithTID(tid); process.ErrnoOf(err) == 0 || table.Counts() != before {
			t.Errorf("thread %d: error %v", tid, err)
		}
	}
	if _, ok := table.Process(77); ok {
		t.Error("a thread was found as a process")
	}
	if _, _, err := th.Exit(0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := th.Exit(0); !errors.Is(err, process.ErrNoThread) {
		t.Errorf("a second time: %v", err)
	}
}

func TestEveryReasonHasLinuxNumber(t *testing.T) {
	for number, want := range map[process.Errno]string{
		process.EPERM: "EPERM", process.ESRCH: "ESRCH", process.EINTR: "EINTR", process.EIO: "EIO",
		process.ECHILD: "ECHILD", process.EAGAIN: "EAGAIN", process.EACCES: "EACCES", process.EBUSY: "EBUSY",
		process.EEXIST: "EEXIST", process.EINVAL: "EINVAL", process.ENOTTY: "ENOTTY", 99: "errno 99",
	} {
		equal(t, "name", number.Name(), want)
		if text := number.Error(); text == "" || text == want && number != 99 {
			t.Errorf("%s has text %q", want, text)
		}
	}
	_, err := process.Process{}.Fork()
	var refusal *process.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("%T is no *process.Error", err)
	}
	equal(t, "errno", refusal.Errno(), process.ESRCH)
	equal(t, "text", err.Error(), "cannot fork process 0: no such process")
}

func TestTreeCutsLinesAndNamesWhatIsOutside(t *testing.T) {
	table, err := process.Mirror([]process.Observed{{PID: 1, PGID: 1, SID: 1}, {PID: 2, Comm: "kthreadd"}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := table.WriteTree(&b, process.TreeOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "session 0, outside\n") {
		t.Errorf("nothing is outside in\n%s", b.String())
	}
	b.Reset()
	if err := table.WriteTree(&b, process.TreeOptions{Width: 30, Args: true, Color: true}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		plain := strings.NewReplacer("\x1b[1m", "", "\x1b[0m", "", "\x1b[33m", "", "\n", "").Replace(line)
		if len(plain) > 30 {
			t.Errorf("line is %d long: %q", len(plain), plain)
		}
	}
	if !strings.Contains(b.String(), "\x1b[1m") {
		t.Errorf("no colour in\n%s", b.String())
	}
	if err := table.WriteTree(failingWriter{}, process.TreeOptions{}); !errors.Is(err, errFull) {
		t.Errorf("got error %v", err)
	}
}

var errFull = errors.New("disk full")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }
