package supervise_test

import (
	"errors"
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
		"service \"bad\" ended right after its start (exit status 3); its last lines:\n  | no such table",
		"service \"absent\" ended right after its start (exit status 127); its last lines:\n  | ",
	} {
		if !contains([]string{err.Error()}, want) {
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
