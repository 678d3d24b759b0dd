package reap

import (
	"testing"
	"time"
)

func TestStormIsTold(t *testing.T) {
	tests := []struct {
		name  string
		gap   time.Duration // between wake-ups
		pause time.Duration // after each 20 of them
		want  bool          // that it rages before 1,000 of them
	}{
		{"in a row", 0, 0, true},
		{"a few in a millisecond", 300 * time.Microsecond, 0, true},
		{"so, with pauses", 300 * time.Microsecond, 20 * time.Millisecond, true},
		{"a hundred a second", 10 * time.Millisecond, 0, false},
		{"twenty at once, now and then", 0, 100 * time.Millisecond, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Unix(1, 0)
			s := newStorm(now)
			got := false
			for i := range 1000 {
				now = now.Add(tt.gap)
				if i%20 == 19 {
					now = now.Add(tt.pause)
				}
				got = got || s.rages(now)
			}
			if got != tt.want {
				t.Errorf("it rages: %v, want %v", got, tt.want)
			}
		})
	}
}

func TestStormEnds(t *testing.T) {
	now := time.Unix(1, 0)
	s := newStorm(now)
	for !s.rages(now) {
	}
	if !s.rages(now) {
		t.Error("it was over at once")
	}
	if s.rages(now.Add(time.Second)) {
		t.Error("it still rages a second later")
	}
}

func TestPaceFollowsTheStorm(t *testing.T) {
	p := newPace()
	for range 10 {
		p.next(1)
	}
	if p.pause != maxPause {
		t.Errorf("a pause of %v when there is little to see", p.pause)
	}
	for range 10 {
		p.next(1000)
	}
	if p.pause != minPause {
		t.Errorf("a pause of %v when there is much to see", p.pause)
	}
	var slept time.Duration
	for !p.over() {
		slept += p.pause
		p.next(0)
	}
	if slept < stormQuiet || slept > stormQuiet+2*maxPause {
		t.Errorf("over after %v without an end", slept)
	}
}
