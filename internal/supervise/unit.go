package supervise

import (
	"github.com/seancehq/seance/internal/linux/cgroup"
	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/internal/linux/reap"
)

// unit is a service or a hook, as far as it has processes.
type unit struct {
	key  string // names its control group too
	mark uint64 // of its processes, 0: they have none
	// All below is guarded by tracker.mu.
	group *cgroup.Group // nil: it has none
	// What to forget when none is left.
	sids []int // its keys in tracker.sessions
	pids []int // and in tracker.known
}

// unitKey names a unit by the variable of the environment that names it too. It
// is no name of a control file.
func unitKey(env, name string) string {
	kind := "service-"
	if env == envHook {
		kind = "hook-"
	}
	return kind + name
}

func (t *tracker) unit(env, name string) *unit {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := unitKey(env, name)
	u := t.units[key]
	if u == nil {
		u = &unit{key: key}
		t.units[key] = u
		if t.marks {
			u.mark = t.nextMark
			t.nextMark++
			t.byMark[u.mark] = u
		}
	}
	return u
}

// drop forgets a unit that is gone for good.
func (t *tracker) drop(u *unit) {
	t.forget(u)
	t.mu.Lock()
	if t.units[u.key] == u && len(u.sids) == 0 {
		delete(t.units, u.key)
		delete(t.byMark, u.mark)
	}
	group := u.group
	t.mu.Unlock()
	_ = group.Remove() // or it goes with the tree
}

// place is the control group that a program of a unit is started in, nil for
// none, and its mark.
func (t *tracker) place(u *unit) (*cgroup.Group, uint64) {
	t.mu.Lock()
	groups := t.groups
	t.mu.Unlock()
	group, err := groups.Group(u.key)
	if err != nil {
		group = nil // all goes on without
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.groups == groups {
		u.group = group
	}
	return group, u.mark
}

func (t *tracker) groupOf(u *unit) *cgroup.Group {
	t.mu.Lock()
	defer t.mu.Unlock()
	return u.group
}

// isSure says that whatever comes of the unit's program is known for certain.
func (t *tracker) isSure(u *unit) bool { return u.mark != 0 || t.groupOf(u) != nil }

// regroup puts all processes into groups of another tree.
func (t *tracker) regroup(groups *cgroup.Tree) error {
	// Where the old groups are still there, they tell whose a process is.
	if c := t.take(true); c.err != nil {
		return c.err
	}
	t.mu.Lock()
	t.groups = groups
	for _, u := range t.units {
		u.group = nil
	}
	t.mu.Unlock()
	// Who forks while the others are moved leaves a child behind in the group
	// that it was itself in: it is looked again until nobody is.
	moved := map[process]bool{}
	for {
		c := t.take(true)
		if c.err != nil {
			return c.err
		}
		before := len(moved)
		for u, members := range c.members {
			group, _ := t.place(u)
			for _, m := range members {
				key := process{m.pid, m.start}
				if moved[key] {
					continue
				}
				moved[key] = true
				if err := group.Add(m.pid); err != nil && t.still(m) {
					return err
				}
			}
		}
		if len(moved) == before {
			return nil
		}
	}
}

// owner is the unit of a stray, nil if it is nobody's. A stray that has ended
// meanwhile, or belongs to another user and is closed to us, tells less of
// itself.
func (t *tracker) owner(stat procfs.Stat) *unit {
	t.mu.Lock()
	groups := t.groups
	t.mu.Unlock()
	if key, err := groups.Of(stat.PID); err == nil && key != "" {
		if u := t.byKey(key); u != nil {
			return u
		}
	}
	mark, _ := reap.ReadMark(t.fs, stat.PID)
	t.mu.Lock()
	u := t.byMark[reap.Same(mark)]
	if u == nil {
		u = t.sessions[stat.SID]
	}
	if known, ok := t.known[stat.PID]; u == nil && ok && known.start == stat.Start {
		u = known.unit
	}
	t.mu.Unlock()
	if u != nil {
		return u
	}
	for _, env := range []string{envService, envHook} {
		if name, ok, err := t.fs.Getenv(stat.PID, env); err == nil && ok {
			return t.byKey(unitKey(env, name))
		}
	}
	return nil
}

func (t *tracker) byKey(key string) *unit {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.units[key]
}
