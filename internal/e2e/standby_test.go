package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/testenv"
)

// bereft is an image that is saved again and again by monitors that are killed.
// No command comes by until all goes on.
type bereft struct {
	*box
	live api.Live
	init int
	file string // grows by a byte a moment
	web  *client
}

// newBereft brings up a program that counts in a file, one that holds memory, one
// that is stopped, and one with a connection to the world outside.
func newBereft(t *testing.T) *bereft {
	b := newBox(t)
	i := &bereft{box: b, live: api.Home{Dir: b.home}.Live("bereft"), file: filepath.Join(b.dir, "count")}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	b.must("up", "-f", b.manifest("bereft", fmt.Sprintf(`services:
  count: {command: "while sleep 0.01; do printf x >>count; done"}
  waiter: {command: [%[1]s/waiter], restart: no}
  holder: {command: [%[1]s/holder, "30"], ready: {log: held 1}}
  stopped: {command: "kill -STOP $$; sleep infinity"}
  web: {command: [%[1]s/web, -listen, %[2]q], ready: {tcp: %[2]q}}
`, programs, address)))
	i.web, i.init = dial(t, address), b.image("bereft").PID
	return i
}

// save asks the monitor for a save, without a command that would look after the
// image, and returns what came of it.
func (i *bereft) save() <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := api.NewClient(i.live.Socket()).Snapshot(context.Background(), api.SnapshotRequest{Save: true}, nil)
		done <- err
	}()
	return done
}

// ask asks for the image at a socket: the monitor's, or init's own inside.
func (i *bereft) ask(socket string) (api.Image, error) {
	ctx, cancel := context.WithTimeout(i.t.Context(), 10*time.Second)
	defer cancel()
	return api.NewClient(socket).Image(ctx)
}

// monitor is the one that the image has, after the next command if need be.
func (i *bereft) monitor() int {
	i.t.Helper()
	i.must("ls")
	img, err := i.ask(i.live.Socket())
	if err != nil {
		i.t.Fatalf("the image has no monitor: %v", err)
	}
	return img.MonitorPID
}

// goesOnByItself checks that all goes on after a monitor was killed.
func (i *bereft) goesOnByItself() {
	i.t.Helper()
	from := sizeOf(i.file)
	i.until("the programs go on", func() bool { return sizeOf(i.file) > from+2 })
	i.until("init goes on", func() bool {
		img, err := i.ask(i.live.Inside())
		return err == nil && img.State == api.StateRunning
	})
	before := i.web.count()
	if now := i.web.count(); now != before+1 {
		i.t.Errorf("the connection counts %d after %d", now, before)
	}
	if s := i.stoppedState(); s != "T" {
		i.t.Errorf("the program that was stopped is in state %q, want T", s)
	}
}

// stoppedState is the state of the program that has stopped itself.
func (i *bereft) stoppedState() string {
	for _, pid := range below(i.init) {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if strings.Contains(string(line), "kill -STOP") {
			_, after, _ := strings.Cut(string(stat), ") ")
			return after[:1]
		}
	}
	return ""
}

// standsStill says whether the image was told to stand still in its control group.
func (i *bereft) standsStill() bool {
	var record struct{ Groups string }
	raw, _ := os.ReadFile(i.live.Record())
	if json.Unmarshal(raw, &record) != nil || record.Groups == "" {
		return false
	}
	told, _ := os.ReadFile(filepath.Join(record.Groups, "cgroup.freeze"))
	return strings.TrimSpace(string(told)) == "1"
}

// cgroupMode takes from a test, and all that it starts, the control groups that
// a mode goes without.
func cgroupMode(t *testing.T, without ...string) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		left, right, _ := strings.Cut(line, " - ")
		point, kind := strings.Fields(left)[4], strings.Fields(right)
		what := kind[0]
		if what == "cgroup" {
			what = kind[2][strings.LastIndex(kind[2], ",")+1:] // its controller
		}
		if kind[0] != "cgroup" && kind[0] != "cgroup2" || !slices.Contains(without, what) {
			continue
		}
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
		options := what
		if what == "cgroup2" {
			options = ""
		}
		t.Cleanup(func() {
			if err := syscall.Mount("cgroup", point, kind[0], 0, options); err != nil {
				t.Error(err)
			}
		})
	}
}

var cgroupModes = []struct {
	name    string
	without []string
}{
	{"cgroups of version 2", nil},
	{"cgroups of version 1", []string{"cgroup2"}},
	{"no cgroups", []string{"cgroup2", "freezer", "pids"}},
}

// killing says when in a save the monitor is killed.
type killing struct {
	name    string
	reached func() bool
}

// killings are at moments that can be told from outside, and at any.
func (i *bereft) killings(took time.Duration) []killing {
	return []killing{
		{name: "all stands still in its group", reached: i.standsStill},
		{name: "CRIU writes the memory", reached: func() bool { return sizeOf(i.live.Dir+"/criu-*/pages-*.img") > 1<<20 }},
		{name: "anywhere", reached: atRandom(took)},
	}
}

// atRandom is a condition that is met some time after it was first asked for, and
// then begins anew.
func atRandom(limit time.Duration) func() bool {
	var at time.Time
	return func() bool {
		if at.IsZero() {
			at = time.Now().Add(rand.N(limit))
		}
		met := time.Now().After(at)
		if met {
			at = time.Time{}
		}
		return met
	}
}

// A monitor that is killed in the middle of a save leaves an image that goes on
// within a moment, though no command comes by.
func TestAnImageWhoseMonitorIsKilledInASaveGoesOnByItself(t *testing.T) {
	testenv.RequireCRIU(t)
	for _, mode := range cgroupModes {
		t.Run(mode.name, func(t *testing.T) {
			cgroupMode(t, mode.without...)
			i := newBereft(t)
			began := time.Now()
			if err := <-i.save(); err != nil {
				t.Fatal(err)
			}
			killings := i.killings(time.Since(began))
			if mode.without != nil { // nothing stands still in a group
				killings = killings[1:]
			}
			for n, at := range killings {
				i.killAt(at)
				if out := i.must("logs", "waiter"); mode.without == nil && n == 0 && strings.Contains(out, "cut short") {
					t.Errorf("a wait was cut short:\n%s", out)
				}
			}
			i.valid()
			i.must("snapshot")
			i.must("quit")
		})
	}
}

// killAt kills the monitor at a moment of some saves.
func (i *bereft) killAt(at killing) {
	i.t.Helper()
	lost := 0
	for round := 0; round < 30 && lost < 5; round++ {
		monitor := i.monitor()
		saved := i.save()
		for !at.reached() && len(saved) == 0 {
		}
		_ = syscall.Kill(monitor, syscall.SIGKILL)
		if err := <-saved; err != nil {
			lost++
		}
		i.goesOnByItself()
	}
	i.t.Logf("when %s: %d saves were lost", at.name, lost)
	if lost == 0 {
		i.t.Errorf("no save was killed when %s", at.name)
	}
}

// standbyOf is the process that stands by for a monitor, 0 when there is none.
func standbyOf(monitor int) int { return childNamed(monitor, `"monitor":`) }

func TestSomebodyStandsByForTheTimeOfASave(t *testing.T) {
	testenv.RequireCRIU(t)
	for _, freezer := range []string{"criu", "respawn"} {
		t.Run(freezer, func(t *testing.T) {
			b := newBox(t)
			b.must("up", "--freezer", freezer, "-f", b.manifest("shop", fmt.Sprintf(`services:
  holder: {command: [%s/holder, "100"], ready: {log: held 1}}
hooks:
  slow: {shutdown: "sleep 0.5"}
`, programs)))
			monitor := b.monitorOf("shop")
			for _, kill := range []bool{true, false} {
				save := b.command("snapshot")
				if err := save.Start(); err != nil {
					t.Fatal(err)
				}
				var standby int
				b.until("somebody stands by", func() bool { standby = standbyOf(monitor); return standby != 0 })
				if kill {
					_ = syscall.Kill(standby, syscall.SIGKILL)
				}
				if err := save.Wait(); err != nil {
					t.Errorf("the save, with its standby killed %v: %v", kill, err)
				}
				b.until("nobody stands by any more", func() bool { return standbyOf(monitor) == 0 })
				b.goesOn("shop")
			}
			b.valid()
			if now := b.monitorOf("shop"); now != monitor {
				t.Errorf("the monitor is process %d, and was %d", now, monitor)
			}
		})
	}
}

func TestAMonitorIsKilledWithItsStandby(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("shop", 100))
	monitor := b.monitorOf("shop")
	save := b.command("snapshot")
	if err := save.Start(); err != nil {
		t.Fatal(err)
	}
	var standby int
	b.until("somebody stands by", func() bool { standby = standbyOf(monitor); return standby != 0 })
	_ = syscall.Kill(standby, syscall.SIGKILL)
	_ = syscall.Kill(monitor, syscall.SIGKILL)
	_ = save.Wait()
	b.goesOn("shop") // the next command comes by
	b.must("snapshot")
	b.valid()
}

// What the monitor would have cleared away its standby does, and leaves word for
// the next command.
func TestInitAndMonitorAreKilledInTheMiddleOfASave(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("shop", 100))
	img := b.image("shop")
	save := b.command("snapshot")
	if err := save.Start(); err != nil {
		t.Fatal(err)
	}
	b.until("somebody stands by", func() bool { return standbyOf(img.MonitorPID) != 0 })
	_ = syscall.Kill(img.MonitorPID, syscall.SIGKILL)
	_ = syscall.Kill(img.PID, syscall.SIGKILL)
	_ = save.Wait()
	b.until("nothing is left without another command", func() bool {
		_, live := b.record("shop")
		return !live && len(processesOf(b)) == 0
	})
	b.until("the next command says so", func() bool {
		said := b.try("ls").err // of who has taken it over before it was gone, the second
		return strings.Contains(said, `image "shop" ended while it had no monitor`) || strings.Contains(said, `image "shop" ended unexpectedly`)
	})
}
