package supervise_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
)

// TestSettleTellsOfProgramsThatEndAtOnce has them in a start-up without a
// failure: nobody waits for what has no readiness probe.
func TestSettleTellsOfProgramsThatEndAtOnce(t *testing.T) {
	bad := service("bad", "echo no such table; exit 3")
	bad.Restart.Delay, bad.Restart.MaxDelay = time.Hour, time.Hour
	absent := service("absent", "no-such-program")
	absent.Restart.Policy = manifest.RestartNo
	g := newRig(t, services(bad, absent, service("done", "exit 0"), service("good", "exec sleep 600")))
	boot(t, g.manager())
	err := g.Settle(limit(t))
	var early *supervise.NotReadyError
	if err == nil || !errors.As(err, &early) {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{
		`service "bad" ended right after its start \(exit status 3\); starting again in 5\dm[\d.]+s; its last lines:\n  \| no such table`,
		`service "absent" ended right after its start \(exit status 127\); its last lines:\n  \| `,
	} {
		if !regexp.MustCompile(want).MatchString(err.Error()) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
	for _, other := range []string{`"done"`, `"good"`} {
		if contains([]string{err.Error()}, other) {
			t.Errorf("%s is in %q", other, err)
		}
	}
}

func TestSettleOfWhatLives(t *testing.T) {
	ready := service("ready", "echo up; exec sleep 600")
	ready.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	g := newRig(t, services(ready, service("db", "exec sleep 600")))
	boot(t, g.manager())
	for range 2 {
		if err := g.Settle(limit(t)); err != nil {
			t.Error(err)
		}
	}
}

// brief ends at once with a failure, and is not started again in the time of a
// test.
func brief(name string) manifest.Service {
	s := service(name, "no-such-program")
	s.Restart.Delay, s.Restart.MaxDelay = time.Hour, time.Hour
	return s
}

// TestWhoWaitsHearsOfProgramsThatEndAtOnce is for those who wait for a change:
// another that died as soon has nothing to do with it.
func TestWhoWaitsHearsOfProgramsThatEndAtOnce(t *testing.T) {
	other, done := brief("other"), service("done", "exit 0")
	g := newRig(t, services(brief("bad"), other, done))
	g.Moment(patient)
	g.start("other")
	for _, action := range []string{supervise.ActionStart, supervise.ActionRestart} {
		changes, err := g.Change(limit(t), action, []string{"bad", "done"}, true)
		if err != nil || len(changes) != 2 {
			t.Fatalf("%s: %+v, %v", action, changes, err)
		}
		want := "^cannot " + action + ` service "bad": it ended right after its start \(exit status 127\); starting again in 5\dm[\d.]+s; its last lines:\n(.*\n)*.*no-such-program`
		if err := changes[0].Err; err == nil || !regexp.MustCompile(want).MatchString(err.Error()) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if changes[1].Err != nil || changes[1].State != supervise.Exited {
			t.Errorf("%s of one that is done: %+v", action, changes[1])
		}
		if _, err := g.Change(limit(t), action, []string{"bad"}, false); err != nil {
			t.Errorf("who does not wait is not told: %v", err)
		}
		g.stop("bad")
	}
}

func TestWhoWaitsHearsNothingOfWhatWasStopped(t *testing.T) {
	g := newRig(t, services(sleeper("db")))
	g.Moment(patient)
	var changes []supervise.Change
	over := make(chan struct{})
	go func() {
		defer close(over)
		changes, _ = g.Change(limit(t), supervise.ActionStart, []string{"db"}, true)
	}()
	eventually(t, "it runs", func() bool { return g.status("db").State == supervise.Running })
	if err := g.kill("db"); err != nil { // by itself: this is told
		t.Fatal(err)
	}
	<-over
	if len(changes) != 1 || changes[0].Err == nil {
		t.Fatalf("%+v", changes)
	}
	g.stop("db")
	over = make(chan struct{})
	go func() {
		defer close(over)
		changes, _ = g.Change(limit(t), supervise.ActionStart, []string{"db"}, true)
	}()
	eventually(t, "it runs again", func() bool { return g.status("db").State == supervise.Running })
	g.stop("db")
	<-over
	if len(changes) != 1 || changes[0].Err != nil {
		t.Errorf("%+v", changes)
	}
}

func TestAReloadTellsOfProgramsThatEndAtOnce(t *testing.T) {
	g := newRig(t, services(brief("other")))
	m := g.manager()
	boot(t, m)
	g.Moment(patient)
	to := services(brief("other"), brief("bad"))
	r, err := g.Reload(limit(t), m, &to, false, nil)
	if err != nil || len(r.Steps) != 1 || r.Steps[0].Name != "bad" {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := r.Steps[0].Err; err == nil || !strings.HasPrefix(err.Error(), `cannot start service "bad": it ended right after its start (exit status 127); starting again in 5`) {
		t.Error(err)
	}
}

func TestAwaitGivesAProgramAMoment(t *testing.T) {
	bad := sleeper("bad")
	bad.Restart.Policy = manifest.RestartNo
	g := newRig(t, services(bad))
	g.Moment(time.Hour)
	g.start("bad")
	ctx, cancel := context.WithTimeout(limit(t), 10*time.Millisecond)
	defer cancel()
	if _, err := g.Await(ctx, "bad", supervise.AwaitReady); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("its moment is not over: %v", err)
	}
	if err := g.kill("bad"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Await(limit(t), "bad", supervise.AwaitReady); !errors.Is(err, supervise.ErrNever) {
		t.Error(err)
	}
}
