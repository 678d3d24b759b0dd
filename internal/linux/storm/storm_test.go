package storm

import (
	"testing"
	"time"
)

func TestStormIsTold(t *testing.T) {
	tests := []struct {
		name  string
		gap   time.Duration // between wake-ups
		pause time.Duration // after each 20 of them
		want  bool          // that one of 1,000 has to wait
	}{
		{"in a row", 0, 0, true},
		{"a few in a millisecond", 300 * time.Microsecond, 0, true},
		{"so, with pauses", 300 * time.Microsecond, 50 * time.Millisecond, true},
		{"forty a second", 25 * time.Millisecond, 0, false},
		{"twenty at once, now and then", 0, 500 * time.Millisecond, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Unix(1, 0)
			g := NewGauge(now)
			got := false
			for i := range 1000 {
				now = now.Add(tt.gap)
				if i%20 == 19 {
					now = now.Add(tt.pause)
				}
				got = got || g.Wait(now) > 0
			}
			if got != tt.want {
				t.Errorf("one has to wait: %v, want %v", got, tt.want)
			}
		})
	}
}

// Whoever waits as told is woken up once in each gain.
func TestWaitIsUntilTheNextOne(t *testing.T) {
	now := time.Unix(1, 0)
	g := NewGauge(now)
	for range burst {
		g.Wait(now)
	}
	began := now
	for range 100 {
		wait := g.Wait(now)
		if wait <= 0 || wait > gain {
			t.Fatalf("told to wait %v", wait)
		}
		now = now.Add(wait + gain/10) // and then comes the next end
	}
	if took := now.Sub(began); took != 100*gain+gain/10 {
		t.Errorf("100 wake-ups in %v", took)
	}
	if g.Wait(now.Add(time.Second)) != 0 {
		t.Error("it still rages a second later")
	}
}

func TestPaceFollowsTheStorm(t *testing.T) {
	p := NewPace()
	for range 10 {
		p.Looked(1)
	}
	if p.Pause() != maxPause {
		t.Errorf("a pause of %v when there is little to see", p.Pause())
	}
	for range 10 {
		p.Looked(1000)
	}
	if p.Pause() != minPause {
		t.Errorf("a pause of %v when there is much to see", p.Pause())
	}
	var slept time.Duration
	for !p.Over() {
		slept += p.Pause()
		p.Looked(0)
	}
	if slept < calm || slept > calm+2*maxPause {
		t.Errorf("over after %v without an end", slept)
	}
}
