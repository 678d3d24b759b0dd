package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/seancehq/seance/internal/linux/reap"
)

const (
	// killWait is how long after SIGKILL a process may take to be gone. One that
	// is still there waits in the kernel for a device.
	killWait = 5 * time.Second
	// hurry is what remains of it once the caller has given up.
	hurry = 700 * time.Millisecond
	// recheck is how often the rest of a unit is looked at without an event: a
	// process that keeps forking while it is killed is chased, and costs nothing
	// when there is none.
	recheck = 50 * time.Millisecond
)

// SurvivorsError says that processes outlived SIGKILL.
type SurvivorsError struct {
	Processes []string // "PID (NAME, state S)"
}

func (e *SurvivorsError) Error() string {
	return fmt.Sprintf("still there after SIGKILL: %s; a process in state D waits for a device or a network disk, and ends when that answers",
		strings.Join(e.Processes, ", "))
}

// ending is the end of one unit's processes.
type ending struct {
	t        *tracker
	u        *unit
	main     *reap.Process // nil: it has none
	signals  []syscall.Signal
	own      map[int]bool     // the Unix sessions that end; nil: all the unit's processes do
	group    int              // that got the signals, 0: none did
	asked    map[process]bool // that got them one by one
	killing  bool
	lastSeen []member
	spared   []member
}

// process names a process for as long as it is not frozen and restored.
type process struct {
	pid   int
	start uint64
}

// end ends all processes of a unit: it sends the signals to the group of its
// program, and when that has ended to what it has left behind; after grace, or
// when ctx is done, SIGKILL to all. It returns the moment the last one is gone.
// Of a detached unit only those end that are in a Unix session that a program of
// it was started with; it returns the others.
func (t *tracker) end(ctx context.Context, u *unit, main *reap.Process, signals []syscall.Signal, grace time.Duration, detached bool) (spared []member, err error) {
	ctx, done := t.hasty(ctx)
	defer done()
	e := &ending{t: t, u: u, main: main, signals: signals, asked: map[process]bool{}}
	if detached {
		e.own = t.sessionsOf(u)
	}
	if e.mainLives() {
		if !t.isSure(u) {
			// Remember who is below the program: one of them that has left its Unix
			// session and cleared its environment is known by this alone.
			if c := t.take(true); c.err != nil {
				return nil, c.err
			}
		}
		e.askMain()
	}
	graceOver := time.NewTimer(grace)
	defer graceOver.Stop()
	if err := e.awaitMain(ctx, graceOver.C); err != nil {
		return nil, err
	}
	err = e.awaitRest(ctx, graceOver.C)
	return e.spared, err
}

func (t *tracker) sessionsOf(u *unit) map[int]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := map[int]bool{}
	for _, sid := range u.sids {
		own[sid] = true
	}
	return own
}

func (e *ending) mainLives() bool {
	if e.main == nil {
		return false
	}
	_, ended := e.main.Exit()
	return !ended
}

func (e *ending) askMain() {
	for _, sig := range e.signals {
		if err := e.main.SignalGroup(sig); err != nil {
			return // it has ended meanwhile; what it left behind is asked one by one
		}
		e.group = e.main.PID()
	}
}

// awaitMain waits for the program itself. No process is looked at: most
// services end here.
func (e *ending) awaitMain(ctx context.Context, graceOver <-chan time.Time) error {
	if e.main == nil {
		return nil
	}
	select {
	case <-e.main.Done():
		return nil
	case <-graceOver:
	case <-ctx.Done():
	}
	e.killing = true
	_ = e.main.SignalGroup(syscall.SIGKILL)
	select {
	case <-e.main.Done():
		return nil
	case <-time.After(patience(ctx)):
		return &SurvivorsError{[]string{fmt.Sprintf("%d", e.main.PID())}}
	}
}

// awaitRest waits for what the program left behind.
func (e *ending) awaitRest(ctx context.Context, graceOver <-chan time.Time) error {
	gone, err := e.check()
	if gone || err != nil {
		return err
	}
	wake, cancel := e.t.subscribe()
	defer cancel()
	var tooLong <-chan time.Time
	kill := func() {
		e.killing = true
		tooLong = time.After(patience(ctx))
		graceOver = nil
	}
	if e.killing {
		kill()
	}
	again := time.NewTicker(recheck)
	defer again.Stop()
	given := ctx.Done()
	for {
		// After the subscription: an end before it has woken nobody.
		if gone, err := e.check(); gone || err != nil {
			return err
		}
		select {
		case <-wake:
		case <-again.C:
		case <-graceOver:
			kill()
		case <-given:
			given = nil
			kill()
		case <-tooLong:
			return &SurvivorsError{describe(e.lastSeen)}
		}
	}
}

// patience is how long to wait after SIGKILL.
func patience(ctx context.Context) time.Duration {
	if ctx.Err() != nil {
		return hurry
	}
	return killWait
}

// check looks for what is left, and sends it the signals that are due.
func (e *ending) check() (gone bool, err error) {
	c := e.t.take(false)
	if c.err != nil {
		return false, c.err
	}
	left := c.members[e.u]
	if e.own != nil {
		left, e.spared = split(left, func(m member) bool { return e.own[m.sid] })
	}
	if len(left) == 0 && c.settled {
		if len(e.spared) == 0 {
			e.t.forget(e.u)
		}
		return true, nil
	}
	e.lastSeen = left
	if e.killing && e.own == nil {
		// At once, before one of them can fork. What that does not reach is killed
		// one by one.
		_ = e.t.groupOf(e.u).KillNow()
	}
	for _, m := range left {
		e.t.signal(m, e.due(m))
	}
	return false, nil
}

func split(all []member, in func(member) bool) (yes, no []member) {
	for _, m := range all {
		if in(m) {
			yes = append(yes, m)
		} else {
			no = append(no, m)
		}
	}
	return yes, no
}

func (e *ending) due(m member) []syscall.Signal {
	if e.killing {
		return []syscall.Signal{syscall.SIGKILL}
	}
	// What is in the group got the signals with it. It may be cleaning up, and a
	// command that it started to do so must not get them now.
	key := process{m.pid, m.start}
	if e.asked[key] || e.group != 0 && m.pgid == e.group {
		return nil
	}
	e.asked[key] = true
	return e.signals
}

// signal sends signals to one process, unless it has ended.
func (t *tracker) signal(m member, signals []syscall.Signal) {
	for _, sig := range signals {
		err := t.reaper.SignalStray(m.pid, sig, func() bool { return t.still(m) })
		if errors.Is(err, os.ErrProcessDone) {
			return
		}
	}
}

// endAll ends every process that was re-parented to us, whoever it belongs to,
// but for those of the units that are spared.
func (t *tracker) endAll(ctx context.Context, grace time.Duration, spared map[*unit]bool) error {
	wake, cancel := t.subscribe()
	defer cancel()
	again := time.NewTicker(recheck)
	defer again.Stop()
	e := &ending{t: t, asked: map[process]bool{}, signals: []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT}}
	killAt := time.After(grace)
	giveUp := time.After(grace + killWait)
	given := ctx.Done()
	for {
		c := t.take(false)
		if c.err != nil {
			return c.err
		}
		left := c.nobodys
		for u, members := range c.members {
			if !spared[u] {
				left = append(left, members...)
			}
		}
		if len(left) == 0 && c.settled {
			return nil
		}
		for _, m := range left {
			t.signal(m, e.due(m))
		}
		select {
		case <-wake:
		case <-again.C:
		case <-killAt:
			e.killing = true
		case <-given:
			given, e.killing, giveUp = nil, true, time.After(hurry)
		case <-giveUp:
			return &SurvivorsError{describe(left)}
		}
	}
}

func describe(members []member) []string {
	names := make([]string, 0, len(members))
	for _, m := range members {
		names = append(names, fmt.Sprintf("%d (%s, state %c)", m.pid, m.comm, m.state))
	}
	return names
}

// namesOf is describe for those that may live.
func namesOf(members []member) []string {
	var names []string
	for _, m := range members {
		names = append(names, fmt.Sprintf("%d (%s)", m.pid, m.comm))
	}
	return names
}
