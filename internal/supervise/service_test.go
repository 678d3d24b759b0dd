package supervise_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
)

func TestStartAndStop(t *testing.T) {
	db := service("db", "echo warn >&2; echo up; exec sleep 600")
	db.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	g := newRig(t, services(db))
	g.start("db")
	s := g.status("db")
	if s.State != supervise.Ready || !s.Ready || s.PID == 0 || s.Instance != 1 || s.Restarts != 0 || s.Uptime <= 0 {
		t.Errorf("after the start: %+v", s)
	}
	g.start("db") // does nothing
	if again := g.status("db"); again.PID != s.PID {
		t.Errorf("a second start made process %d of %d", again.PID, s.PID)
	}
	g.stop("db")
	if !gone(s.PID) {
		t.Error("the process is there after the stop")
	}
	if s := g.status("db"); s.State != supervise.Stopped || s.Ready || s.PID != 0 || s.Err != nil {
		t.Errorf("after the stop: %+v", s)
	}
	g.stop("db") // does nothing
	out := g.output("db")
	slices.Sort(out) // the two streams are not in step
	if !slices.Equal(out, []string{"stderr warn", "stdout up"}) {
		t.Errorf("it wrote %q", out)
	}
	if err := g.Start(limit(t), "none"); !errors.Is(err, supervise.ErrNotFound) {
		t.Error(err)
	}
}

func TestProgramIsNotThere(t *testing.T) {
	s := service("db", "")
	s.Command = []string{"redis-serverr"}
	own := strings.Repeat("/far", 30)
	s.Env = map[string]string{"PATH": own}
	g := newRig(t, services(s))
	err := g.Start(limit(t), "db")
	if err == nil || !strings.HasPrefix(err.Error(), `cannot start service "db": program "redis-serverr" is in no folder of PATH (`+own+`); `) {
		t.Error(err)
	}
	if s := g.status("db"); s.State != supervise.Failed || s.Err == nil {
		t.Errorf("%+v", s)
	}
}

func TestMarksAndEnvironment(t *testing.T) {
	s := service("db", `echo "$SEANCE_SERVICE $SEANCE_INSTANCE $WORD $(pwd)"; exec sleep 600`)
	s.Env = map[string]string{"WORD": "hello"}
	s.Workdir = t.TempDir()
	s.Ready = &manifest.Ready{Log: "hello", Timeout: patient}
	g := newRig(t, services(s))
	g.start("db")
	if err := g.Restart(limit(t), "db"); err != nil {
		t.Fatal(err)
	}
	want := []string{"stdout db 1 hello " + s.Workdir, "stdout db 2 hello " + s.Workdir}
	g.stop("db") // a line counts a moment before it is in the log
	if got := g.output("db"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// startDaemon starts a service that leaves an orphan behind, in a session of its
// own, which ignores SIGTERM.
func startDaemon(t *testing.T, part string, grace time.Duration) (g *rig, daemon int) {
	t.Helper()
	pidfile := filepath.Join(t.TempDir(), "pid")
	s := actorService("db", part, "SUPERVISE_TEST_PIDFILE", pidfile)
	s.Shutdown.Grace = grace
	return startDaemonIn(t, newRig(t, services(s)), pidfile)
}

func startDaemonIn(t *testing.T, g *rig, pidfile string) (_ *rig, daemon int) {
	t.Helper()
	g.start("db")
	eventually(t, "the daemon is an orphan", func() bool {
		text, _ := os.ReadFile(pidfile)
		daemon, _ = strconv.Atoi(string(text))
		strays, _ := g.reaper.Strays()
		return slices.Contains(strays, daemon)
	})
	return g, daemon
}

// stubborn tests that such a daemon is gone after the stop.
func stubborn(t *testing.T, part string) {
	t.Helper()
	const grace = 300 * time.Millisecond
	g, daemon := startDaemon(t, part, grace)
	begin := time.Now()
	g.stop("db")
	took := time.Since(begin)
	if !gone(daemon) {
		t.Error("the daemon lives")
	}
	if took < grace || took > grace+5*time.Second {
		t.Errorf("the stop took %v, grace is %v", took, grace)
	}
	if s := g.status("db"); s.State != supervise.Stopped {
		t.Errorf("%+v", s)
	}
}

func TestStopEndsDaemonThatIgnoresIt(t *testing.T) { stubborn(t, "daemon") }

func TestStopEndsDaemonWhoseParentHasEnded(t *testing.T) { stubborn(t, "quick daemon") }

// TestStopEndsWhatLostItsMarkBelowIt is for a process that left its session and
// cleared its environment while its parent, a part of the service, still lives.
func TestStopEndsWhatLostItsMarkBelowIt(t *testing.T) {
	pidfile := filepath.Join(t.TempDir(), "pid")
	s := actorService("db", "bare parent", "SUPERVISE_TEST_PIDFILE", pidfile)
	s.Shutdown.Grace = 300 * time.Millisecond
	g := newRig(t, services(s))
	g.start("db")
	eventually(t, "it runs", func() bool { _, err := os.Stat(pidfile); return err == nil })
	text, err := os.ReadFile(pidfile)
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := strconv.Atoi(string(text))
	g.stop("db")
	if !gone(pid) {
		t.Error("it lives")
	}
}

// TestNobodysProcessIsEndedAtLast is for one that escaped from all tracking.
func TestNobodysProcessIsEndedAtLast(t *testing.T) {
	g, daemon := startDaemon(t, "nobody's daemon", 20*time.Second)
	begin := time.Now()
	g.stop("db")
	if took := time.Since(begin); took > 10*time.Second || gone(daemon) {
		t.Errorf("after %v the daemon is gone: %v; it is thought to be nobody's", took, gone(daemon))
	}
	if err := g.StopAll(limit(t)); err != nil {
		t.Error(err)
	}
	if !gone(daemon) {
		t.Error("the daemon lives")
	}
}

func TestStopReturnsWhenTheLastProcessIsGone(t *testing.T) {
	// The shell ends at once, what it left behind a little later: the stop waits
	// for that, and not for the grace time.
	s := service("db", `(trap 'sleep 0.2; exit' TERM; echo trapped; while :; do sleep 0.01; done) & exec sleep 600`)
	s.Ready = &manifest.Ready{Log: "trapped", Timeout: patient}
	g := newRig(t, services(s))
	g.start("db")
	begin := time.Now()
	g.stop("db")
	if took := time.Since(begin); took < 200*time.Millisecond || took > 5*time.Second {
		t.Errorf("the stop took %v", took)
	}
}

func TestStopOfAStoppedProcess(t *testing.T) {
	s := service("db", `trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.01; done`)
	s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	g := newRig(t, services(s))
	g.start("db")
	if err := syscall.Kill(g.status("db").PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	g.stop("db")
	if took := time.Since(begin); took > 10*time.Second || !contains(g.output("db"), "bye") {
		t.Errorf("the stop took %v, it wrote %q", took, g.output("db"))
	}
}

func TestConfiguredSignal(t *testing.T) {
	s := service("db", `trap 'echo interrupted; exit 3' INT; trap '' TERM; echo up; while :; do sleep 0.01; done`)
	s.Shutdown.Signal = "INT"
	s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	g := newRig(t, services(s))
	g.start("db")
	g.stop("db")
	if out := g.output("db"); !slices.Equal(out, []string{"stdout up", "stdout interrupted"}) {
		t.Errorf("it wrote %q", out)
	}
	if s := g.status("db"); s.Exit != "exit status 3" {
		t.Errorf("%+v", s)
	}
}

func TestTerminal(t *testing.T) {
	s := service("shell", `test -t 0 && test -t 1 && test -t 2 && tty && stty size && echo "$TERM"; exec cat`)
	s.Terminal = true
	s.Env = map[string]string{"TERM": ""}
	s.Ready = &manifest.Ready{Log: "xterm", Timeout: patient}
	g := newRig(t, services(s))
	g.start("shell")
	name := g.status("shell").Terminal
	g.stop("shell") // a line counts a moment before it is in the log
	if !strings.HasPrefix(name, "pts/") {
		t.Errorf("terminal %q", name)
	}
	want := []string{"pty /dev/" + name, "pty 24 80", "pty xterm-256color"}
	if out := g.output("shell"); !slices.Equal(out, want) {
		t.Errorf("it wrote %q, want %q", out, want)
	}
}

func TestTerminalNeverBlocksItsProgram(t *testing.T) {
	s := service("shell", `i=0; while [ $i -lt 20000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done; echo done; exec cat`)
	s.Terminal = true
	s.Ready = &manifest.Ready{Log: "^done$", Timeout: 60 * time.Second}
	g := newRig(t, services(s))
	g.start("shell")
}

func TestShellOnATerminalIsHungUp(t *testing.T) {
	s := service("shell", `trap '' TERM; echo up; while :; do sleep 0.01; done`) // as interactive ones do
	s.Terminal = true
	s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	g := newRig(t, services(s))
	g.start("shell")
	begin := time.Now()
	g.stop("shell")
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the stop took %v", took)
	}
}

func TestRestartAfterFailure(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tries")
	s := service("db", `echo x >> `+file+`; [ $(wc -l < `+file+`) -ge 4 ] && exec sleep 600; exit 1`)
	g := newRig(t, services(s))
	g.start("db")
	eventually(t, "the fourth instance runs", func() bool {
		s := g.status("db")
		return s.Instance == 4 && s.State == supervise.Running
	})
	out := g.output("db")
	for _, want := range []string{"seance instance 1: exit status 1; starting again in ", "seance instance 3: exit status 1; starting again in "} {
		if !contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
}

func TestExitIsLeftAlone(t *testing.T) {
	done, failed := service("done", "exit 0"), service("failed", "exit 3")
	failed.Restart.Policy = manifest.RestartNo
	g := newRig(t, services(done, failed))
	g.start("done")
	g.start("failed")
	eventually(t, "both have exited", func() bool {
		return g.status("done").State == supervise.Exited && g.status("failed").State == supervise.Exited
	})
	if s := g.status("failed"); s.Exit != "exit status 3" || s.Err == nil || s.Instance != 1 {
		t.Errorf("%+v", s)
	}
}

// TestQuickEndsAreSeen has programs end before their start has returned.
func TestQuickEndsAreSeen(t *testing.T) {
	man := services()
	for i := range 100 {
		s := service("quick-"+strconv.Itoa(i), "")
		s.Command = []string{"true"}
		man.Services = append(man.Services, s)
	}
	g := newRig(t, man)
	boot(t, g.manager())
	eventually(t, "all have exited", func() bool {
		return !slices.ContainsFunc(g.Status(), func(s supervise.Status) bool { return s.State != supervise.Exited })
	})
}

func TestRestartClearsWhatTheLastInstanceLeft(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pids")
	s := service("db", `sleep 600 & echo $! >> `+file+`; [ $SEANCE_INSTANCE -ge 2 ] && wait; exit 1`)
	g := newRig(t, services(s))
	g.start("db")
	var pids []string
	eventually(t, "two instances", func() bool {
		text, _ := os.ReadFile(file)
		pids = strings.Fields(string(text))
		return len(pids) == 2
	})
	first, _ := strconv.Atoi(pids[0])
	second, _ := strconv.Atoi(pids[1])
	if !gone(first) || gone(second) {
		t.Errorf("the first one's is gone: %v, the second one's: %v", gone(first), gone(second))
	}
}

func TestStartClearsWhatAnEarlierInstanceLeft(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pids")
	s := service("db", `sleep 600 & echo $! >> `+file)
	g := newRig(t, services(s))
	g.start("db")
	eventually(t, "it has exited", func() bool { return g.status("db").State == supervise.Exited })
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	if gone(first) {
		t.Error("what it left in the background was not left alone")
	}
	g.start("db")
	if !gone(first) {
		t.Error("it is there beside the second instance")
	}
}

// TestStopLasts stops a service that is always about to be started again.
func TestStopLasts(t *testing.T) {
	s := service("db", "")
	s.Command = []string{"true"}
	s.Restart = manifest.Restart{Policy: manifest.RestartAlways, Delay: time.Millisecond, MaxDelay: time.Millisecond, ResetAfter: time.Hour}
	g := newRig(t, services(s))
	for i := range 200 {
		g.start("db")
		time.Sleep(time.Duration(i%20) * 200 * time.Microsecond) // any moment will do
		g.stop("db")
		before := g.status("db").Instance
		time.Sleep(2 * time.Millisecond)
		if s := g.status("db"); s.State != supervise.Stopped || s.Instance != before {
			t.Fatalf("after the stop of instance %d: %+v", before, s)
		}
	}
}

func TestStopDuringBackoff(t *testing.T) {
	s := service("db", "exit 1")
	s.Restart.Delay, s.Restart.MaxDelay = time.Hour, time.Hour
	g := newRig(t, services(s))
	g.start("db")
	eventually(t, "it backs off", func() bool { return g.status("db").State == supervise.Backoff })
	g.stop("db")
	if s := g.status("db"); s.State != supervise.Stopped || s.Instance != 1 {
		t.Errorf("%+v", s)
	}
}

// TestRestartsAndStopsRace has users, crashes and delays at one service. There
// is never more than one instance.
func TestRestartsAndStopsRace(t *testing.T) {
	s := actorService("db", "singleton", "SUPERVISE_TEST_ADDR", t.TempDir())
	s.Restart = manifest.Restart{Policy: manifest.RestartAlways, Delay: time.Millisecond, MaxDelay: 5 * time.Millisecond, ResetAfter: time.Hour}
	g := newRig(t, services(s))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 15 {
				var err error
				switch i {
				case 0:
					err = g.Stop(limit(t), "db")
				case 1:
					err = g.Start(limit(t), "db")
				default:
					err = g.Restart(limit(t), "db")
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	g.stop("db")
	if contains(g.output("db"), "TWICE") {
		t.Errorf("two instances at once: %q", g.output("db"))
	}
}
