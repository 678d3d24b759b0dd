package supervise

import (
	"testing"
	"time"

	"github.com/seancehq/seance/manifest"
)

func TestAfterEnd(t *testing.T) {
	const success, failure = true, false
	restart := func(p manifest.RestartPolicy) manifest.Restart {
		return manifest.Restart{Policy: p, Delay: time.Second, MaxDelay: 10 * time.Second, ResetAfter: time.Minute}
	}
	tests := []struct {
		name    string
		policy  manifest.RestartPolicy
		success bool
		ran     time.Duration
		attempt int
		want    decision
	}{
		{"no, failure", manifest.RestartNo, failure, 0, 0, decision{state: Exited}},
		{"on failure, success", manifest.RestartOnFailure, success, 0, 3, decision{state: Exited}},
		{"on failure, failure", manifest.RestartOnFailure, failure, 0, 0, decision{Backoff, time.Second, 1}},
		{"always, success", manifest.RestartAlways, success, 0, 0, decision{Backoff, time.Second, 1}},
		{"second in a row", manifest.RestartAlways, failure, 59 * time.Second, 1, decision{Backoff, 2 * time.Second, 2}},
		{"third in a row", manifest.RestartAlways, failure, 0, 2, decision{Backoff, 4 * time.Second, 3}},
		{"at the cap", manifest.RestartAlways, failure, 0, 4, decision{Backoff, 10 * time.Second, 5}},
		{"far beyond the cap", manifest.RestartAlways, failure, 0, 1 << 40, decision{Backoff, 10 * time.Second, 1<<40 + 1}},
		{"after a healthy while", manifest.RestartAlways, failure, time.Minute, 7, decision{Backoff, time.Second, 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := afterEnd(restart(test.policy), outcome{success: test.success, ran: test.ran, attempt: test.attempt}, 0); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestLimitOfRestarts(t *testing.T) {
	r := manifest.Restart{Policy: manifest.RestartOnFailure, Delay: time.Second, MaxDelay: time.Second, ResetAfter: time.Minute, Limit: 3, Within: time.Minute}
	for restarts, want := range map[int]State{0: Backoff, 2: Backoff, 3: Failed, 4: Failed} {
		if d := afterEnd(r, outcome{restarts: restarts}, 0); d.state != want {
			t.Errorf("after %d restarts: %+v, want %s", restarts, d, want)
		}
	}
	if d := afterEnd(r, outcome{success: true, restarts: 3}, 0); d.state != Exited {
		t.Errorf("one that ended as it should: %+v", d)
	}
	r.Limit = 0
	if d := afterEnd(r, outcome{restarts: 1000}, 0); d.state != Backoff {
		t.Errorf("without a limit: %+v", d)
	}
}

func TestDelayIsSpread(t *testing.T) {
	r := manifest.Restart{Delay: time.Second, MaxDelay: 10 * time.Second}
	for random, want := range map[float64]time.Duration{0: 4 * time.Second, 0.5: 3800 * time.Millisecond, 1: 3600 * time.Millisecond} {
		if got := delay(r, 2, random); got != want {
			t.Errorf("random %v: %v, want %v", random, got, want)
		}
	}
	short := manifest.Restart{Delay: time.Minute, MaxDelay: time.Second}
	if got := delay(short, 0, 0); got != time.Second {
		t.Errorf("a delay above its cap: %v", got)
	}
	if got := delay(manifest.Restart{}, 100, 0); got != 0 {
		t.Errorf("no delay: %v", got)
	}
}

func TestPollsBackOff(t *testing.T) {
	for _, p := range []pace{networkPace, commandPace} {
		total, n := time.Duration(0), 0
		for d := pollFirst; d < p.last; d = p.next(d) {
			total, n = total+d, n+1
			if next := p.next(d); next > pollFirst+(total+d)/p.share {
				t.Errorf("%+v: a pause of %v after %v", p, next, total)
			}
		}
		if n < 10 || total > time.Second {
			t.Errorf("%+v: %d polls in %v before the longest pause", p, n, total)
		}
		if p.next(p.last) != p.last {
			t.Errorf("%+v: the pause grows to %v", p, p.next(p.last))
		}
	}
}

func TestOnStartup(t *testing.T) {
	tests := []struct {
		state              State
		suspended, booting bool
		want               startupPlan
	}{
		{Pending, false, true, launch},
		{Pending, false, false, launch},
		{Stopped, true, false, launch}, // the quit failed
		{Stopped, true, true, launch},
		{Failed, true, true, launch},
		{Stopped, false, true, leave}, // by the user
		{Exited, false, true, leave},
		{Backoff, false, true, leave},
		{Failed, false, true, leave},
		{Ready, false, false, leave},
		{Ready, false, true, verify},
		{Running, false, true, verify},
		{Starting, false, true, leave},
	}
	for _, test := range tests {
		if got := onStartup(test.state, test.suspended, false, test.booting); got != test.want {
			t.Errorf("%+v: got %v", test, got)
		}
	}
	if got := onStartup(Pending, false, true, true); got != leave {
		t.Errorf("one that is disabled: got %v", got)
	}
	if got := onStartup(Stopped, true, true, false); got != launch {
		t.Errorf("one that is disabled and was started by hand before the shut-down: got %v", got)
	}
}

func TestStaysUp(t *testing.T) {
	tests := []struct{ saving, quitting, hot, want bool }{
		{true, false, true, true},
		{true, false, false, true}, // merely saved
		{true, true, true, true},   // frozen with its memory
		{true, true, false, false},
		{false, true, true, false},
		{false, true, false, false},
	}
	for _, test := range tests {
		if got := staysUp(test.saving, test.quitting, test.hot); got != test.want {
			t.Errorf("%+v: got %v", test, got)
		}
	}
}
