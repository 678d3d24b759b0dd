package supervise_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// freezer is a freezer that only says which copy it is.
type freezer struct {
	booting bool
	during  func()
}

func (f *freezer) Freeze(context.Context) (bool, error) {
	if f.during != nil {
		f.during()
	}
	return f.booting, nil
}

func (f *freezer) Quit(context.Context) error { return nil }

func boot(t *testing.T, m *session.Manager) {
	t.Helper()
	if _, err := m.Boot(limit(t)); err != nil {
		t.Fatal(err)
	}
}

func snapshot(t *testing.T, m *session.Manager, save, quit bool) {
	t.Helper()
	if _, err := m.Snapshot(limit(t), save, quit); err != nil {
		t.Fatal(err)
	}
}

func TestOrderOfTheManifest(t *testing.T) {
	log := filepath.Join(t.TempDir(), "order")
	at := func(name, category string, priority int) manifest.Service {
		s := service(name, `trap 'echo -`+name+` >> `+log+`; exit' TERM; echo +`+name+` >> `+log+`; echo up; while :; do sleep 0.01; done`)
		s.Category, s.Priority = category, priority
		s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
		return s
	}
	man := services(at("web", "network", 100), at("late", "user", 200), at("soon", "user", 10), at("own", "stores", 100))
	man.Categories = []manifest.Category{{Name: "stores", After: "system"}}
	man.Hooks = []manifest.Hook{{
		Name: "warm-up", Category: "user", Priority: 50, Workdir: os.TempDir(), Timeout: patient,
		Startup:  []string{"/bin/sh", "-c", "echo +warm-up $SEANCE_HOOK booting=$SEANCE_BOOTING quitting=$SEANCE_QUITTING >> " + log + "; echo warm"},
		Shutdown: []string{"/bin/sh", "-c", "echo -warm-up booting=$SEANCE_BOOTING quitting=$SEANCE_QUITTING >> " + log},
	}}
	g := newRig(t, man)
	m := g.manager()
	boot(t, m)
	snapshot(t, m, false, true)
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"+own", "+web", "+soon", "+warm-up warm-up booting=true quitting=", "+late",
		"-late", "-warm-up booting= quitting=true", "-soon", "-web", "-own",
	}
	if got := strings.Split(strings.TrimSpace(string(text)), "\n"); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if out := g.output("warm-up"); !slices.Equal(out, []string{"stdout warm"}) {
		t.Errorf("the hook wrote %q", out)
	}
	for _, s := range g.Status() {
		if s.PID != 0 || s.Kind == supervise.KindService && s.State != supervise.Stopped {
			t.Errorf("after the quit: %+v", s)
		}
	}
}

func TestSaveLeavesServicesRunning(t *testing.T) {
	done := service("done", "exit 0")
	stopped := service("stopped", "exec sleep 600")
	g := newRig(t, services(service("db", "exec sleep 600"), done, stopped))
	m := g.manager(session.WithFreezer(&freezer{}))
	boot(t, m)
	eventually(t, "one is done", func() bool { return g.status("done").State == supervise.Exited })
	g.stop("stopped")
	before := g.status("db")
	snapshot(t, m, true, false)
	if after := g.status("db"); after.PID != before.PID || after.State != supervise.Running {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if s := g.status("done"); s.State != supervise.Exited || s.Instance != 1 {
		t.Errorf("what had exited was started: %+v", s)
	}
	if s := g.status("stopped"); s.State != supervise.Stopped || s.Instance != 1 {
		t.Errorf("what was stopped was started: %+v", s)
	}
}

func TestHotSaveWithQuitLeavesServicesRunning(t *testing.T) {
	addr := freePort(t)
	web := actorService("web", "http", "SUPERVISE_TEST_ADDR", addr)
	web.Ready = &manifest.Ready{HTTP: "http://" + addr + "/ready", Timeout: patient}
	g := newRig(t, services(web))
	g.hot = true
	f := &freezer{booting: true}
	m := g.manager(session.WithFreezer(f))
	boot(t, m)
	before := g.status("web")
	f.during = func() {
		if s := g.status("web"); s.PID != before.PID || s.State != supervise.Ready {
			t.Errorf("while frozen: %+v", s)
		}
	}
	snapshot(t, m, true, true) // the booted copy
	if after := g.status("web"); after.PID != before.PID || after.State != supervise.Ready {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestColdSaveWithQuitStopsAndStarts(t *testing.T) {
	g := newRig(t, services(service("db", "exec sleep 600"), service("stopped", "exec sleep 600")))
	f := &freezer{booting: true}
	f.during = func() {
		if s := g.status("db"); s.State != supervise.Stopped {
			t.Errorf("while frozen: %+v", s)
		}
	}
	m := g.manager(session.WithFreezer(f))
	boot(t, m)
	g.stop("stopped")
	snapshot(t, m, true, true)
	if s := g.status("db"); s.State != supervise.Running || s.Instance != 2 {
		t.Errorf("after the boot: %+v", s)
	}
	if s := g.status("stopped"); s.State != supervise.Stopped || s.Instance != 1 {
		t.Errorf("what the user had stopped: %+v", s)
	}
}

func TestRevivedServiceThatDoesNotAnswer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "up")
	writeFile(file, "")
	s := service("db", "exec sleep 600")
	s.Ready = &manifest.Ready{Command: []string{"test", "-e", file}, Timeout: 200 * time.Millisecond}
	g := newRig(t, services(s))
	g.hot = true
	m := g.manager(session.WithFreezer(&freezer{booting: true, during: func() { os.Remove(file) }}))
	boot(t, m)
	before := g.status("db")
	result, err := m.Snapshot(limit(t), true, false)
	text := ""
	if result != nil {
		for _, r := range result.Handlers {
			if r.Err != nil {
				text += r.Err.Error()
			}
		}
	}
	if !strings.Contains(text, `service "db" does not answer after the boot: not ready within 200ms: command test: exit status 1`) {
		t.Errorf("error %v, handlers say %q", err, text)
	}
	// It is all there is of its state: it is not stopped.
	if after := g.status("db"); after.PID != before.PID || after.State != supervise.Running || after.Ready {
		t.Errorf("%+v", after)
	}
}

// TestNoProbeDuringAFreeze has a service that is started again while the image
// is frozen: its probes wait until the start-up.
func TestNoProbeDuringAFreeze(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	probes := make(chan struct{}, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
			probes <- struct{}{}
		}
	}()
	defer func() { listener.Close(); <-done }()

	s := service("db", "exec sleep 600")
	s.Ready = &manifest.Ready{TCP: listener.Addr().String(), Timeout: patient}
	g := newRig(t, services(s))
	f := &freezer{}
	m := g.manager(session.WithFreezer(f))
	boot(t, m)
	<-probes
	f.during = func() {
		if err := g.kill("db"); err != nil {
			t.Error(err)
		}
		eventually(t, "a new instance starts", func() bool {
			s := g.status("db")
			return s.Instance == 2 && s.State == supervise.Starting && s.PID != 0
		})
		select {
		case <-probes:
			t.Error("it was probed while frozen")
		case <-time.After(50 * time.Millisecond):
		}
	}
	snapshot(t, m, true, false)
	eventually(t, "it is ready", func() bool { return g.status("db").State == supervise.Ready })
	<-probes
}

func TestHookFails(t *testing.T) {
	hook := func(name, script string, timeout time.Duration) manifest.Hook {
		return manifest.Hook{Name: name, Category: "user", Priority: 100, Workdir: os.TempDir(), Timeout: timeout, Startup: []string{"/bin/sh", "-c", script}}
	}
	man := manifest.Manifest{Hooks: []manifest.Hook{
		hook("fails", "echo no such table; exit 7", patient),
		hook("hangs", "echo waiting; sleep 600", 100*time.Millisecond),
		hook("absent", "", patient),
	}}
	man.Hooks[2].Startup = []string{"/no/such/program"}
	g := newRig(t, man)
	m := g.manager()
	result, _ := m.Boot(limit(t))
	errs := map[string]string{}
	for _, r := range result.Handlers {
		if r.Err != nil {
			errs[r.ID] = r.Err.Error()
		}
	}
	for id, want := range map[string]string{
		"fails":  "cannot run hook \"fails\": exit status 7; its last lines:\n  | no such table",
		"hangs":  "cannot run hook \"hangs\": it took longer than 100ms and was killed; its last lines:\n  | waiting",
		"absent": "cannot run hook \"absent\": program /no/such/program does not exist; make it, or correct the command",
	} {
		if errs[id] != want {
			t.Errorf("%s: %q, want %q", id, errs[id], want)
		}
		if s := g.status(id); s.State != supervise.Failed || s.Kind != supervise.KindHook || s.PID != 0 {
			t.Errorf("%+v", s)
		}
	}
}

func TestFailedStartLeavesTheOthers(t *testing.T) {
	bad := service("bad", "exit 1")
	bad.Restart.Policy = manifest.RestartNo
	bad.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	g := newRig(t, services(bad, service("good", "exec sleep 600")))
	m := g.manager()
	result, _ := m.Boot(limit(t))
	failed := 0
	for _, r := range result.Handlers {
		if r.Err != nil {
			failed++
		}
	}
	if failed != 1 || g.status("good").State != supervise.Running || g.status("bad").State != supervise.Failed {
		t.Errorf("%d failed: %+v", failed, g.Status())
	}
}

// arrived boots an image from a save, and says how that went once all of it has
// arrived where it was going.
func arrived(t *testing.T, g *rig, m *session.Manager) error {
	t.Helper()
	snapshot(t, m, true, true)
	return g.Arrive(limit(t))
}

// What was under way when the image was frozen goes on when it is booted, and
// counts as it comes out.
func TestWhatWasUnderWayArrives(t *testing.T) {
	dir := t.TempDir()
	up := filepath.Join(dir, "up")
	// It gets ready, and ends, when it is let.
	slow := func() *manifest.Service {
		s := service("web", "trap 'while ! [ -e "+up+" ]; do sleep 0.01; done; exit' TERM; while ! [ -e "+up+" ]; do sleep 0.01; done; echo up; while :; do sleep 0.01; done")
		s.Ready = &manifest.Ready{Log: "^up$", Timeout: patient}
		return &s
	}
	for name, tt := range map[string]struct {
		during func(t *testing.T, g *rig)
		state  supervise.State
		starts int
	}{
		"a restart that has not begun": {func(t *testing.T, g *rig) {
			if _, err := g.Change(limit(t), supervise.ActionRestart, []string{"web"}, false); err != nil {
				t.Error(err)
			}
		}, supervise.Ready, 2},
		"a start after a crash": {func(t *testing.T, g *rig) {
			if err := errors.Join(os.Remove(up), g.kill("web")); err != nil {
				t.Error(err)
			}
			eventually(t, "it is started again", func() bool {
				s := g.status("web")
				return s.Instance == 2 && s.State == supervise.Starting
			})
			time.AfterFunc(50*time.Millisecond, func() { writeFile(up, "") })
		}, supervise.Ready, 2},
	} {
		t.Run(name, func(t *testing.T) {
			writeFile(up, "")
			g := newRig(t, services(*slow()))
			g.hot = true
			f := &freezer{booting: true, during: func() { tt.during(t, g) }}
			m := g.manager(session.WithFreezer(f))
			boot(t, m)
			if err := arrived(t, g, m); err != nil {
				t.Error(err)
			}
			if s := g.status("web"); s.State != tt.state || s.Instance != tt.starts || !s.Ready {
				t.Errorf("it has come to %+v", s)
			}
		})
	}
	t.Run("a restart whose stop is under way", func(t *testing.T) {
		writeFile(up, "")
		g := newRig(t, services(*slow(), service("db", "exec sleep 600")))
		g.hot = true
		stopping := func() bool { return g.status("web").State == supervise.Stopping }
		f := &freezer{booting: true, during: func() {
			if !stopping() {
				t.Error("its stop is over")
			}
			time.AfterFunc(50*time.Millisecond, func() { writeFile(up, "") })
		}}
		m := g.manager(session.WithFreezer(f))
		boot(t, m)
		if err := os.Remove(up); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Change(limit(t), supervise.ActionRestart, []string{"web"}, false); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it stops", stopping)
		if err := arrived(t, g, m); err != nil {
			t.Error(err)
		}
		if s := g.status("web"); s.State != supervise.Ready || s.Instance != 2 {
			t.Errorf("it has come to %+v", s)
		}
	})
	t.Run("a restart that fails", func(t *testing.T) {
		writeFile(up, "")
		bad := service("web", "[ -e "+up+" ] || exit 7; echo up; exec sleep 600")
		bad.Ready = &manifest.Ready{Log: "^up$", Timeout: patient}
		g := newRig(t, services(bad))
		g.hot = true
		f := &freezer{booting: true, during: func() {
			if err := os.Remove(up); err != nil {
				t.Error(err)
			}
			if _, err := g.Change(limit(t), supervise.ActionRestart, []string{"web"}, false); err != nil {
				t.Error(err)
			}
		}}
		m := g.manager(session.WithFreezer(f))
		boot(t, m)
		if err := arrived(t, g, m); err == nil || !strings.Contains(err.Error(), `cannot start service "web": it ended before it was ready (exit status 7)`) {
			t.Errorf("error %v", err)
		}
	})
}
