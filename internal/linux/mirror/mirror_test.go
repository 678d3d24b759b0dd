package mirror

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/process"
)

func TestBelowSeesAProcessAndAllThatDescendFromIt(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 60 & echo; wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := out.Read(make([]byte, 1)); err != nil { // the child has been forked
		t.Fatal(err)
	}
	all, err := Below(procfs.New("/proc"), cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].PID != process.PID(cmd.Process.Pid) || all[1].PPID != all[0].PID {
		t.Fatalf("got %+v, want the shell and its child", all)
	}
	for _, o := range all[1:] {
		t.Cleanup(func() {
			if p, err := os.FindProcess(int(o.PID)); err == nil {
				_ = p.Kill()
			}
		})
	}
}

func TestTheWholeHostMakesATable(t *testing.T) {
	all, err := All(procfs.New("/proc"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := process.Mirror(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Check(); err != nil {
		t.Error(err)
	}
	if _, err := process.Restore(table.State()); err != nil {
		t.Error(err)
	}
	self := slices.IndexFunc(all, func(o process.Observed) bool { return int(o.PID) == os.Getpid() })
	if self < 0 || len(all[self].TIDs) < 2 {
		t.Errorf("this program and its threads are missing from the observation")
	}
}

func TestDescendantsEndsWhereParentsGoRoundInCircles(t *testing.T) {
	stats := []procfs.Stat{{PID: 1}, {PID: 5, PPID: 6}, {PID: 6, PPID: 5}, {PID: 7, PPID: 1}}
	picked := descendants(stats, 1)
	if len(picked) != 2 || picked[0].PID != 1 || picked[1].PID != 7 {
		t.Errorf("got %+v, want processes 1 and 7", picked)
	}
}

func TestStatusesThatNoProgramEndsWithAreNoneOfTheTable(t *testing.T) {
	for raw, want := range map[int]process.ExitStatus{
		0: 0, 0x0100: process.Exited(1), 9: process.Killed(process.SIGKILL), 0x8b: process.Dumped(11),
		0x0180: process.Exited(1), 0x0409: process.Killed(process.SIGKILL), 0x7f: 0, 0xffff: 0,
	} {
		zombie := process.Observed{PID: 5, PPID: 1, PGID: 1, SID: 1, State: 'Z', Status: exitStatus(raw)}
		table, err := process.Mirror([]process.Observed{see(1, 0, 1, 1, "init"), zombie})
		if err != nil {
			t.Errorf("%#x: %v", raw, err)
			continue
		}
		p, _ := table.Process(5)
		if got, ok := p.ExitStatus(); !ok || got != want {
			t.Errorf("%#x became %v, want %v", raw, got, want)
		}
	}
}
