package supervise_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// ender is a service that takes its time to end well, longer than the session
// manager waits for one that does nothing about having been given up, and then
// adds its name to a file.
func ender(name, file string) manifest.Service {
	s := service(name, "trap 'sleep 1.2; echo "+name+" >> "+file+"; exit 0' TERM; echo up; while :; do sleep 0.01; done")
	s.Shutdown.Grace = patient
	return s
}

// callOff boots, gives that up once a program has said that it is up, and waits
// for the end of it.
func callOff(t *testing.T, g *rig, m *session.Manager, program string) *session.Result {
	t.Helper()
	ctx, cancel := context.WithCancel(limit(t))
	defer cancel()
	done := make(chan *session.Result)
	go func() {
		result, _ := m.Boot(ctx)
		done <- result
	}()
	eventually(t, program+" is up", func() bool { return contains(g.output(program), "up") })
	cancel()
	result := <-done
	if result.Running {
		t.Errorf("it came up: %+v", result)
	}
	return result
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// states are those that a service has been told to be in, in short.
func states(g *rig, name string) string {
	var all []string
	for _, e := range g.told(name) {
		all = append(all, string(e.State))
	}
	return strings.Join(all, " ")
}

// TestWhatIsStartingWhenTheStartUpIsCalledOff is stopped as it is at any other
// time, and before what was started before it.
func TestWhatIsStartingWhenTheStartUpIsCalledOff(t *testing.T) {
	for name, ready := range map[string]manifest.Ready{
		"exit":  {Exit: true, Timeout: patient},
		"log":   {Log: "never", Timeout: patient},
		"tcp":   {TCP: "127.0.0.1:1", Timeout: patient},
		"limit": {Log: "never", Timeout: 5 * time.Second}, // which is over while it ends, or nearly so
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "ended")
			db, slow, need, next := ender("db", file), ender("slow", file), service("need", "exec sleep 600"), service("next", "exec sleep 600")
			db.Category, next.Priority = session.System, slow.Priority+1
			slow.Ready = &ready
			need.Needs = []string{"slow"}
			g := newRig(t, services(db, slow, need, next))
			callOff(t, g, g.manager(session.WithConcurrency()), "slow")
			if got := read(t, file); got != "slow db" {
				t.Errorf("ended well, in this order: %q", got)
			}
			if got := states(g, "slow"); got != "starting stopping stopped" {
				t.Errorf("slow went through %s", got)
			}
			if need, next := states(g, "need"), states(g, "next"); need != "stopped" || next != "" {
				t.Errorf("need went through %q, next through %q", need, next)
			}
		})
	}
}

func TestAStartThatIsCalledOffIsEndedByTheCommandForThat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ended")
	s := ender("slow", file)
	s.Ready = &manifest.Ready{Log: "never", Timeout: patient}
	s.Shutdown.Command = []string{"/bin/sh", "-c", "echo asked >> " + file}
	g := newRig(t, services(s))
	callOff(t, g, g.manager(), "slow")
	if got := read(t, file); got != "asked slow" {
		t.Errorf("it was ended by %q", got)
	}
}

func TestAStartThatIsCalledOffIsKilledAfterTheGraceTime(t *testing.T) {
	s := service("deaf", "trap '' TERM; echo up; while :; do sleep 0.01; done")
	s.Ready = &manifest.Ready{Log: "never", Timeout: patient}
	s.Shutdown.Grace = 100 * time.Millisecond
	g := newRig(t, services(s))
	callOff(t, g, g.manager(), "deaf")
	if s := g.status("deaf"); s.State != supervise.Stopped || s.Exit != "killed by SIGKILL" {
		t.Errorf("%+v", s)
	}
}

func TestHurryKillsAStartThatWasCalledOff(t *testing.T) {
	s := service("deaf", "trap 'echo asked' TERM; echo up; while :; do sleep 0.01; done")
	s.Ready = &manifest.Ready{Log: "never", Timeout: patient}
	s.Shutdown.Grace = time.Hour
	g := newRig(t, services(s))
	hurried := make(chan struct{})
	go func() {
		defer close(hurried)
		eventually(t, "it has the signal", func() bool { return contains(g.output("deaf"), "asked") })
		g.Hurry()
	}()
	callOff(t, g, g.manager(), "deaf")
	<-hurried
}

func TestAHookThatRunsWhenTheStartUpIsCalledOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ended")
	db := ender("db", file)
	db.Category = session.System
	h := said("slow", "")
	h.Startup = []string{"/bin/sh", "-c", "trap 'echo hook >> " + file + "; exit 0' TERM; echo up; while :; do sleep 0.01; done"}
	h.Shutdown = []string{"/bin/sh", "-c", "echo undone >> " + file}
	h.Timeout = patient
	man := services(db)
	man.Hooks = []manifest.Hook{h}
	g := newRig(t, man)
	callOff(t, g, g.manager(), "slow")
	if got := read(t, file); got != "hook db" {
		t.Errorf("ended well, in this order: %q", got)
	}
}

// TestAStartByHandWhenTheStartUpIsCalledOff has somebody else start a service
// that the start-up list comes to.
func TestAStartByHandWhenTheStartUpIsCalledOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ended")
	db, slow, last := ender("db", file), ender("slow", file), ender("last", file)
	db.Category, last.Priority = session.System, slow.Priority+1
	slow.Ready = &manifest.Ready{Log: "never", Timeout: patient}
	last.Ready = slow.Ready
	g := newRig(t, services(db, slow, last))
	byHand := make(chan error)
	go func() { byHand <- g.Start(limit(t), "slow") }()
	eventually(t, "it starts", func() bool { return contains(g.output("slow"), "up") })
	callOff(t, g, g.manager(), "last")
	if err := <-byHand; !errors.Is(err, supervise.ErrStopped) {
		t.Errorf("who started it by hand hears %v", err)
	}
	if got := read(t, file); got != "last slow db" {
		t.Errorf("ended well, in this order: %q", got)
	}
}

// TestWhatIsStartingWhenTheStartUpIsRolledBack does not wait for what nobody
// will use.
func TestWhatIsStartingWhenTheStartUpIsRolledBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ended")
	db, slow := ender("db", file), ender("slow", file)
	db.Category = session.System
	slow.Ready = &manifest.Ready{Log: "never", Timeout: time.Hour}
	bad := service("bad", "until [ -e "+file+".up ]; do sleep 0.01; done; echo oh no; exit 3")
	bad.Ready = &manifest.Ready{Log: "never", Timeout: time.Hour}
	need := service("need", "exec sleep 600")
	need.Needs = []string{"bad"}
	g := newRig(t, services(db, slow, bad, need))
	go func() {
		eventually(t, "slow starts", func() bool { return contains(g.output("slow"), "up") })
		writeFile(file+".up", "")
	}()
	result, _ := g.manager(session.WithConcurrency(), session.WithBootPolicy(session.Abort)).Boot(limit(t))
	if result.Running {
		t.Errorf("it came up: %+v", result)
	}
	if got := read(t, file); got != "slow db" {
		t.Errorf("ended well, in this order: %q", got)
	}
	errs := handlerErrors(result)
	if !strings.Contains(errs["bad"], "exit status 3") || !strings.Contains(errs["need"], `"bad", which failed`) {
		t.Errorf("%q", errs)
	}
}

// TestWhatIsTriedAgainWhenTheStartUpIsCalledOff has failed at its first start, and
// runs by then.
func TestWhatIsTriedAgainWhenTheStartUpIsCalledOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ended")
	db, flaky, last := ender("db", file), ender("flaky", file), ender("last", file)
	db.Category, last.Priority = session.System, flaky.Priority+1
	flaky.Command[2] = "[ -e " + file + ".once ] || { : > " + file + ".once; exit 1; }; " + flaky.Command[2]
	flaky.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	flaky.Restart.Delay = time.Millisecond
	last.Command[2] = "until [ -e " + file + ".go ]; do sleep 0.01; done; " + last.Command[2]
	last.Ready = &manifest.Ready{Log: "never", Timeout: patient}
	g := newRig(t, services(db, flaky, last))
	go func() {
		eventually(t, "flaky is up at last", func() bool { return g.status("flaky").State == supervise.Ready })
		writeFile(file+".go", "")
	}()
	callOff(t, g, g.manager(), "last")
	if got := read(t, file); got != "last flaky db" {
		t.Errorf("ended well, in this order: %q", got)
	}
}
