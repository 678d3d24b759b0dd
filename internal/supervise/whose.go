package supervise

import (
	"errors"
	"os"

	"github.com/seancehq/seance/internal/linux/procfs"
)

// unitOf tells whose a process is: nil for nobody's, and for one that has ended.
func (t *tracker) unitOf(pid int) *unit {
	for range 3 {
		u, err := t.climb(pid)
		if !errors.Is(err, procfs.ErrGone) {
			return u
		}
		// A parent on the way up has ended, and its children have another now; or
		// it is the process itself.
	}
	return nil
}

// dead says that no process of that PID lives.
func (t *tracker) dead(pid int) bool {
	stat, err := t.fs.Stat(pid)
	return errors.Is(err, procfs.ErrGone) || err == nil && stat.Zombie()
}

// climb goes from a process to its parent and so on, up to a program that was
// started here, or to a child of ours.
func (t *tracker) climb(pid int) (*unit, error) {
	for pid > 0 {
		t.mu.Lock()
		u := t.mains[pid]
		t.mu.Unlock()
		if u != nil {
			return u, nil
		}
		stat, err := t.fs.Stat(pid)
		if err != nil {
			return nil, err
		}
		if stat.PPID == os.Getpid() {
			return t.owner(stat), nil
		}
		pid = stat.PPID
	}
	return nil, nil
}
