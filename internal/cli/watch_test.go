package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/pty"
	"github.com/seancehq/seance/internal/testenv"
	"github.com/seancehq/seance/process"
)

// watched is a command that watches, with --json.
type watched struct {
	t      *testing.T
	cmd    *exec.Cmd
	lines  *bufio.Scanner
	stderr *strings.Builder
	first  process.State
}

// startWatch starts a watch and reads the hierarchy that it begins with.
func startWatch(t *testing.T, cmd *exec.Cmd) *watched {
	t.Helper()
	w := &watched{t: t, cmd: cmd, stderr: &strings.Builder{}}
	cmd.Stderr = w.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A watch that does not see what it should ends the test by ending itself.
	limit := time.AfterFunc(untilLimit, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		limit.Stop()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	w.lines = bufio.NewScanner(out)
	w.lines.Buffer(nil, 16<<20)
	if err := json.Unmarshal(w.next().Hierarchy, &w.first); err != nil {
		t.Fatalf("the first line has no hierarchy: %v", err)
	}
	return w
}

func (w *watched) next() (c api.HierarchyChange) {
	w.t.Helper()
	if !w.lines.Scan() {
		ended := w.cmd.Wait() // its standard error is whole then
		w.t.Fatalf("the watch ended: %v, %v %s", w.lines.Err(), ended, w.stderr)
	}
	if err := json.Unmarshal(w.lines.Bytes(), &c); err != nil {
		w.t.Fatalf("%s: %v", w.lines.Bytes(), err)
	}
	return c
}

// until reads events up to one of a kind about a process.
func (w *watched) until(kind process.EventKind, pid int) process.Event {
	w.t.Helper()
	for {
		var e process.Event
		if err := json.Unmarshal(w.next().Event, &e); err != nil {
			w.t.Fatal(err)
		}
		if e.Kind == process.EventThreadStarted || e.Kind == process.EventThreadEnded {
			w.t.Errorf("%s: nobody asked for threads", e)
		}
		if e.Kind == kind && int(e.PID) == pid {
			return e
		}
	}
}

// end waits for the end of the watch.
func (w *watched) end(status int, stderr string) {
	w.t.Helper()
	for w.lines.Scan() {
	}
	if got := statusOf(w.cmd.Wait()); got != status || w.stderr.String() != stderr {
		w.t.Errorf("the watch ended with status %d, want %d, and said %q, want %q", got, status, w.stderr, stderr)
	}
}

// The life of a process, and each step only once the one before was told.
func TestWatchTheHost(t *testing.T) {
	h := newRealHome(t)
	w := startWatch(t, h.command("tree", "--host", "--watch", "--json", "--interval", "20ms"))
	if _, err := process.Restore(w.first); err != nil {
		t.Error(err)
	}
	sleep := exec.Command("sleep", "1000")
	sleep.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sleep.Process.Kill() })
	pid := sleep.Process.Pid
	if e := w.until(process.EventForked, pid); int(e.To) != os.Getpid() {
		t.Errorf("got %v, want that this program started it", e)
	}
	for _, step := range []struct {
		sig  syscall.Signal
		kind process.EventKind
	}{
		{syscall.SIGSTOP, process.EventStopped},
		{syscall.SIGCONT, process.EventContinued},
		{syscall.SIGKILL, process.EventExited},
	} {
		if err := sleep.Process.Signal(step.sig); err != nil {
			t.Fatal(err)
		}
		e := w.until(step.kind, pid)
		if e.Kind == process.EventExited && e.Status.Signal() != process.SIGKILL {
			t.Errorf("%v: want that it was killed", e)
		}
	}
	_ = sleep.Wait()
	w.until(process.EventEnded, pid)
	w.until(process.EventSessionEnded, pid)
	if err := w.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	w.end(exitInterrupted, "seance: interrupted\n")
}

// watchedImage has a process come and go twenty times a second.
const watchedImage = `
name: busy
services:
  busy: {command: "while sleep 0.05; do :; done"}
  inside: {command: "exec seance tree --watch --interval 20ms"}
`

func TestWatchAnImageUntilItQuits(t *testing.T) {
	for _, freezer := range []string{api.FreezerCRIU, api.FreezerRespawn} {
		t.Run(freezer, func(t *testing.T) {
			if freezer == api.FreezerCRIU {
				testenv.RequireCRIU(t)
			}
			testenv.RequireRoot(t)
			h := newRealHome(t)
			h.must("up", "--freezer", freezer, "-f", h.manifest(watchedImage))
			w := startWatch(t, h.command("tree", "--watch", "--json", "--interval", "20ms"))
			shell := serviceOf(t, h, "busy").PID
			for range 3 {
				for {
					var e process.Event
					if err := json.Unmarshal(w.next().Event, &e); err != nil {
						t.Fatal(err)
					}
					if e.Kind == process.EventForked && int(e.To) == shell {
						break
					}
				}
			}
			// Inside, the same is seen.
			line := fmt.Sprintf("started by %d: s", shell)
			for deadline := time.Now().Add(untilLimit); !strings.Contains(h.must("logs", "inside"), line); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("the watch inside has no line %q:\n%s", line, h.must("logs", "inside"))
				}
			}
			h.must("quit")
			w.end(exitOK, "seance: busy is no longer alive\n")
		})
	}
}

func TestTheMonitorRefusesToLookAllTheTime(t *testing.T) {
	testenv.RequireRoot(t)
	h := newRealHome(t)
	h.must("up", "--freezer", api.FreezerRespawn, "-f", h.manifest(watchedImage))
	client := api.NewClient(api.Home{Dir: h.home}.Live("busy").Socket())
	nothing := func(api.HierarchyChange) error { t.Error("it sent something"); return nil }
	for _, interval := range []time.Duration{time.Millisecond, -time.Second} {
		var refused *api.Error
		if err := client.WatchHierarchy(t.Context(), interval, nothing); !errors.As(err, &refused) || refused.Code != api.CodeBad {
			t.Errorf("%s: got %v, want a refusal", interval, err)
		}
	}
}

func serviceOf(t *testing.T, h realHome, name string) api.Service {
	t.Helper()
	var all []api.Service
	if err := json.Unmarshal([]byte(h.must("ps", "--json")), &all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no service %q in %v", name, all)
	return api.Service{}
}

func TestWatchLosesItsMonitor(t *testing.T) {
	testenv.RequireRoot(t)
	h := newRealHome(t)
	h.must("up", "--freezer", api.FreezerRespawn, "-f", h.manifest(watchedImage))
	w := startWatch(t, h.command("tree", "--watch", "--json"))
	var images []api.Image
	if err := json.Unmarshal([]byte(h.must("ls", "--json")), &images); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(images[0].MonitorPID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.end(exitFailed, `seance: lost the monitor of image "busy": unexpected EOF; try again: the next command starts a new one`+"\n")
	h.must("quit") // with the next monitor
}

// changes is a stream of a hierarchy and some events.
func changes(t *testing.T, events ...process.Event) []any {
	t.Helper()
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.Local)
	state, err := json.Marshal(process.NewTable().State())
	if err != nil {
		t.Fatal(err)
	}
	all := []any{api.HierarchyChange{Time: at, Hierarchy: state}}
	for _, e := range events {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, api.HierarchyChange{Time: at, Event: raw})
	}
	return all
}

func TestWatchPrintsALineForEachEvent(t *testing.T) {
	p := newPlace(t)
	events := changes(t,
		process.Event{Kind: process.EventForked, PID: 7, To: 1, Name: "sh"},
		process.Event{Kind: process.EventThreadStarted, PID: 7, To: 8},
		process.Event{Kind: process.EventOrphaned, PID: 7})
	asked := make(chan string, 3)
	p.serve("shop", with(shop("shop"), "GET /v1/hierarchy/events", func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.RawQuery
		answer(events...)(w, r)
	}))
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.Local).Format(logTime)
	const gone = "seance: shop is no longer alive\n"
	p.run("tree", "-w").want(t, exitOK, at+"  process 7 started by 1: sh\n"+at+"  group 7 is orphaned\n", gone)
	p.run("tree", "--watch", "--threads", "-q", "--interval", "2s").want(t, exitOK,
		at+"  process 7 started by 1: sh\n"+at+"  process 7: thread 8 started\n"+at+"  group 7 is orphaned\n", "")
	for _, want := range []string{"interval=250ms", "interval=2s"} {
		if got := <-asked; got != want {
			t.Errorf("asked for %q, want %q", got, want)
		}
	}
	got := p.run("tree", "-w", "--json")
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], `"hierarchy":{"version":`) ||
		!strings.Contains(lines[1], `"event":{"kind":"forked","pid":7,"to":1,"name":"sh"}`) ||
		!strings.Contains(lines[2], `"event":{"kind":"orphaned","pid":7}`) {
		t.Errorf("got %q", lines)
	}
}

// On a terminal the tree comes first, times are short, and there are colours unless
// they are not wanted.
func TestWatchOnATerminal(t *testing.T) {
	p := newPlace(t)
	p.serve("shop", with(shop("shop"), "GET /v1/hierarchy/events", answer(changes(t,
		process.Event{Kind: process.EventForked, PID: 7, To: 1, Name: "sh"},
		process.Event{Kind: process.EventStopped, PID: 7},
		process.Event{Kind: process.EventReparented, PID: 7, From: 2, To: 1})...)))
	const (
		tree = "PID PPID PGID SID TTY STAT COMMAND\n" +
			"\x1b[1m                1 ?        session 1\x1b[0m\n" +
			"\x1b[1m            1   1 ?          group 1\x1b[0m\n" +
			"  1    0    1   1 ?   Rs       process\n"
		events = "\x1b[2m03:02:01.000\x1b[0m  \x1b[32mprocess 7 started by 1: sh\x1b[0m\n" +
			"\x1b[2m03:02:01.000\x1b[0m  \x1b[33mprocess 7 stopped\x1b[0m\n" +
			"\x1b[2m03:02:01.000\x1b[0m  process 7: parent 1, was 2\n"
	)
	plain := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(tree+events, "")
	if got := p.runOnTerminal("tree", "--watch"); got != tree+events {
		t.Errorf("got\n%q, want\n%q", got, tree+events)
	}
	p.env["NO_COLOR"] = "1"
	if got := p.runOnTerminal("tree", "--watch"); got != plain {
		t.Errorf("without colours, got\n%q, want\n%q", got, plain)
	}
}

// runOnTerminal runs a command whose standard output is a terminal, and returns what
// is written there.
func (p *place) runOnTerminal(args ...string) string {
	p.t.Helper()
	master, terminal, err := pty.Open("/dev", pty.DefaultSize)
	if err != nil {
		p.t.Fatal(err)
	}
	defer master.Close()
	written := make(chan string)
	go func() {
		out, _ := io.ReadAll(master.Master()) // ends with EIO once the terminal is closed
		written <- strings.ReplaceAll(string(out), "\r\n", "\n")
	}()
	Main(p.t.Context(), Invocation{Args: args, Stdin: strings.NewReader(""), Stdout: terminal, Stderr: io.Discard,
		Env: func(name string) string { return p.env[name] }})
	terminal.Close()
	return <-written
}

func TestWatchEndsWithWhatWentWrong(t *testing.T) {
	p := newPlace(t)
	failed := append(changes(t), api.HierarchyChange{Error: &api.Error{Code: api.CodeCannot, Message: "cannot see the processes"}})
	p.serve("shop", with(shop("shop"), "GET /v1/hierarchy/events", answer(failed...)))
	p.run("tree", "-w").want(t, exitFailed, "", "seance: cannot see the processes\n")
}

func TestWatchInterrupted(t *testing.T) {
	p := newPlace(t)
	ctx, cancel := context.WithCancel(t.Context())
	first := changes(t)
	p.serve("shop", with(shop("shop"), "GET /v1/hierarchy/events", func(w http.ResponseWriter, r *http.Request) {
		answer(first...)(w, r)
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
	}))
	p.runContext(ctx, "tree", "-w").want(t, exitInterrupted, "", "seance: interrupted\n")
}

func TestWrongUseOfTree(t *testing.T) {
	for args, stderr := range map[string]string{
		"tree --host -i shop":           "--host is about no image: leave --image out",
		"tree --interval 1s":            "--interval says how often --watch looks: give both",
		"tree -w --interval 9ms":        "--interval is 9ms: it must be 10ms or more",
		"tree -w --host --interval -1s": "--interval is -1s: it must be 10ms or more",
	} {
		newPlace(t).run(strings.Fields(args)...).want(t, exitUsage, "", "seance: "+stderr+"; see: seance tree --help\n")
	}
}
