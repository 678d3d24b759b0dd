package supervise_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/cgroup"
	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/internal/testenv"
	"github.com/seancehq/seance/manifest"
)

// tree is a place for control groups in a hierarchy that is mounted for the
// test. What is left in it at the end is a failure.
func tree(t *testing.T, fstype, options string) *cgroup.Tree {
	t.Helper()
	testenv.RequireRoot(t)
	mount := t.TempDir()
	if err := unix.Mount("cgroup", mount, fstype, 0, options); err != nil {
		testenv.Missing(t, "this kernel does not mount "+fstype+" "+options+": "+err.Error())
	}
	t.Cleanup(func() {
		if err := unix.Unmount(mount, 0); err != nil {
			t.Error(err)
		}
	})
	dir, err := os.MkdirTemp(mount, "seance-test-")
	if err != nil {
		t.Fatal(err)
	}
	groups, err := cgroup.At(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := groups.Close(); err != nil {
			t.Error(err)
		}
	})
	return groups
}

// trackings are the ways in which a process is known.
var trackings = []struct {
	name            string
	fstype, options string // of cgroups; "": there are none
	marks           bool
}{
	{"cgroups of version 2", "cgroup2", "", false},
	{"cgroups of version 1, freezer", "cgroup", "freezer", false},
	{"cgroups of version 1, pids", "cgroup", "pids", false},
	{"marks", "", "", true},
	{"neither", "", "", false},
}

// escapes are services that leave a daemon behind which ignores SIGTERM, was
// forked twice, leads a Unix session of its own and has lost its parent.
var escapes = []struct {
	actor string
	bare  bool // its environment is empty
}{
	{"daemon", false},
	{"quick daemon", false},
	{"bare daemon", true},
	{"quick bare daemon", true},
}

func TestNothingThatEscapesIsLeft(t *testing.T) {
	for _, how := range trackings {
		for _, who := range escapes {
			t.Run(how.name+"/"+who.actor, func(t *testing.T) {
				var groups *cgroup.Tree
				if how.fstype != "" {
					groups = tree(t, how.fstype, how.options)
				}
				pidfile := filepath.Join(t.TempDir(), "pid")
				s := actorService("db", who.actor, "SUPERVISE_TEST_PIDFILE", pidfile)
				s.Restart.Policy = manifest.RestartNo
				s.Shutdown.Grace = 100 * time.Millisecond
				g := newRigIn(t, groups, services(s))
				if !how.marks {
					g.Unmark()
				}
				_, daemon := startDaemonIn(t, g, pidfile)
				g.stop("db")
				if who.bare && how.name == "neither" {
					// Nothing tells whose it is: it ends with the image.
					if err := g.StopAll(limit(t)); err != nil {
						t.Error(err)
					}
				}
				if !gone(daemon) {
					t.Error("the daemon lives")
				}
			})
		}
	}
}

// A program that forks as fast as it can is killed at once with its group.
func TestAForkBombEndsWithItsService(t *testing.T) {
	for _, how := range trackings {
		t.Run(how.name, func(t *testing.T) {
			var groups *cgroup.Tree
			if how.fstype != "" {
				groups = tree(t, how.fstype, how.options)
			}
			// Never more than a few at a time: each starts the next and ends.
			s := service("bomb", `trap '' TERM; echo lit; f() { trap '' TERM; sleep 0.002; (f &) ; }; for i in 1 2 3 4; do (f &); done; sleep 1000`)
			s.Ready = &manifest.Ready{Log: "lit", Timeout: patient}
			s.Shutdown.Grace = 20 * time.Millisecond
			g := newRigIn(t, groups, services(s))
			if !how.marks {
				g.Unmark()
			}
			g.start("bomb")
			g.stop("bomb")
			if strays, err := g.reaper.Strays(); err != nil || len(strays) > 0 {
				t.Errorf("left behind: %v, error %v", strays, err)
			}
		})
	}
}

// What has left the Unix session of a detached service lives on, and is named.
func TestWhatADetachedServiceLeavesBehind(t *testing.T) {
	for _, how := range trackings {
		t.Run(how.name, func(t *testing.T) {
			var groups *cgroup.Tree
			if how.fstype != "" {
				groups = tree(t, how.fstype, how.options)
			}
			pidfile := filepath.Join(t.TempDir(), "pid")
			s := actorService("db", "daemon", "SUPERVISE_TEST_PIDFILE", pidfile)
			s.Detached = true
			g := newRigIn(t, groups, services(s))
			if !how.marks {
				g.Unmark()
			}
			_, daemon := startDaemonIn(t, g, pidfile)
			main := g.status("db").PID
			changes, err := g.Change(limit(t), supervise.ActionStop, []string{"db"}, true)
			if err != nil || len(changes) != 1 || changes[0].Err != nil || changes[0].State != supervise.Stopped {
				t.Fatalf("%+v, error %v", changes, err)
			}
			if len(changes[0].Survivors) != 1 || !gone(main) || gone(daemon) {
				t.Errorf("survivors are %q; main is gone: %v, daemon: %v", changes[0].Survivors, gone(main), gone(daemon))
			}
			if err := g.StopAll(limit(t)); err != nil || gone(daemon) {
				t.Errorf("at last: error %v, daemon gone: %v", err, gone(daemon))
			}
			named, err := g.Survivors()
			if err != nil || !slices.Equal(named["db"], changes[0].Survivors) {
				t.Errorf("named are %q, error %v, want %q", named, err, changes[0].Survivors)
			}
			orphans := g.reaper.Orphans()
			if err := unix.Kill(daemon, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is reaped", func() bool { return g.reaper.Orphans() > orphans })
		})
	}
}

// Whoever restores an image puts its processes into his own group.
func TestGroupsAreMadeAnew(t *testing.T) {
	from, to := tree(t, "cgroup2", ""), tree(t, "cgroup2", "")
	pidfile := filepath.Join(t.TempDir(), "pid")
	g := newRigIn(t, from, services(actorService("db", "bare daemon", "SUPERVISE_TEST_PIDFILE", pidfile)))
	g.Unmark()
	_, daemon := startDaemonIn(t, g, pidfile)
	main := g.status("db").PID
	if err := g.Regroup(to); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{main, daemon} {
		if in, err := to.Of(pid); in != "service-db" || err != nil {
			t.Errorf("process %d is in %q, error %v", pid, in, err)
		}
	}
	if err := from.Close(); err != nil {
		t.Error(err)
	}
	g.Close()
}
