package cgroup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/seancehq/seance/internal/linux/cgroup"
)

func TestWhoseAProcessIs(t *testing.T) {
	each(t, func(t *testing.T, proc string) {
		tree := open(t, proc, "seance-test-whose")
		t.Cleanup(func() {
			if err := tree.Close(); err != nil {
				t.Error(err)
			}
		})
		r := newReaper(t)
		a := group(t, tree, "a")
		p := start(t, r, a, "exec sleep 1000")
		free := start(t, r, nil, "exec sleep 1000")
		for _, pid := range []int{p.PID(), free.PID()} {
			if err := os.Symlink(fmt.Sprint("/proc/", pid), filepath.Join(proc, fmt.Sprint(pid))); err != nil {
				t.Fatal(err)
			}
		}
		is := func(pid int, want string) {
			t.Helper()
			if name, err := tree.Of(pid); name != want || err != nil {
				t.Errorf("process %d is in %q, error %v, want %q", pid, name, err, want)
			}
		}
		is(p.PID(), "a")
		is(free.PID(), "")
		below, err := cgroup.At(a.Path())
		if err != nil {
			t.Fatal(err)
		}
		if err := group(t, below, "own").Add(p.PID()); err != nil { // it has groups of its own
			t.Fatal(err)
		}
		is(p.PID(), "a")
		if err := a.KillNow(); err != nil {
			t.Error(err)
		}
		<-p.Done()
		is(p.PID(), "")
		if _, ended := free.Exit(); ended {
			t.Error("who is not in the group was killed")
		}
		if err := free.Signal(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		<-free.Done()
	})
}
