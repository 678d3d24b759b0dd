package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// change changes services, and sees that all went well.
func TestStartTellsOnceWhatFailed(t *testing.T) {
	db := service("db", "echo no disk; exit 3")
	db.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	web := service("web", "exec sleep 600")
	web.Needs = []string{"db"}
	g := newRig(t, services(db, web))
	changes, err := g.Change(limit(t), supervise.ActionStart, []string{"web"}, true)
	if err != nil || len(changes) != 2 || changes[1].Err == nil {
		t.Fatalf("%+v, %v", changes, err)
	}
	if got, want := changes[1].Err.Error(), `cannot start service "web": it needs "db", which failed: it ended before it was ready (exit status 3)`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func (g *rig) change(action string, names ...string) []supervise.Change {
	g.t.Helper()
	changes, err := g.Change(limit(g.t), action, names, true)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, c := range changes {
		if c.Err != nil {
			g.t.Error(c.Err)
		}
	}
	return changes
}

func told(changes []supervise.Change) (all []string) {
	for _, c := range changes {
		all = append(all, fmt.Sprintf("%s %s %v", c.Name, c.State, c.Changed))
	}
	return all
}

func replica(of string, n int) manifest.Service {
	s := sleeper(fmt.Sprintf("%s-%d", of, n))
	s.Of, s.Replica = of, n
	return s
}

func TestChangesTakeNamesAndTellWhatTheyDid(t *testing.T) {
	db := sleeper("db")
	db.Category = session.System
	web1, web2 := replica("web", 1), replica("web", 2)
	web1.Needs, web2.Needs = []string{"db"}, []string{"db"}
	g := newRig(t, services(web1, web2, db))

	expect := func(action, name string, want ...string) {
		t.Helper()
		if got := told(g.change(action, name)); !slices.Equal(got, want) {
			t.Errorf("%s %s did %q, want %q", action, name, got, want)
		}
	}
	expect("start", "web", "db running true", "web-1 running true", "web-2 running true")
	expect("start", "web", "web-1 running false", "web-2 running false")
	expect("stop", "web-1", "web-1 stopped true")
	expect("stop", "web", "web-1 stopped false", "web-2 stopped true")
	before := g.pids()
	expect("restart", "db", "db running true")
	if g.pids()["db"] == before["db"] {
		t.Error("db was not restarted")
	}
}

func TestWhatCannotBeChanged(t *testing.T) {
	g := newRig(t, services(sleeper("db"), replica("web", 1), replica("web", 2)))
	tests := []struct {
		action string
		names  []string
		is     error
		text   string
	}{
		{"start", []string{"db", "dv"}, supervise.ErrNotFound, `cannot start service "dv": no such service; there are db, web`},
		{"stop", nil, nil, "cannot stop services: no service is named; there are db, web"},
		{"halt", []string{"db"}, supervise.ErrAction, `cannot "halt" services: no such action: there are start, stop and restart`},
	}
	for _, test := range tests {
		_, err := g.Change(limit(t), test.action, test.names, true)
		if err == nil || err.Error() != test.text || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s %q: %v", test.action, test.names, err)
		}
	}
	if len(g.pids()) > 0 {
		t.Errorf("%v run", g.pids())
	}
}

func TestAChangeThatNobodyWaitsFor(t *testing.T) {
	s := service("slow", "sleep 0.2; echo up; exec sleep 1000")
	s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	g := newRig(t, services(s))
	changes, err := g.Change(limit(t), supervise.ActionStart, []string{"slow"}, false)
	if got, want := told(changes), []string{"slow starting true"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("it told %q, error %v, want %q", got, err, want)
	}
	list, err := g.Await(limit(t), "slow", supervise.AwaitReady)
	if err != nil || len(list) != 1 || list[0].State != supervise.Ready {
		t.Errorf("%+v, error %v", list, err)
	}
}

// A wait that is given up leaves what was asked for under way.
func TestAChangeGoesOnWhenTheWaitIsGivenUp(t *testing.T) {
	s := service("slow", "sleep 0.2; echo up; exec sleep 1000")
	s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	g := newRig(t, services(s))
	ctx, cancel := context.WithTimeout(limit(t), 10*time.Millisecond)
	defer cancel()
	if _, err := g.Change(ctx, supervise.ActionStart, []string{"slow"}, true); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if _, err := g.Await(limit(t), "slow", supervise.AwaitReady); err != nil {
		t.Error(err)
	}
}

// A request that is made again while it is under way restarts nothing twice.
func TestARestartIsJoined(t *testing.T) {
	s := service("slow", "sleep 0.2; echo up; exec sleep 1000")
	s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	g := newRig(t, services(s))
	g.start("slow")
	first, err := g.Change(limit(t), supervise.ActionRestart, []string{"slow"}, false)
	if err != nil || !first[0].Changed {
		t.Fatalf("%+v, error %v", first, err)
	}
	eventually(t, "it is under way", func() bool { return g.status("slow").State != supervise.Ready })
	g.change(supervise.ActionRestart, "slow")
	if st := g.status("slow"); st.Instance != 2 || st.State != supervise.Ready {
		t.Errorf("it is %+v", st)
	}
}

func TestAwait(t *testing.T) {
	once := service("once", "exit 0")
	once.Ready = &manifest.Ready{Exit: true, Timeout: patient}
	never := service("never", "exit 3")
	never.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	never.Restart.Policy = manifest.RestartNo
	ended := service("ended", "read line < "+t.TempDir()+"/nothing; exit 0")
	ended.Restart.Policy = manifest.RestartNo
	off := sleeper("off")
	off.Disabled = true
	g := newRig(t, services(once, never, ended, off, sleeper("db")))
	boot := make(chan struct{})
	m := g.manager()
	go func() {
		defer close(boot)
		_, _ = m.Boot(limit(t)) // never is to fail
	}()
	defer func() { <-boot }()
	for name, ready := range map[string]bool{"once": true, "db": true, "never": false} {
		list, err := g.Await(limit(t), name, supervise.AwaitReady)
		if ready != (err == nil) || !ready && !errors.Is(err, supervise.ErrNever) || list[0].Ready != ready {
			t.Errorf("%s: %+v, error %v", name, list, err)
		}
	}
	for _, name := range []string{"once", "never", "ended", "off"} {
		if _, err := g.Await(limit(t), name, supervise.AwaitStopped); err != nil {
			t.Error(err)
		}
	}
	if _, err := g.Await(limit(t), "nobody", supervise.AwaitReady); !errors.Is(err, supervise.ErrNotFound) || !strings.Contains(err.Error(), "once, never, ended, off, db") {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(limit(t), 10*time.Millisecond)
	defer cancel()
	if _, err := g.Await(ctx, "db", supervise.AwaitStopped); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// A user's start waits for the snapshot that holds the service, and a quit
// refuses it.
func TestChangesMeetASnapshot(t *testing.T) {
	g := newRig(t, services(sleeper("db"), sleeper("off")))
	freezing, thaw := make(chan struct{}), make(chan struct{})
	m := g.manager(session.WithFreezer(&freezer{during: func() { close(freezing); <-thaw }}))
	boot(t, m)
	g.stop("off")
	saved := make(chan error, 1)
	go func() {
		_, err := m.Snapshot(limit(t), true, false)
		saved <- err
	}()
	<-freezing
	started := make(chan error, 1)
	go func() { started <- g.Start(limit(t), "off") }()
	to := services(sleeper("db"), sleeper("off"), sleeper("new"))
	reloaded := make(chan error, 1)
	go func() {
		_, err := g.Reload(limit(t), m, &to, false, nil)
		reloaded <- err
	}()
	select {
	case err := <-started:
		t.Errorf("a start did not wait: %v", err)
	case err := <-reloaded:
		t.Errorf("a reload did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(thaw)
	for _, done := range []chan error{saved, started, reloaded} {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"db", "off", "new"} {
		if st := g.status(name); st.State != supervise.Running {
			t.Errorf("%s is %s", name, st.State)
		}
	}
	snapshot(t, m, false, true)
	if err := g.Start(limit(t), "db"); !errors.Is(err, supervise.ErrQuitting) {
		t.Errorf("a start after the quit: %v", err)
	}
	if _, err := g.Reload(limit(t), m, &to, false, nil); !errors.Is(err, supervise.ErrQuitting) {
		t.Errorf("a reload after the quit: %v", err)
	}
}

func TestNotices(t *testing.T) {
	g := newRig(t, services(sleeper("db")))
	ctx, cancel := context.WithTimeout(limit(t), 10*time.Millisecond)
	defer cancel()
	if none, err := g.Notices(ctx, 0, 0); len(none) > 0 || err != nil {
		t.Errorf("%+v, error %v", none, err)
	}
	first := make(chan []supervise.Notice, 1)
	go func() {
		found, _ := g.Notices(limit(t), 0, 1)
		first <- found
	}()
	g.start("db")
	if found := <-first; len(found) != 1 || found[0].Seq != 1 || found[0].Name != "db" || found[0].State != supervise.Starting {
		t.Errorf("the first is %+v", found)
	}
	g.Note(supervise.KindImage, "shop", "saving", "as asked")
	all, err := g.Notices(limit(t), 1, 0)
	if err != nil || len(all) != 2 || all[0].State != supervise.Running || all[0].PID == 0 || all[1].Kind != supervise.KindImage || all[1].Message != "as asked" {
		t.Errorf("%+v, error %v", all, err)
	}
	for range 5000 {
		g.Note(supervise.KindImage, "shop", "running", "")
	}
	all, err = g.Notices(limit(t), 2, 0)
	if err != nil || len(all) != 4096 || all[0].Seq != 5003-4095 || all[4095].Seq != 5003 {
		t.Errorf("%d notices, from %d to %d, error %v", len(all), all[0].Seq, all[len(all)-1].Seq, err)
	}
	if some, err := g.Notices(limit(t), 5000, 2); err != nil || len(some) != 2 || some[1].Seq != 5002 {
		t.Errorf("%+v, error %v", some, err)
	}
}

func TestCounters(t *testing.T) {
	s := service("flaky", "exit 3")
	s.Restart.Delay, s.Restart.MaxDelay = time.Millisecond, time.Millisecond
	g := newRig(t, services(s, sleeper("calm")))
	g.start("calm")
	g.start("flaky")
	eventually(t, "it has ended often", func() bool { return g.Counters()[0].Failures >= 3 })
	const restarts = 30 // what was stopped is often dealt with when the next one runs
	for range restarts {
		if err := g.Restart(limit(t), "calm"); err != nil {
			t.Error(err)
		}
	}
	if c := g.Counters()[1]; c != (supervise.Counters{Name: "calm", Starts: restarts + 1, Restarts: restarts}) {
		t.Errorf("%+v", c)
	}
}

// Users, reloads, snapshots, kills and waits at once do no harm to each other.
func TestManyHandsAtOnce(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	make := func(version string, some ...string) manifest.Manifest {
		var list []manifest.Service
		for i, name := range some {
			s := sleeper(name)
			s.Env = map[string]string{"VERSION": version}
			s.Restart.Delay = time.Millisecond
			if i > 0 {
				s.Needs = []string{some[i-1]}
			}
			list = append(list, s)
		}
		return services(list...)
	}
	g := newRig(t, make("0", names...))
	g.hot = true
	m := g.manager(session.WithFreezer(&freezer{}))
	boot(t, m)
	ctx, cancel := context.WithCancel(limit(t))
	var wg sync.WaitGroup
	each := func(n int, do func(i int)) {
		wg.Go(func() {
			for i := range n {
				if ctx.Err() != nil {
					return
				}
				do(i)
			}
		})
	}
	for _, action := range []string{supervise.ActionStart, supervise.ActionStop, supervise.ActionRestart} {
		each(15, func(i int) {
			_, err := g.Change(ctx, action, []string{names[i%len(names)]}, i%2 == 0)
			if err != nil && !errors.Is(err, supervise.ErrNotFound) && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	each(10, func(i int) {
		to := make(fmt.Sprint(i), names[:2+i%3]...)
		if r, err := g.Reload(ctx, m, &to, false, nil); err != nil || !r.Done {
			t.Errorf("reload: %+v, error %v", r, err)
		}
	})
	each(10, func(int) {
		if _, err := m.Snapshot(ctx, true, false); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	each(10, func(i int) {
		if pid := g.pids()[names[i%2]]; pid != 0 {
			_ = unix.Kill(pid, unix.SIGKILL) // or it has ended
		}
	})
	each(10, func(i int) {
		some, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
		defer cancel()
		_, _ = g.Await(some, names[i%len(names)], supervise.AwaitReady) // whatever comes of it
		if _, err := g.Usage(ctx); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	cancel()
	g.reload(m, make("last", names...))
	g.change(supervise.ActionStart, names...)
	g.change(supervise.ActionRestart, names...)
	for _, name := range names {
		if st := g.status(name); st.State != supervise.Running {
			t.Errorf("%s is %s: %v", name, st.State, st.Err)
		}
	}
	if got := ids(m.StartupList()); !slices.Equal(got, names) {
		t.Errorf("the list is %q", got)
	}
	snapshot(t, m, false, true)
	if strays, err := g.reaper.Strays(); err != nil || len(strays) > 0 || len(g.pids()) > 0 {
		t.Errorf("left behind: %v and %v, error %v", strays, g.pids(), err)
	}
}
