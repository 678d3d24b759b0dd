package reap

import "time"

// A wake-up costs several times what it costs to reap a child. While children
// end so fast that there would be hundreds of wake-ups a second, they are
// collected from time to time instead.
const (
	stormBurst = 32                     // wake-ups that may follow each other at once
	stormGain  = 5 * time.Millisecond   // for one more
	stormQuiet = 100 * time.Millisecond // without an end: it is over

	// Between looks, while it lasts. A look costs as much as a wake-up: it pays
	// when there is something to see. But nobody shall wait long to hear of a
	// service's end, nor shall many zombies pile up.
	minPause, maxPause  = 5 * time.Millisecond, 20 * time.Millisecond
	fewEnded, manyEnded = 32, 128 // at one look
)

// storm finds out when children end fast. It is a token bucket, and not a
// measure of single gaps: on a busy machine those that make the storm are often
// kept waiting themselves.
type storm struct {
	allowed int       // wake-ups before it rages
	since   time.Time // when the last of them was gained
}

func newStorm(now time.Time) *storm { return &storm{stormBurst, now} }

// rages takes note of a wake-up.
func (s *storm) rages(now time.Time) bool {
	gained := int(now.Sub(s.since) / stormGain)
	s.since = s.since.Add(time.Duration(gained) * stormGain)
	if s.allowed = min(s.allowed+gained, stormBurst); s.allowed == 0 {
		return true
	}
	s.allowed--
	return false
}

// pace says when to look again during a storm.
type pace struct {
	pause time.Duration
	quiet time.Duration // since a look that found something
}

func newPace() *pace { return &pace{pause: minPause} }

// over says that the storm is.
func (p *pace) over() bool { return p.quiet >= stormQuiet }

// next takes note of how many had ended at a look, and returns how long to wait
// for the next.
func (p *pace) next(ended int) time.Duration {
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
	return p.pause
}
