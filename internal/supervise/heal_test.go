package supervise_test

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// flaky is a service whose program fails before its nth start.
func flaky(t *testing.T, name string, n int) manifest.Service {
	file := filepath.Join(t.TempDir(), "tries")
	s := service(name, fmt.Sprintf("echo x >> %s; [ $(wc -l < %[1]s) -ge %d ] || { echo no disk; exit 3; }; echo up; exec sleep 600", file, n))
	s.Ready = &manifest.Ready{Log: "^up", Timeout: patient}
	return s
}

// late has a service be started again after an hour, if it is at all.
func late(s manifest.Service) manifest.Service {
	s.Restart.Delay, s.Restart.MaxDelay = time.Hour, time.Hour
	return s
}

// TestAFirstStartThatFailsIsNotTheLast: the start-up tells of it at once, and the
// service comes up by itself.
func TestAFirstStartThatFailsIsNotTheLast(t *testing.T) {
	db := flaky(t, "db", 3)
	db.Restart.Policy = manifest.RestartAlways
	slow := service("slow", "[ $SEANCE_INSTANCE -ge 2 ] && echo up; exec sleep 600")
	slow.Ready = &manifest.Ready{Log: "^up", Timeout: 50 * time.Millisecond}
	once := flaky(t, "once", 2)
	once.Command[2] = strings.Replace(once.Command[2], "exec sleep 600", "exit 0", 1)
	once.Ready = &manifest.Ready{Exit: true, Timeout: patient}
	g := newRig(t, services(db, slow, once))
	result, _ := g.manager().Boot(limit(t))
	errs := handlerErrors(result)
	for id, want := range map[string]string{
		"db":   `^cannot start service "db": it ended before it was ready \(exit status 3\); starting again in \d+ms; its last lines:\n  \| no disk$`,
		"slow": `^cannot start service "slow": not ready within 50ms: no line of its output matches "\^up"; it wrote nothing; starting again in \d+ms$`,
		"once": `^cannot start service "once": it ended before it was ready \(exit status 3\); starting again in \d+ms; its last lines:`,
	} {
		if !regexp.MustCompile(want).MatchString(errs[id]) {
			t.Errorf("%s: %q is not %s", id, errs[id], want)
		}
	}
	for name, want := range map[string]supervise.State{"db": supervise.Ready, "slow": supervise.Ready, "once": supervise.Exited} {
		eventually(t, name+" is up", func() bool { s := g.status(name); return s.Ready && s.State == want })
	}
	if s := g.status("db"); s.Instance != 3 || s.Restarts != 2 || s.Err != nil {
		t.Errorf("%+v", s)
	}
	eventually(t, "it is counted", func() bool {
		return g.Counters()[0] == supervise.Counters{Name: "db", Starts: 3, Restarts: 2, Exits: 2, Failures: 2}
	})
	var states []supervise.State
	for _, e := range g.told("db") {
		states = append(states, e.State)
	}
	if want := []supervise.State{"starting", "backoff", "starting", "backoff", "starting", "ready"}; !slices.Equal(states, want) {
		t.Errorf("told %q, want %q", states, want)
	}
	out := g.output("db")
	if !contains(out, "seance instance 1: it ended before it was ready (exit status 3); starting again in ") {
		t.Errorf("its log has no word of it: %q", out)
	}
}

// TestAStartThatFailsIsNotTheLast is of users' starts. Who needs it is failed by
// the first attempt, and who waits for it is not.
func TestAStartThatFailsIsNotTheLast(t *testing.T) {
	web := sleeper("web")
	web.Needs = []string{"db"}
	g := newRig(t, services(flaky(t, "db", 2), web))
	changes, err := g.Change(limit(t), supervise.ActionStart, []string{"web"}, true)
	if err != nil || len(changes) != 2 || changes[0].Err == nil || changes[1].Err == nil {
		t.Fatalf("%+v, %v", changes, err)
	}
	if got, want := changes[1].Err.Error(), `cannot start service "web": it needs "db", which failed: it ended before it was ready (exit status 3)`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := g.Await(limit(t), "db", supervise.AwaitReady); err != nil {
		t.Error(err)
	}
	if s := g.status("db"); s.Instance != 2 {
		t.Errorf("%+v", s)
	}
}

// TestWhatNeedsAFirstStartThatFailed fails with it, whether it comes while that is
// under way or after it.
func TestWhatNeedsAFirstStartThatFailed(t *testing.T) {
	db := late(flaky(t, "db", 2))
	beside, after := sleeper("beside"), sleeper("after")
	beside.Needs, after.Needs = []string{"db"}, []string{"db"}
	after.Priority++
	g := newRig(t, services(db, beside, after))
	result, _ := g.manager().Boot(limit(t))
	for id, err := range handlerErrors(result) {
		if id != "db" && err != fmt.Sprintf(`cannot start service %q: it needs "db", which failed: it ended before it was ready (exit status 3); it is started when that is ready`, id) {
			t.Errorf("%s: %s", id, err)
		}
	}
	for name, want := range map[string]supervise.State{"db": supervise.Backoff, "beside": supervise.Failed, "after": supervise.Failed} {
		if s := g.status(name); s.State != want {
			t.Errorf("%+v", s)
		}
	}
}

func TestLimitOfFirstStarts(t *testing.T) {
	db := flaky(t, "db", 100)
	db.Restart = manifest.Restart{Policy: manifest.RestartAlways, Limit: 2, Within: time.Hour, ResetAfter: time.Hour}
	g := newRig(t, services(db))
	if err := g.Start(limit(t), "db"); err == nil || !strings.Contains(err.Error(), "starting again in 0s") {
		t.Error(err)
	}
	eventually(t, "it has failed", func() bool { return g.status("db").State == supervise.Failed })
	if s := g.status("db"); s.Instance != 3 || !strings.Contains(s.Err.Error(), "it was started again 2 times within 1h0m0s and has ended once more: it ended before it was ready") {
		t.Errorf("%+v", s)
	}
}

// TestStartsThatAreTheLast: what cannot be run does not mend itself, and what the
// manifest does not want to be repeated is not.
func TestStartsThatAreTheLast(t *testing.T) {
	missing := service("missing", "")
	missing.Command = []string{"/no/such/program"}
	missing.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	nobody := flaky(t, "nobody", 2)
	nobody.User = "no-such-user"
	unwanted := flaky(t, "unwanted", 2)
	unwanted.Restart.Policy = manifest.RestartNo
	g := newRig(t, services(missing, nobody, unwanted))
	for _, name := range []string{"missing", "nobody", "unwanted"} {
		err := g.Start(limit(t), name)
		if err == nil || strings.Contains(err.Error(), "again") {
			t.Error(err)
		}
		if s := g.status(name); s.State != supervise.Failed {
			t.Errorf("%+v", s)
		}
	}
}

// TestWhatIsDoneWithAServiceThatIsToBeStartedAgain: nothing starts it behind the
// back of a stop, a quit or a reload, and a start does not wait for its time.
func TestWhatIsDoneWithAServiceThatIsToBeStartedAgain(t *testing.T) {
	for name, act := range map[string]struct {
		do      func(t *testing.T, g *rig, m *session.Manager)
		state   supervise.State
		started int
	}{
		"start":   {func(t *testing.T, g *rig, _ *session.Manager) { g.start("db") }, supervise.Ready, 2},
		"restart": {func(t *testing.T, g *rig, _ *session.Manager) { g.change(supervise.ActionRestart, "db") }, supervise.Ready, 2},
		"stop":    {func(t *testing.T, g *rig, _ *session.Manager) { g.stop("db") }, supervise.Stopped, 1},
		"quit":    {func(t *testing.T, g *rig, m *session.Manager) { snapshot(t, m, false, true) }, supervise.Stopped, 1},
		"save":    {func(t *testing.T, g *rig, m *session.Manager) { snapshot(t, m, true, false) }, supervise.Backoff, 1},
		"reload": {func(t *testing.T, g *rig, m *session.Manager) {
			db := *g.Manifest()
			db.Services = slices.Clone(db.Services)
			db.Services[0].Env = map[string]string{"A": "B"}
			g.reload(m, db)
		}, supervise.Ready, 2},
		"removal": {func(t *testing.T, g *rig, m *session.Manager) { g.reload(m, services(sleeper("web"))) }, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, services(late(flaky(t, "db", 2)), sleeper("web")))
			m := g.manager(session.WithFreezer(&freezer{}))
			if _, err := m.Boot(limit(t)); err == nil {
				t.Fatal("db has started at once")
			}
			if s := g.status("db"); s.State != supervise.Backoff {
				t.Fatalf("%+v", s)
			}
			act.do(t, g, m)
			if act.state == "" {
				return
			}
			if s := g.status("db"); s.State != act.state || s.Instance != act.started {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestARollBackTriesNothingAgain: not what fails in it, and not what had failed
// before a start-up was called off, or was up again by then.
func TestARollBackTriesNothingAgain(t *testing.T) {
	t.Run("on failure", func(t *testing.T) {
		m := services(flaky(t, "db", 2), flaky(t, "api", 2))
		m.Services[1].Needs = []string{"db"}
		m.OnFailure = manifest.RollBack
		g := newRig(t, m)
		result, err := g.manager(session.WithBootPolicy(session.Abort)).Boot(limit(t))
		if result.Running || err == nil || strings.Contains(err.Error(), "again") {
			t.Errorf("running %v, %v", result.Running, err)
		}
		if s := g.status("db"); s.State != supervise.Failed || s.Instance != 1 {
			t.Errorf("%+v", s)
		}
	})
	for name, db := range map[string]manifest.Service{"due": late(flaky(t, "db", 2)), "up again": flaky(t, "db", 2)} {
		t.Run(name, func(t *testing.T) {
			hangs := service("hangs", "exec sleep 600")
			hangs.Ready = &manifest.Ready{Log: "up", Timeout: time.Hour}
			g := newRig(t, services(db, hangs))
			ctx, cancel := context.WithCancel(limit(t))
			m := g.manager()
			over := make(chan struct{})
			go func() {
				defer close(over)
				if result, _ := m.Boot(ctx); result.Running {
					t.Error("it goes on")
				}
			}()
			eventually(t, "its start has failed", func() bool {
				s := g.status("db")
				return name == "due" && s.State == supervise.Backoff || s.State == supervise.Ready
			})
			cancel()
			<-over
			if s := g.status("db"); s.State != supervise.Stopped || s.PID != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}
