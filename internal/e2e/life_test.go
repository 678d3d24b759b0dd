package e2e

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/testenv"
)

// A hook writes the namespaces it lives in to the log.
const showNamespaces = `
hooks:
  spaces:
    startup: |
      for ns in cgroup ipc mnt net pid time user uts; do
        test "$(readlink /proc/self/ns/$ns)" = "$(readlink /proc/1/ns/$ns)" || echo "differs: $ns"
      done
      echo "pid $(readlink /proc/self/ns/pid) mnt $(readlink /proc/self/ns/mnt) ipc $(readlink /proc/self/ns/ipc) uts $(readlink /proc/self/ns/uts)"
`

func TestWhateverStartsLaterLandsInTheImagesNamespaces(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.manifest("spaces", "services:\n  s: {command: [sleep, \"1000\"]}"+showNamespaces))
	b.must("snapshot", "--quit")
	b.must("boot", "spaces") // the restore makes a time namespace as well
	b.must("snapshot")
	lines := strings.Split(strings.TrimSpace(b.must("logs", "spaces")), "\n")
	if len(lines) != 3 {
		t.Fatalf("want a line for each of three start-ups, got:\n%s", strings.Join(lines, "\n"))
	}
	for _, line := range lines {
		if strings.Contains(line, "differs") {
			t.Errorf("a hook is in a namespace that is not init's: %s", line)
		}
		for _, ns := range []string{"pid", "mnt", "ipc", "uts"} {
			host, err := os.Readlink("/proc/self/ns/" + ns)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(line, ns+" "+host) {
				t.Errorf("the image shares the host's %s namespace: %s", ns, line)
			}
		}
	}
}

func TestAChainOfSavesAndBoots(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("chain", 1))
	last := 0
	for link := range 5 {
		b.until("the program goes on", func() bool { return b.counted("chain") > last })
		b.must("snapshot", "--quit", fmt.Sprintf("chain:%d", link))
		last = b.counted("chain")
		b.must("boot", fmt.Sprintf("chain:%d", link))
	}
	b.goesOn("chain")
	lines := strings.Fields(b.must("logs", "holder"))
	for i := 1; i < len(lines); i += 2 {
		if lines[i] != fmt.Sprint((i+1)/2) {
			t.Fatalf("line %d of the log counts %s: a line was lost or came twice", (i+1)/2, lines[i])
		}
	}
}

func TestTwoFuturesOfOneMoment(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("one", 1))
	b.until("it has counted some", func() bool { return b.counted("one") > 2 })
	b.must("snapshot", "one:fork")
	from := b.counted("one")
	b.must("boot", "one:fork", "--as", "two")
	b.must("boot", "one:fork", "--as", "three")
	for _, name := range []string{"one", "two", "three"} {
		b.goesOn(name)
	}
	sessions := map[string]bool{}
	for _, name := range []string{"one", "two", "three"} {
		sessions[b.image(name).Session] = true
	}
	if len(sessions) != 3 {
		t.Errorf("three live images are in %d sessions: a boot installs a new one", len(sessions))
	}
	// A copy goes on from the moment of the save, not from the start.
	for _, name := range []string{"two", "three"} {
		first, err := strconv.Atoi(strings.Fields(b.must("logs", "-i", name, "holder"))[1])
		if err != nil || first < 2 || first > from+1 {
			t.Errorf("saved before %d, copy %s begins with %d (%v)", from, name, first, err)
		}
	}
}

func TestAnUpgradeOfSeanceStrandsNoImage(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("old", 1))
	b.must("snapshot", "--quit")
	// The new version is another binary, and no trace of the old one is left but
	// what the image carries.
	newer := t.TempDir()
	if err := build(newer, "-ldflags=-w", "./../../cmd/seance"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(b.home, "bin")); err != nil {
		t.Fatal(err)
	}
	b.seance = filepath.Join(newer, "seance")
	b.must("boot", "old")
	b.goesOn("old")
	b.must("snapshot", "--quit", "old:again")
	b.must("boot", "old:again")
	b.goesOn("old")
	b.must("quit") // while this version is there
}

// machine is what a quit must leave as it was.
type machine struct {
	mounts, sockets, locks, processes, cgroups []string
}

func look(t *testing.T, b *box) machine {
	t.Helper()
	return machine{
		mounts:    fileLines(t, "/proc/self/mountinfo"),
		sockets:   slices.DeleteFunc(fileLines(t, "/proc/net/unix"), func(l string) bool { return !strings.Contains(l, b.dir) }),
		locks:     locks(t, nil),
		processes: processesOf(b),
		cgroups:   cgroups(b),
	}
}

func fileLines(t *testing.T, path string) []string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(raw)), "\n")
}

// processesOf lists the processes that run in a box: those that have its
// folder in their command line or environment.
func processesOf(b *box) []string {
	var found []string
	pids, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range pids {
		line, _ := os.ReadFile(dir + "/cmdline")
		env, _ := os.ReadFile(dir + "/environ")
		if strings.Contains(string(line), b.dir) || strings.Contains(string(env), b.home) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// cgroups lists those of the images in a box, which have the folder of the image
// in their names, and those of programs that run services by themselves.
func cgroups(b *box) []string {
	var all []string
	dirs, _ := filepath.Glob(filepath.Join(b.home, "live", "*"))
	for _, dir := range dirs {
		name := fmt.Sprintf("*%08x", crc32.ChecksumIEEE([]byte(dir)))
		for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/", "/sys/fs/cgroup/*/*/", "/sys/fs/cgroup/*/*/*/"} {
			found, _ := filepath.Glob(pattern + name)
			all = append(all, found...)
		}
	}
	return all
}

// alone checks that the machine is as it was. A monitor ends just after it has
// told its client that all else has ended.
func (b *box) alone(before machine) {
	b.t.Helper()
	deadline := time.Now().Add(time.Second)
	for len(processesOf(b)) > 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	before.equals(b.t, look(b.t, b))
}

func (m machine) equals(t *testing.T, now machine) {
	t.Helper()
	for _, c := range []struct {
		what        string
		before, now []string
	}{
		{"mounts", m.mounts, now.mounts}, {"unix sockets", m.sockets, now.sockets}, {"network locks", m.locks, now.locks},
		{"processes", m.processes, now.processes}, {"cgroups", m.cgroups, now.cgroups},
	} {
		for _, l := range c.now {
			if !slices.Contains(c.before, l) {
				t.Errorf("left behind, of %s: %s", c.what, l)
			}
		}
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	testenv.RequireCRIU(t)
	for _, freezer := range []string{"criu", "respawn"} {
		t.Run(freezer, func(t *testing.T) {
			b := newBox(t)
			before := look(t, b)
			// Besides a program that behaves, a daemon that has left its parent, its
			// session and its terminal and does not heed SIGTERM.
			manifest := b.manifest("all", fmt.Sprintf(`services:
  holder: {command: [%s/holder, "1"], ready: {log: held 1}}
  daemon: {command: "setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & exec sleep 1000", shutdown: {grace: 300ms}}
  shell: {command: "while sleep 0.1; do echo x; done", terminal: true}
`, programs))
			b.must("up", "-f", manifest, "--freezer", freezer)
			b.must("snapshot", "all:one")
			b.must("snapshot", "--quit", "all:two")
			b.alone(before)
			b.must("boot", "all:two", "--as", "all")
			b.must("quit")
			b.alone(before)

			left, err := os.ReadDir(filepath.Join(b.home, "live", "all"))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range left {
				if name := e.Name(); name != "log" && name != "lock" && name != "monitor.log" {
					t.Errorf("left behind in the image's folder: %s", name)
				}
			}
		})
	}
}

func TestWhatWasStoppedStaysStopped(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.manifest("shop", "services:\n  db: {command: [sleep, \"1000\"]}\n  web: {command: [sleep, \"1000\"]}\n"))
	b.must("stop", "--wait", "web")
	if img := b.image("shop"); img.Ready != 1 || img.Services != 1 {
		t.Errorf("%d of %d services ready, want 1 of 1", img.Ready, img.Services)
	}
	b.must("snapshot", "--quit")
	if out := b.must("boot", "shop"); !strings.Contains(out, "1 of 1 service ready") {
		t.Error(out)
	}
	b.must("start", "--wait", "web")
	if img := b.image("shop"); img.Ready != 2 || img.Services != 2 {
		t.Errorf("%d of %d services ready, want 2 of 2", img.Ready, img.Services)
	}
}

func TestAHookThatFailsAtShutdownIsToldOfOnce(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.manifest("hooked", "services:\n  s: {command: [sleep, \"1000\"]}\nhooks:\n  h: {startup: \"true\", shutdown: \"echo oh no; exit 3\"}\n"))
	failed := func(args ...string) {
		t.Helper()
		if r := b.try(args...); r.code != 5 || !strings.Contains(r.err, "exit status 3") || !strings.Contains(r.err, "oh no") {
			t.Errorf("seance %s: exit status %d, %s; want 5, and the hook's end and last words", strings.Join(args, " "), r.code, r.err)
		}
	}
	failed("snapshot", "--quit")
	b.must("boot", "hooked") // what failed then was told then
	if img := b.image("hooked"); img.Error != "" {
		t.Errorf("the image has booted well, and says: %s", img.Error)
	}
	failed("quit")
}

func TestFollowedLogsEndWithTheImage(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("shop", 1))
	logs := b.command("logs", "-f", "holder")
	var out, stderr bytes.Buffer
	logs.Stdout, logs.Stderr = &out, &stderr
	if err := logs.Start(); err != nil {
		t.Fatal(err)
	}
	b.goesOn("shop")
	b.must("quit")
	if err := logs.Wait(); err != nil || stderr.Len() > 0 {
		t.Errorf("logs -f: %v, %s", err, stderr.String())
	}
	if !strings.Contains(out.String(), "held 1\n") {
		t.Errorf("the lines are missing: %s", out.String())
	}
}
