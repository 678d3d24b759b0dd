package supervise

import (
	"fmt"
	"time"

	"github.com/seancehq/seance/manifest"
)

// State is what a service or a hook is doing.
type State string

// The states. A service without a readiness probe is running and never ready in
// so many words; Status.Ready says of both that others may count on it.
const (
	Pending  State = "pending"  // not yet started
	Starting State = "starting" // its program runs and is not ready yet
	Ready    State = "ready"    // its program runs and its probe has succeeded
	Running  State = "running"  // its program runs and has no probe, or stopped answering it
	Stopping State = "stopping"
	Stopped  State = "stopped" // by seance
	Exited   State = "exited"  // by itself, and is not to be started again
	Backoff  State = "backoff" // ended by itself, and is started again after a delay
	Failed   State = "failed"  // could not be started or stopped; the error says why
)

// live says that a program was started in this state and has not been seen to
// end.
func (s State) live() bool { return s == Starting || s == Ready || s == Running }

// outcome is how an instance came to its end, and what went before.
type outcome struct {
	success  bool // it exited by itself with status 0
	ran      time.Duration
	attempt  int // how many starts in a row before it did not last
	restarts int // by itself, within the window of the limit
}

// decision is what becomes of a service whose program ended by itself, or had
// to be ended because it was not healthy.
type decision struct {
	state   State         // Exited, Failed or Backoff
	delay   time.Duration // before the next start, in Backoff
	attempt int           // how many starts in a row did not last
}

// inWords says when the service is started again.
func (d decision) inWords() string {
	return fmt.Sprintf("starting again in %v", d.delay.Round(time.Millisecond))
}

// jitterShare is how much of a delay is random, so that services that failed
// together do not try again together.
const jitterShare = 0.1

// afterEnd decides about a program that has ended. random is between 0 and 1.
func afterEnd(r manifest.Restart, o outcome, random float64) decision {
	attempt := o.attempt
	if o.ran >= r.ResetAfter {
		attempt = 0
	}
	again := r.Policy == manifest.RestartAlways || r.Policy == manifest.RestartOnFailure && !o.success
	switch {
	case !again:
		return decision{state: Exited}
	case r.Limit > 0 && o.restarts >= r.Limit:
		return decision{state: Failed}
	}
	return decision{state: Backoff, delay: delay(r, attempt, random), attempt: attempt + 1}
}

// delay is the pause before a start that follows attempt others: Delay, doubled
// for each, at most MaxDelay, less a random part.
func delay(r manifest.Restart, attempt int, random float64) time.Duration {
	d := r.Delay
	for range attempt {
		if d >= r.MaxDelay/2 {
			d = r.MaxDelay
			break
		}
		d *= 2
	}
	d = min(d, r.MaxDelay)
	return d - time.Duration(random*jitterShare*float64(d))
}

// pace is how often a probe is made until a service is ready. A quick service
// is seen to be so at once, and a slow one costs little: the pause is a share of
// the time waited so far.
type pace struct {
	share time.Duration // one of so many parts
	last  time.Duration // the longest
}

// What asks over the network costs little; a command is a process each time.
var (
	networkPace = pace{share: 8, last: 100 * time.Millisecond}
	commandPace = pace{share: 2, last: 250 * time.Millisecond}
)

// pollFirst is the first pause.
const pollFirst = 2 * time.Millisecond

// next is the pause that follows a pause of d.
func (p pace) next(d time.Duration) time.Duration { return min(d+d/p.share, p.last) }

func paceOf(r *manifest.Ready) pace {
	if len(r.Command) > 0 {
		return commandPace
	}
	return networkPace
}

// startupPlan is what Startup does with a service.
type startupPlan int

const (
	leave  startupPlan = iota // as it is
	launch                    // start it
	verify                    // it runs: see that it still answers
)

// onStartup decides what a start-up does. suspended says that the last
// shut-down stopped the service, disabled that nobody wants it at first.
func onStartup(state State, suspended, disabled, booting bool) startupPlan {
	switch {
	case state == Pending && !disabled || suspended:
		return launch
	case booting && (state == Ready || state == Running):
		return verify
	}
	return leave
}

// staysUp decides what a shut-down does: whether the service goes on. hot says
// that the freezer keeps memory.
func staysUp(saving, quitting, hot bool) bool {
	return !quitting || saving && hot
}
