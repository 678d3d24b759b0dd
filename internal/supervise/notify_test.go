package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/internal/testenv"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// speak does what an actor is told, step by step: say something on its
// NOTIFY_SOCKET, or "await FILE", "watchdog" (for ever), "hand over", "send"
// (have a child say it, which ends at once) or "exit".
func speak(steps []string) {
	for _, step := range steps {
		word, rest, _ := strings.Cut(step, " ")
		switch word {
		case "await":
			for {
				if _, err := os.Stat(rest); err == nil {
					break
				}
				time.Sleep(time.Millisecond)
			}
		case "watchdog":
			usec, err := strconv.Atoi(os.Getenv("WATCHDOG_USEC"))
			for ; err == nil; time.Sleep(time.Duration(usec) * time.Microsecond / 4) {
				say("WATCHDOG=1")
			}
			fmt.Println(err)
		case "hand": // over, to a process of its own
			os.Setenv(actor, "heir")
			pid, err := syscall.ForkExec("/proc/self/exe", []string{"heir"}, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
			if err != nil {
				fmt.Println(err)
			}
			say(fmt.Sprintf("MAINPID=%d", pid))
		case "send":
			sender := exec.Command("/proc/self/exe")
			sender.Env = append(os.Environ(), actor+"=sender", "SUPERVISE_TEST_SAY="+rest)
			fmt.Println("sent", sender.Run())
		case "exit":
			os.Exit(0)
		default:
			say(step)
		}
	}
}

func say(text string) { sayOn(os.Getenv("NOTIFY_SOCKET"), text) }

func sayOn(path, text string) {
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(text)); err != nil {
		fmt.Println(err)
	}
}

// speaker is a service that says it is ready.
func speaker(name string, steps ...string) manifest.Service {
	s := actorService(name, "speaker", "SUPERVISE_TEST_SAY", strings.Join(steps, "|"))
	s.Ready = &manifest.Ready{Notify: true, Timeout: patient}
	return s
}

func TestReadyByNotify(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	s := speaker("db", "STATUS=loading \x1b[31m tables", "await "+gate, "READY=1\nSTATUS=serving")
	g := newRig(t, services(s))
	started := make(chan error)
	go func() { started <- g.Start(limit(t), "db") }()
	eventually(t, "its status is known", func() bool { return g.status("db").Said == "loading  [31m tables" })
	if s := g.status("db"); s.State != supervise.Starting || s.Ready {
		t.Errorf("%+v", s)
	}
	writeFile(gate, "")
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	if s := g.status("db"); s.State != supervise.Ready || s.Said != "serving" {
		t.Errorf("%+v", s)
	}
}

func TestNotifyThatDoesNotCome(t *testing.T) {
	s := speaker("db", "STATUS=trying")
	s.Ready.Timeout = 200 * time.Millisecond
	g := newRig(t, services(s))
	err := g.Start(limit(t), "db")
	if err == nil || !strings.Contains(err.Error(), "not ready within 200ms: it has not said READY=1") || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestExtendedLimit has a program whose limit is over before it is ready, but
// that it has asked for more time.
func TestExtendedLimit(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	s := speaker("db", "EXTEND_TIMEOUT_USEC=30000000", "STATUS=asked", "await "+gate, "READY=1")
	s.Ready.Timeout = 2 * time.Second
	g := newRig(t, services(s))
	begin := time.Now()
	started := make(chan error)
	go func() { started <- g.Start(limit(t), "db") }()
	eventually(t, "it has asked", func() bool { return g.status("db").Said == "asked" })
	time.Sleep(time.Until(begin.Add(s.Ready.Timeout + 200*time.Millisecond)))
	writeFile(gate, "")
	if err := <-started; err != nil {
		t.Error(err)
	}
}

func TestReloadingAndStopping(t *testing.T) {
	dir := t.TempDir()
	s := speaker("db", "READY=1", "await "+dir+"/1", "RELOADING=1", "await "+dir+"/2", "READY=1", "await "+dir+"/3", "STOPPING=1")
	g := newRig(t, services(s))
	g.start("db")
	pid := g.status("db").PID
	for i, want := range []struct {
		state supervise.State
		ready bool
	}{{supervise.Running, false}, {supervise.Ready, true}, {supervise.Running, false}} {
		writeFile(fmt.Sprintf("%s/%d", dir, i+1), "")
		eventually(t, fmt.Sprint("after step ", i+1), func() bool {
			s := g.status("db")
			return s.State == want.state && s.Ready == want.ready
		})
	}
	if s := g.status("db"); s.PID != pid {
		t.Errorf("%+v", s)
	}
}

// TestNobodySpeaksForAnother has a service, and a process that is nobody's, say
// that another service is ready.
func TestNobodySpeaksForAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "path")
	victim := service("victim", `echo $NOTIFY_SOCKET > `+path+`.new; mv `+path+`.new `+path+`; exec sleep 600`)
	victim.Ready = &manifest.Ready{Notify: true, Timeout: 2 * time.Second}
	forger := actorService("forger", "forger", "SUPERVISE_TEST_PATH", path)
	forger.Ready = &manifest.Ready{Log: "forged", Timeout: patient}
	g := newRig(t, services(victim, forger))
	started := make(chan error)
	go func() { started <- g.Start(limit(t), "victim") }()
	g.start("forger")
	socket, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sayOn(strings.TrimSpace(string(socket)), "READY=1\nSTATUS=forged") // nor is this process the service
	if err := <-started; err == nil {
		t.Error("it was taken for ready")
	}
	if s := g.status("victim"); s.Said != "" {
		t.Errorf("%+v", s)
	}
	eventually(t, "the log tells of it", func() bool {
		return contains(g.output("victim"), "seance instance 1: not heeded: a notification of process ")
	})
}

// TestSenderThatHasEnded has a child of the service say that it is ready, and end
// before anybody listens.
func TestSenderThatHasEnded(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	g := newRig(t, services(speaker("db", "STATUS=up", "await "+gate, "send READY=1")))
	started := make(chan error)
	go func() { started <- g.Start(limit(t), "db") }()
	eventually(t, "it is up", func() bool { return g.status("db").Said == "up" })
	g.Deaf("db", func() {
		writeFile(gate, "")
		eventually(t, "the sender has ended", func() bool { return contains(g.output("db"), "sent <nil>") })
	})
	if err := <-started; err != nil {
		t.Error(err)
	}
}

func TestWatchdog(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	// The first instance falls silent; the second one does not.
	s := speaker("db", "READY=1", "WATCHDOG=1", "await "+gate, "watchdog")
	s.Probe = &manifest.Probe{Notify: true, Interval: time.Second, Timeout: time.Second, Failures: 3}
	g := newRig(t, services(s))
	g.start("db")
	eventually(t, "it is started again", func() bool { return g.status("db").Instance == 2 })
	writeFile(gate, "")
	eventually(t, "it is ready", func() bool { s := g.status("db"); return s.Instance == 2 && s.State == supervise.Ready })
	time.Sleep(3 * s.Probe.Interval / 2)
	if s := g.status("db"); s.Instance != 2 || s.State != supervise.Ready {
		t.Errorf("one that speaks up: %+v", s)
	}
	if out := g.output("db"); !contains(out, "seance instance 1: it has not said WATCHDOG=1 for 1s; starting again in ") {
		t.Errorf("%q", out)
	}
}

func TestWatchdogIsTriggered(t *testing.T) {
	s := speaker("db", "READY=1", "WATCHDOG=trigger")
	s.Probe = &manifest.Probe{Notify: true, Interval: time.Hour}
	s.Restart.Limit, s.Restart.Within, s.Restart.Delay = 1, time.Hour, time.Millisecond
	g := newRig(t, services(s))
	g.start("db")
	eventually(t, "it has failed", func() bool { return g.status("db").State == supervise.Failed })
	if s := g.status("db"); !strings.HasSuffix(s.Err.Error(), "it has said WATCHDOG=trigger") {
		t.Errorf("%+v", s)
	}
}

// TestWatchdogAfterAFreeze has a freeze that is longer than the interval: the
// program could not speak up.
func TestWatchdogAfterAFreeze(t *testing.T) {
	s := speaker("db", "READY=1", "watchdog")
	s.Probe = &manifest.Probe{Notify: true, Interval: 2 * time.Second}
	g := newRig(t, services(s))
	var pid int
	f := &freezer{during: func() {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		time.Sleep(s.Probe.Interval + 200*time.Millisecond)
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}}
	m := g.manager(session.WithFreezer(f))
	boot(t, m)
	pid = g.status("db").PID
	snapshot(t, m, true, false)
	time.Sleep(300 * time.Millisecond)
	if s := g.status("db"); s.PID != pid || s.State != supervise.Ready {
		t.Errorf("%+v", s)
	}
}

// TestHandOver has a program name another process as the main one, and end.
func TestHandOver(t *testing.T) {
	for name, steps := range map[string][]string{
		"when it is ready":   {"READY=1", "hand over", "exit"},
		"before it is ready": {"hand over", "READY=1", "exit"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, services(speaker("db", steps...)))
			g.start("db")
			eventually(t, "the other process is the main one", func() bool {
				return contains(g.output("db"), "its main process is "+itoa(g.status("db").PID)+" now")
			})
			s := g.status("db")
			if s.State != supervise.Ready || s.Instance != 1 || s.PID == 0 {
				t.Errorf("%+v", s)
			}
			if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "its end is that of the service", func() bool { return g.status("db").Instance == 2 })
			g.stop("db")
		})
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func TestNotifyAsAnotherUser(t *testing.T) {
	testenv.RequireRoot(t)
	// This binary is in a folder that only root may pass.
	testenv.RequireProgram(t, "python3") // which every user can run, and can say READY=1
	s := service("db", `python3 -c '
import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
time.sleep(600)'`)
	s.User = "daemon"
	s.Ready = &manifest.Ready{Notify: true, Timeout: patient}
	t.Run("in a folder that others may pass", func(t *testing.T) {
		g := newRig(t, services(s))
		g.start("db")
	})
	t.Run("in a private one", func(t *testing.T) {
		g := newRig(t, services(s))
		sup, err := supervise.New(supervise.Config{
			Manifest: &manifest.Manifest{Services: []manifest.Service{s}}, Reaper: g.reaper, Logs: g.logs, Env: os.Environ(),
			Run: t.TempDir(), // in a folder that only we may pass
		})
		if err != nil {
			t.Fatal(err)
		}
		defer sup.Close()
		if err := sup.Start(limit(t), "db"); err != nil {
			t.Error(err)
		}
		if err := sup.StopAll(limit(t)); err != nil {
			t.Error(err)
		}
	})
}
