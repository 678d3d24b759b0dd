// Package storm says when to look after children that end fast.
//
// A wake-up costs several times what it costs to reap a child. While there
// would be a wake-up for each of hundreds of ends in a second, they are
// collected from time to time instead.
package storm

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	burst = 32                    // wake-ups that may follow each other at once
	gain  = 20 * time.Millisecond // for one more
	calm  = 100 * time.Millisecond

	// Nobody shall wait long to hear of the end of what it waits for, nor shall
	// many zombies pile up.
	minPause, maxPause  = 5 * time.Millisecond, gain
	fewEnded, manyEnded = 32, 128 // at one look
)

// Gauge tells when children end fast. It is a token bucket, and not a measure
// of single gaps: on a busy machine those that make the storm are often kept
// waiting themselves.
type Gauge struct {
	allowed int       // wake-ups before it is a storm
	since   time.Time // when the last of them was gained
}

// NewGauge makes a Gauge that has seen nothing.
func NewGauge(now time.Time) *Gauge { return &Gauge{burst, now} }

// Wait takes note of a wake-up. It returns how long to wait before children are
// collected: not at all unless there is a storm. It expects that to be done.
func (g *Gauge) Wait(now time.Time) time.Duration {
	gained := max(int(now.Sub(g.since)/gain), 0)
	g.since = g.since.Add(time.Duration(gained) * gain)
	g.allowed = min(g.allowed+gained, burst)
	if g.allowed == 0 {
		g.since = g.since.Add(gain) // the next one, ahead of its time
		return g.since.Sub(now)
	}
	g.allowed--
	return 0
}

// Pace says when to look again during a storm, for those who are not woken up
// while it lasts.
type Pace struct {
	pause time.Duration
	quiet time.Duration // since a look that found something
}

// NewPace is the pace at the beginning of a storm.
func NewPace() *Pace { return &Pace{pause: minPause} }

// Pause is how long to wait for the next look.
func (p *Pace) Pause() time.Duration { return p.pause }

// Looked takes note of how many had ended at a look.
func (p *Pace) Looked(ended int) {
	p.quiet += p.pause
	if ended > 0 {
		p.quiet = 0
	}
	switch {
	case ended < fewEnded:
		p.pause = min(2*p.pause, maxPause)
	case ended > manyEnded:
		p.pause = max(p.pause/2, minPause)
	}
}

// Over says that the storm is.
func (p *Pace) Over() bool { return p.quiet >= calm }

// Sleep sleeps in the kernel, for d or less. A timer of Go's wakes up half of
// the scheduler, which costs more than what there is to do after it.
func Sleep(d time.Duration) {
	if d > 0 {
		t := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&t, nil) // a signal ends it
	}
}
