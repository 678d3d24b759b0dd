package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// running is a seance run under way.
type running struct {
	b        *box
	cmd      *exec.Cmd
	out, err *screen
}

// screen collects what a command says while it runs.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// run begins a seance run.
func (b *box) run(args ...string) *running {
	b.t.Helper()
	r := &running{b, b.command(append([]string{"run"}, args...)...), &screen{}, &screen{}}
	b.t.Cleanup(func() {
		if b.t.Failed() {
			b.t.Logf("it printed:\n%s%s", r.out, r.err)
		}
	})
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.err
	if r.cmd.SysProcAttr == nil {
		r.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	r.cmd.SysProcAttr.Setsid = true // whoever tests may have a terminal, and SIGHUP is another thing then
	if err := r.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	return r
}

// says waits until a line of the output matches.
func (r *running) says(pattern string) {
	r.b.t.Helper()
	expr := regexp.MustCompile("(?m)" + pattern)
	for deadline := time.Now().Add(time.Minute); !expr.MatchString(r.out.String()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.b.t.Fatalf("no line says %q:\n%s%s", pattern, r.out, r.err)
		}
	}
}

func (r *running) signal(sig syscall.Signal) {
	r.b.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.b.t.Fatal(err)
	}
}

// ends waits for the end, and checks the exit status.
func (r *running) ends(status int) {
	r.b.t.Helper()
	done := make(chan struct{})
	go func() { _ = r.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		r.b.t.Fatalf("it does not end:\n%s%s", r.out, r.err)
	}
	if got := r.cmd.ProcessState.ExitCode(); got != status {
		r.b.t.Errorf("exit status %d, want %d\n%s%s", got, status, r.out, r.err)
	}
}

// order checks that lines that match come one after the other.
func (r *running) order(patterns ...string) {
	r.b.t.Helper()
	rest := r.out.String()
	for _, p := range patterns {
		at := regexp.MustCompile("(?m)" + p).FindStringIndex(rest)
		if at == nil {
			r.b.t.Errorf("no line says %q, or not in the order of %q:\n%s", p, patterns, r.out)
			return
		}
		rest = rest[at[1]:]
	}
}

// swept checks that nothing is left of an image but its logs.
func (b *box) swept(name string, before machine) {
	b.t.Helper()
	b.alone(before)
	left, _ := os.ReadDir(filepath.Join(b.home, "live", name))
	for _, e := range left {
		if e.Name() != "log" && e.Name() != "lock" {
			b.t.Errorf("left behind in the image's folder: %s", e.Name())
		}
	}
}

const ordered = `services:
  db:  {command: "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done", category: system, ready: {log: up}}
  web: {command: "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done", ready: {log: up}}
`

func TestRunShutsDownInReverseOrder(t *testing.T) {
	for name, sig := range map[string]syscall.Signal{"Ctrl-C": syscall.SIGINT, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			before := look(t, b)
			r := b.run("-f", b.manifest("shop", ordered))
			r.says(`^web +\| \[ready`)
			if img := b.image("shop"); img.PID != r.cmd.Process.Pid || img.State != "running" || img.Freezer != "respawn" {
				t.Errorf("it shows as %+v", img)
			}
			r.signal(sig)
			r.ends(0)
			r.order(`^db  \| \[ready`, `^web \| up$`, `^web \| bye$`, `^web \| \[stopped`, `^db  \| bye$`, `^db  \| \[stopped`)
			if !strings.Contains(b.must("logs", "-i", "shop", "web"), "bye") {
				t.Error("the log is not kept")
			}
			b.swept("shop", before)
		})
	}
}

func TestRunAnswersOtherCommands(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	manifest := b.manifest("shop", ordered)
	r := b.run("-f", manifest)
	r.says(`^web +\| \[ready`)
	for _, asked := range [][]string{
		{"ps"}, {"tree"}, {"list"}, {"logs"}, {"logs", "-n", "1", "web"}, {"events"}, {"wait", "web", "--ready"}, {"restart", "web", "--wait"},
		{"stop", "web", "--wait"}, {"start", "web", "--wait"}, {"handler", "add", "h", "--shutdown", "echo hook"},
	} {
		b.must(append(asked, "-i", "shop")...)
	}
	b.refused(1, []string{`cannot save image "shop"`, "seance up"}, "snapshot", "-i", "shop")
	// The name is taken, for whoever comes in whatever way.
	b.refused(1, []string{`"shop"`, "live already"}, "up", "-f", manifest, "--freezer", "respawn")
	b.refused(1, []string{`"shop"`, "live already"}, "run", "-f", manifest)
	if err := os.WriteFile(manifest, []byte("name: shop\n"+ordered+"  more: {command: [sleep, \"1000\"]}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.must("reload", "-i", "shop", "-f", manifest)
	r.says(`^more +\| \[running`)
	follow := b.command("logs", "-f", "-i", "shop")
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	b.must("quit", "-i", "shop")
	r.ends(0)
	r.says(`^h +\| hook`)
	if err := follow.Wait(); err != nil {
		t.Errorf("logs -f does not end with the image: %v", err)
	}
	b.swept("shop", before)
	// And it is free again.
	again := b.run("-f", manifest)
	again.says(`^more +\| \[running`)
	again.signal(syscall.SIGTERM)
	again.ends(0)
	b.must("up", "-f", manifest, "--freezer", "respawn")
	b.refused(1, []string{`"shop"`, "live already", "--name"}, "run", "-f", manifest)
	other := b.manifest("other", "services: {one: {command: [\"true\"]}}\n")
	b.refused(1, []string{"live already, from " + manifest}, "run", "-f", other, "--name", "shop")
	b.must("quit", "-i", "shop")
}

// A shell that executes seance leaves it the children it has, such as the tee of
// `exec > >(tee log)`, which is to have all that is written.
func TestRunSparesWhatItInherits(t *testing.T) {
	b := newBox(t)
	gate, open, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := b.command("run", "-f", b.manifest("tee", `services: {one: {command: "setsid sleep 1234.5 & exit 3", restart: no}}`))
	cmd.Args = append([]string{"sh", "-c", `{ read line <&3; echo "$line" >&4; } & exec "$@"`, "sh"}, cmd.Args...)
	cmd.Args[4] = cmd.Path
	cmd.Path = "/bin/sh"
	cmd.ExtraFiles = []*os.File{gate, in}
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("%v, want exit status 3", err)
	}
	in.Close()
	fmt.Fprintln(open, "still here")
	open.Close()
	if said, err := io.ReadAll(out); err != nil || string(said) != "still here\n" {
		t.Errorf("what was inherited said %q (%v)", said, err)
	}
}

func TestASecondInterruptKillsAtOnce(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	r := b.run("-f", b.manifest("deaf", `services:
  deaf: {command: "trap '' TERM INT; setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & echo up; while :; do sleep 0.02; done", ready: {log: up}, shutdown: {grace: 1h}}
hooks:
  slow: {shutdown: "sleep 3600", timeout: 2h}
`))
	r.says(`\[ready`)
	r.signal(syscall.SIGINT)
	b.until("it shuts down", func() bool { return strings.Contains(r.err.String(), "shutting down") })
	time.Sleep(signalEcho)
	r.signal(syscall.SIGINT)
	r.ends(130)
	b.swept("deaf", before)
}

// signalEcho is how soon after a signal another one is taken for the same, as
// docs/cli.md says.
const signalEcho = 250 * time.Millisecond

// timeout(1) and shells send a signal to a process, and at once to its group.
func TestTwoSignalsAtOnceAreOne(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	r := b.run("-f", b.manifest("tidy", `services:
  tidy: {command: "trap 'echo clears up; sleep 0.5; echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done", ready: {log: up}}
`))
	r.says(`\[ready`)
	r.signal(syscall.SIGTERM)
	r.signal(syscall.SIGINT) // another one: the kernel makes one of two that are the same and wait
	r.ends(0)
	r.order(`^tidy \| clears up$`, `^tidy \| bye$`, `^tidy \| \[stopped`)
	b.swept("tidy", before)
}

func TestAnInterruptCallsTheStartUpOff(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	r := b.run("-f", b.manifest("slow", `services:
  db:  {command: "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done", category: system, ready: {log: up}}
  web: {command: "echo waits; sleep 1000", ready: {log: never, timeout: 1h}}
`))
	r.says(`^web \| waits`)
	r.signal(syscall.SIGINT)
	r.ends(0)
	r.says(`^db  \| bye`)
	b.swept("slow", before)
}

func TestRunEndsAsItsServicesDo(t *testing.T) {
	for _, tt := range []struct {
		name, services string
		args           []string
		status         int
	}{
		{"all well", `{one: {command: "exit 0"}, two: {command: "sleep 0.1"}}`, nil, 0},
		{"one fails", `{one: {command: "exit 0"}, two: {command: "sleep 0.1; exit 7", restart: "no"}}`, nil, 7},
		{"the first failure counts", `{one: {command: "exit 3", restart: "no"}, two: {command: "sleep 0.3; exit 7", restart: "no"}}`, nil, 3},
		{"a signal", `{one: {command: "kill -KILL $$", restart: "no"}}`, nil, 137},
		{"one that is not there", `{one: {command: [/no/such/program], restart: "no"}}`, nil, 1},
		{"end on failure", `{one: {command: "sleep 1000"}, two: {command: "sleep 0.1; exit 7", restart: "no"}}`, []string{"--exit-on-failure"}, 7},
		{"end with one", `{one: {command: "sleep 1000"}, two: {command: "sleep 0.1; exit 0"}}`, []string{"--exit-with", "two"}, 0},
		{"a one-shot fails", `{one: {command: "exit 9", ready: {exit: true}}}`, nil, 9},
		{"a one-shot that is to be repeated", `{one: {command: "echo x >>tries; [ $(wc -l <tries) -ge 3 ] || exit 9", ready: {exit: true}, restart: {policy: on-failure, delay: 10ms}}}`, nil, 0},
		{"a first start that is not the last", `{one: {command: "echo x >>tries; [ $(wc -l <tries) -ge 3 ] || exit 9; echo up", ready: {log: up}, restart: {delay: 10ms}}}`, []string{"--exit-on-failure"}, 0},
		{"first starts up to the limit", `{one: {command: "exit 9", ready: {log: up}, restart: {delay: 10ms, limit: 2}}, two: {command: "sleep 1000"}}`, []string{"--exit-on-failure"}, 9},
		{"only some", `{one: {command: "exit 5", restart: "no"}, two: {command: "sleep 0.1"}}`, []string{"two"}, 0},
		{"no such service", `{one: {command: "exit 0"}}`, []string{"none"}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBox(t)
			r := b.run(append([]string{"-f", b.manifest("job", "services: "+tt.services+"\n")}, tt.args...)...)
			r.ends(tt.status)
		})
	}
}

func TestRunRollsBack(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	r := b.run("-f", b.manifest("roll", `on_failure: roll-back
services:
  db:  {command: "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done", category: system, ready: {log: up}}
  web: {command: "echo oh no; exit 4", ready: {log: never}}
`))
	r.ends(4)
	r.says(`^db  \| bye`)
	if !strings.Contains(r.err.String(), "oh no") || !strings.Contains(r.err.String(), "web") {
		t.Errorf("the report does not tell what failed, and its last words: %s", r.err)
	}
	b.swept("roll", before)
}

// A run that is killed takes its services along. What does not heed the signal
// is ended by the next run of the name.
func TestARunThatIsKilledBlocksNothing(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	manifest := b.manifest("shop", `services:
  good: {command: "trap 'echo bye >> `+b.dir+`/bye; exit 0' TERM; echo up; while :; do sleep 0.02; done", ready: {log: up}}
  deaf: {command: "trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & echo up; while :; do sleep 0.02; done", ready: {log: up}, shutdown: {grace: 300ms}}
`)
	r := b.run("-f", manifest)
	r.says(`^good +\| \[ready`)
	r.says(`^deaf +\| \[ready`)
	r.signal(syscall.SIGKILL)
	r.ends(-1)
	b.until("its service got the signal to end", func() bool {
		_, err := os.Stat(filepath.Join(b.dir, "bye"))
		return err == nil
	})
	again := b.run("-f", manifest)
	again.says(`^deaf +\| \[ready`)
	again.signal(syscall.SIGTERM)
	again.ends(0)
	b.swept("shop", before)
}

func TestACommandAfterARunThatWasKilledSaysSo(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	r := b.run("-f", b.manifest("shop", ordered))
	r.says(`^web +\| \[ready`)
	r.signal(syscall.SIGKILL)
	r.ends(-1)
	if out := b.try("ls"); out.code != 0 || strings.Contains(out.out, "shop") {
		t.Errorf("it is listed still: %+v", out)
	}
	b.must("up", "-f", filepath.Join(b.dir, "shop.yaml"), "--freezer", "respawn")
	b.must("quit", "-i", "shop")
	b.alone(before)
}

// Nobody reads any more, or the reader stands still: the services are none the
// worse for it.
func TestRunWithoutAReader(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	manifest := b.manifest("loud", `services:
  loud: {command: "while :; do echo 0123456789012345678901234567890123456789; done"}
  quiet: {command: "while :; do date +%s%N > `+b.dir+`/quiet; sleep 0.02; done"}
`)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := b.command("run", "-f", manifest)
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	w.Close()
	lines := func() int {
		info, err := os.Stat(filepath.Join(b.home, "live", "loud", "log", "loud.log"))
		if err != nil {
			return 0
		}
		return int(info.Size())
	}
	b.until("far more is written than a pipe holds", func() bool { return lines() > 8<<20 })
	r.Close() // as head(1) does
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 0 {
		t.Errorf("exit status %d, want 0", got)
	}
	b.swept("loud", before)
}

// After the start nothing happens: a thousand services cost no thread and wake
// nobody up.
func TestRunIsQuiet(t *testing.T) {
	b := newBox(t)
	var services strings.Builder
	services.WriteString("services:\n")
	for i := range 200 {
		fmt.Fprintf(&services, "  s%d: {command: [sleep, \"1000\"]}\n", i)
	}
	r := b.run("-f", b.manifest("many", services.String()))
	r.says(`^s199 +\| \[running`)
	b.until("all run", func() bool { return b.image("many").Ready == 200 })
	pid := r.cmd.Process.Pid
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	threads := regexp.MustCompile(`Threads:\s+(\d+)`).FindSubmatch(status)
	if n, _ := strconv.Atoi(string(threads[1])); n > 30 {
		t.Errorf("%d threads for 200 services", n)
	}
	r.signal(syscall.SIGTERM)
	r.ends(0)
}
