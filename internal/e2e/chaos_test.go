package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
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

// TestChaos does to an image of fifty services of all kinds whatever can be
// done to it, at random and at the same time, for $SEANCE_CHAOS (default: half
// a minute): kills of programs and of the monitor, stops, starts, restarts,
// reloads and saves. Then all must be as if nothing had happened: every service
// can be had running again, every line that was written is in the logs once,
// and init and monitor hold no more than before. After the quit nothing is left.
//
// What it did is decided by $SEANCE_CHAOS_SEED, which is printed.
func TestChaos(t *testing.T) {
	testenv.RequireCRIU(t)
	if !testenv.Alone(t) {
		return
	}
	c := newChaos(t)
	before := look(t, c.box)
	alone := processes()
	const notAllReady = 5 // the crashers may have crashed by then
	if r := c.try("up", "-f", c.write(0)); r.code != 0 && r.code != notAllReady {
		t.Fatalf("up: exit status %d\n%s", r.code, r.err)
	}
	c.allReady()
	holds := c.holds()

	c.rage()

	if r := c.try("reload", "-f", c.write(0)); r.code != 0 && r.code != notAllReady {
		t.Fatalf("reload: exit status %d\n%s", r.code, r.err)
	}
	c.must(append([]string{"start", "--wait", "--timeout", "1m"}, kinds...)...)
	c.allReady()
	c.sameHolds(holds)
	c.must("quit")
	c.logsAreWhole()
	c.alone(before)
	c.until("no process is left", func() bool { return len(processes()) <= len(alone) })
}

type chaos struct {
	*box
	random  *rand.Rand
	limit   time.Duration
	written int // manifests
}

func newChaos(t *testing.T) *chaos {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SEANCE_CHAOS_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	limit := 30 * time.Second
	if s := os.Getenv("SEANCE_CHAOS"); s != "" {
		var err error
		if limit, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SEANCE_CHAOS_SEED=%d, for %v", seed, limit)
	return &chaos{box: newBox(t), random: rand.New(rand.NewPCG(seed, 0)), limit: limit}
}

// kinds are the services of the manifest that can be had ready.
var kinds = []string{"worker", "shell", "server", "notifier", "first", "prober", "daemon", "stubborn", "binary", "once"}

// tick is a program that writes numbered lines.
const tick = `i=0; while sleep 0.3; do i=$((i+1)); echo "tick $SEANCE_INSTANCE $i"; done`

// write writes the manifest: the same with variant 0, a little different with
// others.
func (c *chaos) write(variant int) string {
	c.t.Helper()
	var m strings.Builder
	fmt.Fprintf(&m, "name: chaos\nservices:\n")
	service := func(name, rest string) {
		fmt.Fprintf(&m, "  %s: {%s, restart: {policy: always, delay: 50ms}}\n", name, rest)
	}
	service("worker", fmt.Sprintf("command: %q, replicas: %d, env: {VARIANT: \"%d\"}", tick, 20+variant%3, variant/3%2))
	service("shell", fmt.Sprintf("command: %q, terminal: true, replicas: 8", tick))
	service("server", fmt.Sprintf("command: [%s/web, --listen, '127.0.0.1:0'], replicas: 4, category: network", programs))
	service("notifier", fmt.Sprintf("command: [%s/notifier], replicas: 4, ready: {notify: true, timeout: 20s}, needs: [first]", programs))
	service("first", `command: "sleep 0.1; echo up; exec sleep infinity", ready: {log: up}`)
	service("prober", `command: "exec sleep infinity", probe: {command: [test, -d, /], interval: 200ms}, replicas: 3`)
	// A daemon that has left its parent and its session and does not heed SIGTERM.
	service("daemon", `command: "(setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &); exec sleep infinity", shutdown: {grace: 200ms}, replicas: 3`)
	service("stubborn", `command: "trap '' TERM; while :; do sleep 0.5; done", shutdown: {grace: 100ms}, replicas: 2`)
	service("crasher", `command: "sleep 0.2; exit 3", replicas: 2`)
	service("binary", `command: "while sleep 0.3; do head -c 3000 /dev/urandom; done", log: {format: json}`)
	fmt.Fprintf(&m, "  once: {command: 'true', ready: {exit: true}, restart: no, category: system}\n")
	if variant%2 == 1 {
		service("extra", `command: "exec sleep infinity"`)
	}
	fmt.Fprintf(&m, "hooks:\n  warm: {startup: 'true', shutdown: 'true'}\n")
	c.written++
	path := filepath.Join(c.dir, fmt.Sprintf("chaos-%d.yaml", c.written)) // another may be read at this moment
	if err := os.WriteFile(path, []byte(m.String()), 0o644); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// services are names that can be given to a command.
func (c *chaos) services() []string {
	return []string{"worker", "worker-1", "worker-7", "shell-2", "server", "server-3", "notifier", "first", "prober-1", "daemon", "daemon-2",
		"stubborn", "stubborn-1", "crasher", "binary", "once"}
}

// rage does one thing after the other, some of them at the same time, until
// the time is over.
func (c *chaos) rage() {
	const atOnce = 3
	slots := make(chan struct{}, atOnce)
	for end := time.Now().Add(c.limit); time.Now().Before(end); {
		what, do := c.something()
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			began := time.Now()
			do()
			c.t.Logf("%s took %v", what, time.Since(began).Round(time.Millisecond))
		}()
	}
	for range atOnce {
		slots <- struct{}{}
	}
}

// something chooses what to do next, on the caller's goroutine.
func (c *chaos) something() (what string, do func()) {
	names := c.some(c.services())
	switch n := c.random.IntN(100); {
	case n < 25:
		pid := c.anyProcess()
		return fmt.Sprintf("kill -9 %d", pid), func() { _ = syscall.Kill(pid, syscall.SIGKILL) }
	case n < 40:
		return c.run(append([]string{"stop", "--wait"}, names...)...)
	case n < 55:
		return c.run(append([]string{"start", "--wait", "--timeout", "1m"}, names...)...)
	case n < 75:
		return c.run(append([]string{"restart"}, names...)...)
	case n < 85:
		return c.run("reload", "-f", c.write(c.random.IntN(6)))
	case n < 93:
		return c.run("snapshot", fmt.Sprintf("chaos:%d", c.random.IntN(3)))
	case n < 96:
		pid := c.image("chaos").MonitorPID
		return fmt.Sprintf("kill -9 monitor %d", pid), func() { _ = syscall.Kill(pid, syscall.SIGKILL) }
	case n < 98:
		return c.run("ps", "--json")
	}
	return c.run("logs", "-n", "100", "worker")
}

// run is a command. That it is refused, because of what else happens, is no
// fault; that it is not understood is.
func (c *chaos) run(args ...string) (string, func()) {
	line := "seance " + strings.Join(args, " ")
	return line, func() {
		r := c.try(args...)
		if r.code == 2 || strings.Contains(r.err, "panic") {
			c.t.Errorf("%s: exit status %d\n%s", line, r.code, r.err)
		}
		if r.code != 0 {
			c.t.Logf("%s: exit status %d: %s", line, r.code, strings.TrimSpace(r.err))
		}
	}
}

func (c *chaos) some(all []string) []string {
	n := 1 + c.random.IntN(3)
	c.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:n]
}

// anyProcess is one of the image's, but never its init.
func (c *chaos) anyProcess() int {
	below := below(c.image("chaos").PID)
	if len(below) == 0 {
		return 1 << 30 // nobody
	}
	return below[c.random.IntN(len(below))]
}

// below are the processes of an image but its init.
func below(init int) []int {
	return slices.DeleteFunc(processes(), func(pid int) bool { return pid == init || !inNamespaceOf(pid, init) })
}

func inNamespaceOf(pid, other int) bool {
	a, errA := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	b, errB := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", other))
	return errA == nil && errB == nil && a == b
}

// processes are all that can be seen and have not ended.
func processes() []int {
	var all []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(dir))
		all = append(all, pid)
	}
	return all
}

// allReady waits until every service that can be is ready.
func (c *chaos) allReady() {
	c.t.Helper()
	var not []api.Service
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		not = slices.DeleteFunc(c.ps(), func(s api.Service) bool { return s.Ready || s.Of == "crasher" })
		if len(not) == 0 {
			return
		}
	}
	c.t.Fatalf("not ready after a minute: %+v\n%s", not, c.must("events"))
}

func (c *chaos) ps() []api.Service {
	c.t.Helper()
	var all []api.Service
	if err := json.Unmarshal([]byte(c.must("ps", "--json")), &all); err != nil {
		c.t.Fatal(err)
	}
	return all
}

// held is what a process holds: descriptors by what they are, and threads.
type held map[string]int

func (c *chaos) holds() map[string]held {
	img := c.image("chaos")
	return map[string]held{"init": holdsOf(c.t, img.PID), "monitor": holdsOf(c.t, img.MonitorPID)}
}

func holdsOf(t *testing.T, pid int) held {
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	h := held{}
	for _, fd := range fds {
		target, _ := os.Readlink(fd)
		kind, _, _ := strings.Cut(target, ":") // pipe:[1234]
		if strings.HasSuffix(kind, ".log") {
			kind = "log" // opened by the first line that is written to it
		}
		h[kind]++
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	h["threads"] = len(threads)
	return h
}

// sameHolds waits until init and monitor hold no more than before. A Go program
// keeps the threads it has once needed, and on a busy machine it may at some
// moment have needed one for each service that changed.
func (c *chaos) sameHolds(before map[string]held) {
	c.t.Helper()
	const slack = 4 // a crasher is always about to start
	services := len(c.ps())
	var more []string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		more = nil
		for who, now := range c.holds() {
			for what, n := range now {
				limit := before[who][what] + slack
				switch what {
				case "threads":
					limit = before[who][what] + services
				case "log":
					limit = services + 1 // and that of the hook
				}
				if n > limit {
					more = append(more, fmt.Sprintf("%s holds %d of %s, before %d", who, n, what, before[who][what]))
				}
			}
		}
		if more == nil {
			return
		}
	}
	c.t.Error(strings.Join(more, "; "))
}

// logsAreWhole checks that each instance's lines are there from the first to
// the last, each once and in order.
func (c *chaos) logsAreWhole() {
	c.t.Helper()
	lines := 0
	last := map[string]int{} // by service and instance
	scanner := bufio.NewScanner(strings.NewReader(c.must("logs", "-i", "chaos", "--json")))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var l api.LogLine
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			c.t.Fatalf("%v: %q", err, scanner.Text())
		}
		rest, ok := strings.CutPrefix(l.Text, "tick ")
		if !ok {
			continue
		}
		lines++
		instance, number, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(number)
		key := l.Service + " " + instance
		// A service that a reload has removed and brought back counts its instances
		// from 1 again.
		if err != nil || n != last[key]+1 && n != 1 {
			c.t.Errorf("%s: after number %d comes %s", key, last[key], scanner.Text())
		}
		if instance != strconv.Itoa(l.Instance) {
			c.t.Errorf("%s: line %q is said to be of instance %d", l.Service, l.Text, l.Instance)
		}
		last[key] = n
	}
	instances := slices.Collect(func(yield func(string) bool) {
		for k := range last {
			if !yield(k) {
				return
			}
		}
	})
	c.t.Logf("%d numbered lines of %d instances", lines, len(instances))
	if lines < 100 {
		c.t.Errorf("only %d numbered lines were written", lines)
	}
}
