package storm

import (
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// caught says whether this process catches SIGCHLD (proc_pid_status(5)).
func caught(t *testing.T) bool {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "SigCgt:")
	line, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mask&(1<<(syscall.SIGCHLD-1)) != 0
}

func TestHushIsForAWhile(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD)
	defer signal.Stop(signals)
	restore := Hush()
	if caught(t) {
		t.Error("SIGCHLD is still caught")
	}
	if err := exec.Command("true").Run(); err != nil { // waited for as always
		t.Error(err)
	}
	restore()
	if !caught(t) {
		t.Error("SIGCHLD is not caught again")
	}
	if len(signals) > 0 {
		t.Error("it came all the same")
	}
	if err := exec.Command("true").Run(); err != nil {
		t.Error(err)
	}
	select {
	case <-signals:
	case <-time.After(time.Minute):
		t.Error("it does not come any more")
	}
}
