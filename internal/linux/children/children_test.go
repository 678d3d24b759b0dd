package children

import (
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEndEndsOrphansAndSparesWhomItIsTold(t *testing.T) {
	if err := Adopt(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
	spared := exec.Command("sleep", "60")
	if err := spared.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = spared.Process.Kill(); _ = spared.Wait() })

	// The shell's child outlives it, with a child of its own.
	out, err := exec.Command("sh", "-c", "sh -c 'sleep 60 & wait' >/dev/null 2>&1 & echo $!").Output()
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(List(), orphan) {
		t.Fatalf("orphan %d is not among the children %v", orphan, List())
	}
	End(spared.Process.Pid)
	if left := List(); len(left) != 1 || left[0] != spared.Process.Pid {
		t.Errorf("left: %v, want only %d", left, spared.Process.Pid)
	}
}
