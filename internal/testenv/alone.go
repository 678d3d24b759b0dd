package testenv

import (
	"os"
	"os/exec"
	"testing"
)

// Alone runs the test a second time with only itself and what it starts to see:
// as the first process but one of a PID namespace, with a /proc of that. It
// returns true in that second run, and false, when that is over, in the first.
// It needs root, and a test program that has gone through OwnMounts; without
// root there is but one run, and others are seen.
func Alone(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return true
	}
	const mark = "SEANCE_TEST_ALONE"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	cmd := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc",
		os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1", "-test.timeout=0")
	cmd.Env = append(os.Environ(), mark+"="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}
