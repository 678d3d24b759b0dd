package supervise_test

import (
	"errors"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
)

func TestHurryKillsWhatIsBeingStoppedAndWhatIsStoppedLater(t *testing.T) {
	deaf := func(name string) manifest.Service {
		s := service(name, `trap '' TERM; setsid sh -c 'trap "" TERM; while :; do sleep 0.01; done' & echo up; while :; do sleep 0.01; done`)
		s.Shutdown.Grace = time.Hour
		s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
		return s
	}
	g := newRig(t, services(deaf("one"), deaf("two")))
	g.start("one")
	g.start("two")
	stopped := make(chan error, 1)
	go func() { stopped <- g.Stop(limit(t), "one") }()
	eventually(t, "it is being stopped", func() bool { return g.status("one").State == supervise.Stopping })
	g.Hurry()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	g.stop("two")
}

func TestHurryDoesNotWaitForAHook(t *testing.T) {
	h := said("slow", "")
	h.Shutdown = []string{"/bin/sh", "-c", "echo begun; sleep 3600"}
	h.Timeout = 2 * time.Hour
	man := services()
	man.Hooks = []manifest.Hook{h}
	g := newRig(t, man)
	m := g.manager()
	if _, err := m.Boot(limit(t)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := m.Snapshot(limit(t), false, true)
		done <- err
	}()
	eventually(t, "the hook runs", func() bool { return contains(g.output("slow"), "begun") })
	g.Hurry()
	if err := <-done; err == nil {
		t.Error("a hook that was killed has not failed")
	}
}

func TestEndOfAProgramIsAnExitError(t *testing.T) {
	s := service("job", "exit 7")
	s.Restart.Policy = manifest.RestartNo
	early := service("early", "exit 8")
	early.Ready = &manifest.Ready{Log: "never", Timeout: patient}
	g := newRig(t, services(s, early))
	g.start("job")
	var exit *supervise.ExitError
	eventually(t, "it has ended", func() bool { return errors.As(g.status("job").Err, &exit) })
	if exit.Exit.Code != 7 {
		t.Errorf("exit status %d, want 7", exit.Exit.Code)
	}
	if err := g.Start(limit(t), "early"); !errors.As(err, &exit) || exit.Exit.Code != 8 {
		t.Errorf("%v, want one of exit status 8", err)
	}
}
