package process_test

import (
	"math"
	"testing"

	"github.com/seancehq/seance/process"
)

// Written from wait(2) and its rationale in POSIX.

// family is a parent with a child in its own group and one in another.
func family(t *testing.T) (table *process.Table, parent, near, far process.Process) {
	table = process.NewTable()
	parent = fork(t, table.Init())
	near, far = fork(t, parent), fork(t, parent)
	must[process.Group](t)(far.CreateGroup())
	return table, parent, near, far
}

func TestWaitSelectsByPIDAndGroup(t *testing.T) {
	const all = process.WEXITED
	for _, c := range []struct {
		name string
		wait func(parent, near, far process.Process) (process.WaitResult, error)
		far  bool // the one it finds, when both have exited
	}{
		{"wait4 any", func(p, _, _ process.Process) (process.WaitResult, error) { return p.Wait4(-1, 0) }, false},
		{"wait4 own group", func(p, _, _ process.Process) (process.WaitResult, error) { return p.Wait4(0, 0) }, false},
		{"wait4 group", func(p, _, far process.Process) (process.WaitResult, error) { return p.Wait4(-far.PID(), 0) }, true},
		{"wait4 pid", func(p, _, far process.Process) (process.WaitResult, error) { return p.Wait4(far.PID(), 0) }, true},
		{"waitid any", func(p, _, _ process.Process) (process.WaitResult, error) { return p.WaitID(process.PAll, 99, all) }, false},
		{"waitid own group", func(p, _, _ process.Process) (process.WaitResult, error) { return p.WaitID(process.PPGID, 0, all) }, false},
		{"waitid group", func(p, _, far process.Process) (process.WaitResult, error) {
			return p.WaitID(process.PPGID, far.PID(), all)
		}, true},
		{"waitid pid", func(p, _, far process.Process) (process.WaitResult, error) {
			return p.WaitID(process.PPID, far.PID(), all)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, parent, near, far := family(t)
			refused(t, table, process.ErrWouldBlock, process.EAGAIN, func() error {
				_, err := c.wait(parent, near, far)
				return err
			})
			exit(t, near, process.Exited(1))
			exit(t, far, process.Killed(process.SIGTERM))
			want, other := near, far
			if c.far {
				want, other = far, near
			}
			result, err := c.wait(parent, near, far)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "pid", result.PID, want.PID())
			equal(t, "waited for is gone", want.State(), process.Gone)
			equal(t, "the other stays", other.State(), process.Zombie)
			check(t, table)
		})
	}
}

func TestWaitTellsHowAChildEnded(t *testing.T) {
	for _, c := range []struct {
		status   process.ExitStatus
		code     process.Code
		wstatus  int
		siStatus int
	}{
		{process.Exited(0), process.CodeExited, 0, 0},
		{process.Exited(1), process.CodeExited, 0x100, 1},
		{process.Exited(257), process.CodeExited, 0x100, 1},
		{process.Exited(-1), process.CodeExited, 0xff00, 255},
		{process.Killed(process.SIGKILL), process.CodeKilled, 9, 9},
		{process.Dumped(process.SIGQUIT), process.CodeDumped, 0x83, 3},
	} {
		t.Run(c.status.String(), func(t *testing.T) {
			parent := process.NewTable().Init()
			child := fork(t, parent)
			effects := exit(t, child, c.status)
			for d := range effects.Signals() {
				equal(t, "SIGCHLD", d, process.Delivery{
					To: parent, Signal: process.SIGCHLD, Code: c.code, Status: c.status, Child: child.PID(),
				})
			}
			result := must[process.WaitResult](t)(parent.Wait4(-1, 0))
			equal(t, "code", result.Code, c.code)
			equal(t, "status", result.WaitStatus(), c.wstatus)
			equal(t, "si_status", result.SiStatus(), c.siStatus)
		})
	}
}

func TestWaitRefusals(t *testing.T) {
	table, parent, near, far := family(t)
	exit(t, near, 0)
	w4 := func(pid process.PID, options process.WaitOptions) func() error {
		return func() error { _, err := parent.Wait4(pid, options); return err }
	}
	id := func(kind process.IDType, id process.PID, options process.WaitOptions) func() error {
		return func() error { _, err := parent.WaitID(kind, id, options); return err }
	}
	for _, c := range []struct {
		name   string
		wait   func() error
		reason error
		errno  process.Errno
	}{
		{"not a child", w4(table.Init().PID(), 0), process.ErrNoChild, process.ECHILD},
		{"nobody", w4(9999, process.WNOHANG), process.ErrNoChild, process.ECHILD},
		{"a group without children", w4(-9999, 0), process.ErrNoChild, process.ECHILD},
		{"the least number", w4(math.MinInt32, 0), process.ErrNoProcess, process.ESRCH},
		{"unknown option", w4(-1, 0x10), process.ErrBadOption, process.EINVAL},
		{"WEXITED is for waitid", w4(-1, process.WEXITED), process.ErrBadOption, process.EINVAL},
		{"WNOWAIT is for waitid", w4(-1, process.WNOWAIT), process.ErrBadOption, process.EINVAL},
		{"nothing to wait for", id(process.PAll, 0, process.WNOHANG), process.ErrBadOption, process.EINVAL},
		{"unknown idtype", id(7, 0, process.WEXITED), process.ErrBadOption, process.EINVAL},
		{"pid 0", id(process.PPID, 0, process.WEXITED), process.ErrBadNumber, process.EINVAL},
		{"negative pgid", id(process.PPGID, -1, process.WEXITED), process.ErrBadNumber, process.EINVAL},
		{"only a zombie, exits not asked for", id(process.PPID, near.PID(), process.WSTOPPED), process.ErrNoChild, process.ECHILD},
		{"it runs", id(process.PPID, far.PID(), process.WEXITED|process.WSTOPPED), process.ErrWouldBlock, process.EAGAIN},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, table, c.reason, c.errno, c.wait) })
	}
	refused(t, table, process.ErrNoChild, process.ECHILD, func() error { _, err := far.Wait4(-1, 0); return err })
}

func TestWaitWithoutWaiting(t *testing.T) {
	table, parent, near, _ := family(t)
	before := encode(t, table)
	result := must[process.WaitResult](t)(parent.Wait4(-1, process.WNOHANG))
	equal(t, "nothing yet", result, process.WaitResult{})
	equal(t, "the table", encode(t, table), before)

	exit(t, near, process.Exited(5))
	for range 2 {
		result = must[process.WaitResult](t)(parent.WaitID(process.PAll, 0, process.WEXITED|process.WNOWAIT))
		equal(t, "looked at", result, process.WaitResult{PID: near.PID(), Code: process.CodeExited, Status: process.Exited(5)})
	}
	equal(t, "not reaped", near.State(), process.Zombie)
}

func TestWaitTellsOfStopsAndContinuationsOnce(t *testing.T) {
	table, parent, child, _ := family(t)
	wait := func(options process.WaitOptions) process.WaitResult {
		t.Helper()
		return must[process.WaitResult](t)(parent.WaitID(process.PPID, child.PID(), options|process.WNOHANG))
	}
	if _, err := child.Stop(process.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	equal(t, "stop not asked for", wait(process.WEXITED|process.WCONTINUED), process.WaitResult{})
	stopped := process.WaitResult{PID: child.PID(), Code: process.CodeStopped, Stop: process.SIGSTOP}
	equal(t, "stop looked at", wait(process.WSTOPPED|process.WNOWAIT), stopped)
	equal(t, "stop", wait(process.WSTOPPED), stopped)
	equal(t, "status", stopped.WaitStatus(), 0x137f)
	equal(t, "stop again", wait(process.WSTOPPED), process.WaitResult{})

	if _, err := child.Continue(); err != nil {
		t.Fatal(err)
	}
	continued := process.WaitResult{PID: child.PID(), Code: process.CodeContinued}
	equal(t, "continuation", wait(process.WCONTINUED), continued)
	equal(t, "status", continued.WaitStatus(), 0xffff)
	equal(t, "si_status", continued.SiStatus(), 18)
	equal(t, "continuation again", wait(process.WCONTINUED), process.WaitResult{})

	// What was not asked for is lost with the next change.
	_, _ = child.Stop(process.SIGSTOP)
	_, _ = child.Continue()
	equal(t, "stop before the continuation", wait(process.WSTOPPED), process.WaitResult{})
	exit(t, child, 0)
	equal(t, "continuation before the exit", wait(process.WEXITED|process.WCONTINUED).Code, process.CodeExited)
	check(t, table)
}

func TestWaitAsksChildrenInTheOrderInWhichTheyCame(t *testing.T) {
	table := process.NewTable()
	parent := table.Init()
	a, b := fork(t, parent), fork(t, parent)
	middle := fork(t, parent)
	adopted := fork(t, middle)
	c := fork(t, parent)
	exit(t, middle, 0)
	for _, p := range []process.Process{c, adopted, b, a} {
		exit(t, p, 0)
	}
	var order []process.PID
	for range 5 {
		order = append(order, must[process.WaitResult](t)(parent.Wait4(-1, 0)).PID)
	}
	equalList(t, "order", order, a.PID(), b.PID(), middle.PID(), c.PID(), adopted.PID())
}
