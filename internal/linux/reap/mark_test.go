package reap_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/internal/linux/reap"
)

// A process that has left its session, lost its parent and been given an empty
// environment has the mark of the program that it comes of.
func TestAMarkIsKeptByWhoeverEscapes(t *testing.T) {
	r := newReaper(t)
	file := filepath.Join(t.TempDir(), "pid")
	spec := shell(`(setsid env -i sh -c 'echo $$ > ` + file + `.new; mv ` + file + `.new ` + file + `; exec sleep 1000' &) ; exit 0`)
	spec.Mark = reap.MinMark + 7
	own, err := reap.ReadMark(procfs.New("/proc"), os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, start(t, r, spec))
	var pid int
	eventually(t, "it runs", func() bool {
		text, _ := os.ReadFile(file)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid > 0
	})
	if got, err := reap.ReadMark(procfs.New("/proc"), pid); got != spec.Mark || err != nil {
		t.Errorf("its mark is %d, error %v, want %d", got, err, spec.Mark)
	}
	if got, err := reap.ReadMark(procfs.New("/proc"), os.Getpid()); got != own || err != nil {
		t.Errorf("this process's own is %d, error %v, was %d", got, err, own)
	}
	orphans := r.Orphans()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is reaped", func() bool { return r.Orphans() > orphans })
}

// Where a hard limit forbids every mark there is none, and the program runs.
func TestAMarkThatTheHardLimitForbids(t *testing.T) {
	if os.Getenv(helper) == "forbidden" {
		// Not in the process of the other tests: the limit cannot be raised again.
		if err := unix.Setrlimit(unix.RLIMIT_RTTIME, &unix.Rlimit{Cur: 1000, Max: 1000}); err != nil {
			t.Fatal(err)
		}
		spec := shell("exec sleep 1000")
		spec.Mark = reap.MinMark
		p := start(t, newReaper(t), spec)
		if mark, err := reap.ReadMark(procfs.New("/proc"), p.PID()); mark != 0 || err != nil {
			t.Errorf("its mark is %d, error %v", mark, err)
		}
		if err := p.Signal(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		waitFor(t, p)
		return
	}
	spec := reap.Spec{
		Args: []string{"/proc/self/exe", "-test.run=^" + t.Name() + "$"},
		Env:  append(os.Environ(), helper+"=forbidden"),
	}
	if exit := waitFor(t, start(t, newReaper(t), spec)); !exit.Success() {
		t.Error(exit)
	}
}
