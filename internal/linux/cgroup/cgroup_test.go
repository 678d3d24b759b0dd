package cgroup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/cgroup"
	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/testenv"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == reap.ShimCommand {
		os.Exit(reap.Exec(os.Args[2:], os.Stderr))
	}
	if status, done := testenv.OwnMounts(); done {
		os.Exit(status)
	}
	goleak.VerifyTestMain(m)
}

// kinds are the cgroups to test: what to mount, and how it is called.
var kinds = []struct{ name, fstype, options string }{
	{"version 2", "cgroup2", ""},
	{"version 1, freezer", "cgroup", "freezer"},
	{"version 1, pids", "cgroup", "pids"},
}

// each runs a test in each kind of cgroups, with the proc file system that
// shows only that one as mounted.
func each(t *testing.T, test func(t *testing.T, proc string)) {
	testenv.RequireRoot(t)
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := unix.Mount("cgroup", dir, kind.fstype, 0, kind.options); err != nil {
				testenv.Missing(t, "this kernel does not mount "+kind.name+": "+err.Error())
			}
			t.Cleanup(func() {
				if err := unix.Unmount(dir, 0); err != nil {
					t.Error(err)
				}
			})
			test(t, procWith(t, dir))
		})
	}
}

// procWith is a proc file system in which one mount can be seen.
func procWith(t *testing.T, point string) string {
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	proc := t.TempDir()
	lines := slices.Collect(strings.Lines(string(mountinfo)))
	lines = slices.DeleteFunc(lines, func(l string) bool { return !strings.Contains(l, " "+point+" ") })
	if len(lines) != 1 {
		t.Fatalf("mounted %d times", len(lines))
	}
	if err := os.Mkdir(proc+"/self", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(proc+"/self/mountinfo", []byte(lines[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	own := fmt.Sprint(os.Getpid())
	for at, to := range map[string]string{"self/cgroup": "self/cgroup", "self/ns": "self/ns", own: own} {
		if err := os.Symlink("/proc/"+to, filepath.Join(proc, at)); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

func open(t *testing.T, proc, name string) *cgroup.Tree {
	t.Helper()
	tree, err := cgroup.Open(cgroup.Options{Proc: proc, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func group(t *testing.T, tree *cgroup.Tree, name string) *cgroup.Group {
	t.Helper()
	g, err := tree.Group(name)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func newReaper(t *testing.T) *reap.Reaper {
	t.Helper()
	r, err := reap.New(reap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func start(t *testing.T, r *reap.Reaper, g *cgroup.Group, script string) *reap.Process {
	t.Helper()
	p, err := r.Start(reap.Spec{Args: []string{"/bin/sh", "-c", script}, Env: os.Environ(), Cgroup: g})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pids(t *testing.T, g *cgroup.Group) []int {
	t.Helper()
	pids, err := g.PIDs()
	if err != nil {
		t.Fatal(err)
	}
	return pids
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func kill(t *testing.T, g *cgroup.Group) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := g.Kill(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestProgramAndAllThatItStartsIsInItsGroup(t *testing.T) {
	each(t, func(t *testing.T, proc string) {
		tree := open(t, proc, "")
		web, db := group(t, tree, "web"), group(t, tree, "db")
		r := newReaper(t)
		p := start(t, r, web, "setsid sh -c 'sleep 60 & sleep 60' & (sleep 60 &) ; sleep 60")
		eventually(t, "all five are in the group", func() bool { return len(pids(t, web)) >= 5 })
		if got := pids(t, web); !slices.Contains(got, p.PID()) || slices.Contains(got, os.Getpid()) {
			t.Errorf("in the group: %v, the program is %d, its parent %d", got, p.PID(), os.Getpid())
		}
		other := start(t, r, nil, "exec sleep 60")
		if err := db.Add(other.PID()); err != nil {
			t.Error(err)
		}
		if err := web.Remove(); err == nil {
			t.Error("a group with processes in it was removed")
		}
		if err := tree.Close(); err == nil {
			t.Error("a tree with processes in it was removed")
		}

		kill(t, web)
		if got := pids(t, db); !slices.Equal(got, []int{other.PID()}) {
			t.Errorf("in the other group: %v, want %d", got, other.PID())
		}
		kill(t, db)
		waitFor(t, p)
		waitFor(t, other)
		eventually(t, "the tree is removed", func() bool { return tree.Close() == nil }) // when all are reaped
		if _, err := os.Stat(tree.Path()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the tree is still there: %v", err)
		}
		kill(t, web) // one that is gone does no harm
		if err := web.Remove(); err != nil || len(pids(t, web)) != 0 {
			t.Errorf("a group that is gone: %v", err)
		}
	})
}

func waitFor(t *testing.T, p *reap.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := p.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

// Processes that fork and exit on and on have no number for long. The chains do
// not multiply, and end some time: should this fail, the machine lives.
func TestKillEndsThoseThatForkWithoutEnd(t *testing.T) {
	each(t, func(t *testing.T, proc string) {
		tree := open(t, proc, "")
		g := group(t, tree, "bomb")
		r := newReaper(t)
		p := start(t, r, g, "f() { [ $1 -gt 50000 ] || (f $(($1 + 1))) & exit; }; for i in 1 2 3 4 5 6 7 8; do (f 0) & done; trap '' TERM; exec sleep 60")
		eventually(t, "they are at it", func() bool { return r.Orphans() > 50 })
		kill(t, g)
		waitFor(t, p)
		if got := pids(t, g); len(got) != 0 {
			t.Errorf("still in the group: %v", got)
		}
		// The group is as good as new.
		waitFor(t, start(t, r, g, "true & wait"))
		eventually(t, "the tree is removed", func() bool { return tree.Close() == nil })
	})
}

func TestGroupsBelowBelongToTheGroup(t *testing.T) {
	each(t, func(t *testing.T, proc string) {
		tree := open(t, proc, "")
		g := group(t, tree, "web")
		r := newReaper(t)
		p := start(t, r, g, `mkdir "`+g.Path()+`/own" && echo $$ >"`+g.Path()+`/own/cgroup.procs" && exec sleep 60`)
		eventually(t, "it has moved", func() bool {
			raw, _ := os.ReadFile(g.Path() + "/own/cgroup.procs")
			return len(raw) > 0
		})
		if got := pids(t, g); !slices.Equal(got, []int{p.PID()}) {
			t.Errorf("in the group: %v, want %d", got, p.PID())
		}
		kill(t, g)
		waitFor(t, p)
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSweepFindsWhatTheDeadLeft(t *testing.T) {
	each(t, func(t *testing.T, proc string) {
		tree := open(t, proc, "")
		// As a process would have called it that had our number before us.
		fields := strings.Split(filepath.Base(tree.Path()), "-")
		fields[3] = "1"
		dead := open(t, proc, strings.Join(fields, "-"))
		group(t, dead, "empty")
		busy := group(t, dead, "busy")
		fields[1] = "1" // a PID namespace that is not ours to judge
		foreign := open(t, proc, strings.Join(fields, "-"))
		r := newReaper(t)
		p := start(t, r, busy, "sleep 60")

		left, err := sweep(tree, dead)
		if err != nil || len(left) != 1 || left[0].Path() != busy.Path() {
			t.Errorf("left: %v, error %v, want %s", left, err, busy.Path())
		}
		if _, err := os.Stat(dead.Path() + "/empty"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the empty group of the dead: %v", err)
		}
		for _, g := range left {
			kill(t, g)
		}
		waitFor(t, p)
		if left, err = sweep(tree, dead); err != nil || len(left) != 0 {
			t.Errorf("left: %v, error %v", left, err)
		}
		if _, err := os.Stat(dead.Path()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the tree of the dead: %v", err)
		}
		for _, lives := range []*cgroup.Tree{tree, foreign} {
			if err := unix.Access(lives.Path(), unix.F_OK); err != nil {
				t.Errorf("a tree that lives: %v", err)
			}
			if err := lives.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// sweep sweeps, and shows what is left of one owner: others may have died too.
func sweep(t, dead *cgroup.Tree) ([]*cgroup.Group, error) {
	left, err := t.Sweep()
	return slices.DeleteFunc(left, func(g *cgroup.Group) bool { return filepath.Dir(g.Path()) != dead.Path() }), err
}

func TestTreeThatSomebodyElseMade(t *testing.T) {
	each(t, func(t *testing.T, proc string) {
		made := open(t, proc, "seance-test")
		lent, err := cgroup.At(made.Path())
		if err != nil {
			t.Fatal(err)
		}
		if lent.Version() != made.Version() {
			t.Errorf("version %d, want %d", lent.Version(), made.Version())
		}
		r := newReaper(t)
		g := group(t, lent, "web")
		p := start(t, r, g, "exec sleep 60")
		if got := pids(t, g); !slices.Equal(got, []int{p.PID()}) {
			t.Errorf("in the group: %v, want %d", got, p.PID())
		}
		kill(t, g)
		waitFor(t, p)
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := cgroup.At(t.TempDir()); !errors.Is(err, cgroup.ErrUnavailable) {
		t.Errorf("a tree in a plain folder: %v", err)
	}
}

func TestNamesOfGroups(t *testing.T) {
	each(t, func(t *testing.T, proc string) {
		tree := open(t, proc, "")
		for _, name := range []string{"", ".", "..", "a/b", "a\nb"} {
			if g, err := tree.Group(name); err == nil {
				t.Errorf("group %q: %s", name, g.Path())
			}
		}
		if g, err := tree.Group("cgroup.procs"); err == nil {
			t.Errorf("group with the name of a control file: %s", g.Path())
		}
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutCgroups(t *testing.T) {
	proc := t.TempDir()
	tree, err := cgroup.Open(cgroup.Options{Proc: proc, Name: "x"})
	if tree != nil || !errors.Is(err, cgroup.ErrUnavailable) {
		t.Fatalf("got %v, %v", tree, err)
	}
	g, err := tree.Group("web")
	if g != nil || err != nil {
		t.Fatalf("got %v, %v", g, err)
	}
	if got := pids(t, g); len(got) != 0 {
		t.Errorf("processes: %v", got)
	}
	kill(t, g)
	for _, err := range []error{g.Add(1), g.Remove(), tree.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
	r := newReaper(t)
	p := start(t, r, g, "exit 0")
	waitFor(t, p)
}

// Linux 6.18 was seen to kill at once what is cloned into a group in which
// cgroup.kill was used before.
func TestAProgramCanBeStartedInAGroupThatWasKilled(t *testing.T) {
	each(t, func(t *testing.T, proc string) {
		tree, err := cgroup.Open(cgroup.Options{Proc: proc})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := tree.Close(); err != nil {
				t.Error(err)
			}
		}()
		r, err := reap.New(reap.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for range 3 {
			group, err := tree.Group("again")
			if err != nil {
				t.Fatal(err)
			}
			p, err := r.Start(reap.Spec{Args: []string{"/bin/sh", "-c", "exit 7"}, Cgroup: group})
			if err != nil {
				t.Fatal(err)
			}
			exit, err := p.Wait(t.Context())
			if err != nil || exit.Code != 7 {
				t.Fatalf("it ended with %v, %v", exit, err)
			}
			if err := group.KillNow(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
