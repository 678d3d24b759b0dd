package pid1

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seancehq/seance/internal/linux/procfs"
)

// killWait is how long after SIGKILL a process may take to be gone. One that
// is still there waits in the kernel for a device.
const killWait = 5 * time.Second

// look is how often is looked at what is left.
const look = 5 * time.Millisecond

// endRest ends all that the program left behind: SIGTERM, and SIGKILL after a
// while. It returns as soon as the last one is gone.
func endRest(first bool, g *guard, grace time.Duration) error {
	if reapAll(g) {
		return nil
	}
	e := ending{first: first, guard: g, asked: map[int]bool{}}
	killAt := time.Now().Add(grace)
	for giveUpAt := killAt.Add(killWait); !reapAll(g); time.Sleep(look) {
		now := time.Now()
		if now.After(giveUpAt) {
			return e.survivors()
		}
		if err := e.signal(!now.Before(killAt)); err != nil {
			return err
		}
	}
	return nil
}

// reapAll reaps what has ended, and says if there is no child left but those to spare.
// Then there is no descendant either: those of a child that ends become children.
func reapAll(g *guard) (none bool) {
	for {
		var s syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &s, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return true
		case pid == 0:
			return g.alone()
		default:
			g.reaped(pid, s)
			g.begin()
		}
	}
}

// ending is the end of what is left.
type ending struct {
	first bool
	guard *guard
	asked map[int]bool // to end, by SIGTERM
}

// signal asks those to end that were not asked yet, or kills them all.
func (e *ending) signal(kill bool) error {
	if e.first {
		e.signalAll(kill)
		return nil
	}
	left, err := descendants(e.guard.spares)
	if err != nil {
		return err
	}
	for _, p := range left {
		switch {
		case kill:
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		case !e.asked[p.PID]:
			e.asked[p.PID] = true
			_ = syscall.Kill(p.PID, syscall.SIGTERM)
			_ = syscall.Kill(p.PID, syscall.SIGCONT) // a stopped one does not hear it else
		}
	}
	return nil
}

// signalAll signals all of the PID namespace but us, see kill(2).
func (e *ending) signalAll(kill bool) {
	switch {
	case kill:
		_ = syscall.Kill(-1, syscall.SIGKILL)
	case len(e.asked) == 0:
		e.asked[-1] = true
		_ = syscall.Kill(-1, syscall.SIGTERM)
		_ = syscall.Kill(-1, syscall.SIGCONT)
	}
}

// descendants lists all that live and descend from us, but for the children to
// spare and what descends from them. Our own children keep
// their numbers until we reap them. One further down may end in the instant
// before it is sent a signal, but its number is not given out again that soon.
func descendants(spares func(pid int) bool) ([]procfs.Stat, error) {
	// In a PID namespace that has the /proc of another, the numbers are not ours.
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return nil, errors.New("cannot end what the program left running: /proc does not show it")
	}
	stats, err := procfs.New("/proc").Stats()
	if err != nil {
		return nil, fmt.Errorf("cannot end what the program left running: %w", err)
	}
	below := map[int]bool{os.Getpid(): true}
	var all []procfs.Stat
	for grown := true; grown; {
		grown = false
		for _, s := range stats {
			if below[s.PID] || !below[s.PPID] || spares(s.PID) {
				continue
			}
			below[s.PID], grown = true, true
			if !s.Zombie() {
				all = append(all, s)
			}
		}
	}
	return all, nil
}

// survivors names those that outlived SIGKILL.
func (e *ending) survivors() error {
	left, err := descendants(e.guard.spares)
	if err != nil {
		return err
	}
	names := make([]string, len(left))
	for i, p := range left {
		names[i] = fmt.Sprintf("%d (%s, state %c)", p.PID, p.Comm, p.State)
	}
	return errors.New("still there after SIGKILL: " + strings.Join(names, ", "))
}
