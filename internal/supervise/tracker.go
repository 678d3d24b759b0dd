package supervise

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/seancehq/seance/internal/linux/cgroup"
	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/internal/linux/reap"
)

// tracker knows which processes are whose.
//
// Everything that lives of what was once started hangs below a child of this
// process: below a program that was started here, or below a stray, an orphan
// that was re-parented to us. A stray belongs to the unit whose control group it
// is in or whose mark it has ([reap.ReadMark]), neither of which a process loses
// by what it does to its parents, its session or its environment. Where there is
// neither it is that of the Unix session it is in, else the one it was seen below
// before it lost its parent, else the one that its environment names. All below
// it is the same unit's.
//
// So when a unit's program has ended and there is no stray, nothing of the unit
// is left, which costs one look at our own list of children. Only when there
// are strays is /proc scanned, once for all who ask at the time.
type tracker struct {
	reaper *reap.Reaper
	fs     *procfs.FS
	marks  bool   // programs can be marked
	cancel func() // of the reaper's subscription
	// hurried ends when there is no time any more to ask a process to end.
	hurried context.Context
	hurry   context.CancelFunc
	wg      sync.WaitGroup

	mu       sync.Mutex // guards all below
	groups   *cgroup.Tree
	units    map[string]*unit // by key
	byMark   map[uint64]*unit
	nextMark uint64
	mains    map[int]*unit // by PID, of programs that have not been reaped
	sessions map[int]*unit // by Unix session, while a process may be in it
	known    map[int]seen  // by PID, as of the last census that saw it
	waiting  map[chan struct{}]bool
	next     *census // asked for and not begun
	running  bool    // a census is being taken
}

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

// seen is a process that was below a unit.
type seen struct {
	unit  *unit
	start uint64
}

// member is a process of a unit.
type member struct {
	pid   int
	pgid  int
	sid   int
	start uint64
	comm  string
	state byte

	threads int
	cpu     time.Duration
	rss     int64
}

// census is what a look at the processes found.
type census struct {
	tree    bool // the units' programs themselves are looked at too
	done    chan struct{}
	members map[*unit][]member
	nobodys []member
	// settled says that no process was seen in the middle of its end: those
	// that are not in the census do not exist.
	settled bool
	err     error
}

func newTracker(r *reap.Reaper, proc string, groups *cgroup.Tree) *tracker {
	t := &tracker{
		reaper:   r,
		fs:       procfs.New(proc),
		marks:    reap.CanMark(),
		groups:   groups,
		units:    map[string]*unit{},
		byMark:   map[uint64]*unit{},
		nextMark: firstMark(),
		mains:    map[int]*unit{},
		sessions: map[int]*unit{},
		known:    map[int]seen{},
		waiting:  map[chan struct{}]bool{},
	}
	t.hurried, t.hurry = context.WithCancel(context.Background())
	t.cancel = r.OnOrphan(t.wake)
	return t
}

// close waits for the census being taken, if there is one.
func (t *tracker) close() {
	t.cancel()
	t.hurry()
	t.wg.Wait()
}

// firstMark is where the marks of one supervisor begin: those of another, below
// it or above it, are others.
func firstMark() uint64 { return reap.MinMark + uint64(rand.Uint32())<<24 }

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

// started takes note of a program. Its PID is its Unix session's number too; if
// an older session had the number, no process of that is left.
func (t *tracker) started(u *unit, p *reap.Process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mains[p.PID()] = u
	t.sessions[p.PID()] = u
	u.sids = append(u.sids, p.PID())
}

func (t *tracker) ended(p *reap.Process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.mains, p.PID())
}

// forget drops what is known of a unit of which no process is left.
func (t *tracker) forget(u *unit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u.sids = slices.DeleteFunc(u.sids, func(sid int) bool {
		if t.mains[sid] == u {
			return false // started again meanwhile
		}
		if t.sessions[sid] == u {
			delete(t.sessions, sid)
		}
		return true
	})
	t.forgetPIDsLocked(u)
}

func (t *tracker) forgetPIDsLocked(u *unit) {
	for _, pid := range u.pids {
		if t.known[pid].unit == u {
			delete(t.known, pid)
		}
	}
	u.pids = nil
}

// subscribe gives a channel that gets a value after orphans were reaped.
func (t *tracker) subscribe() (wake chan struct{}, cancel func()) {
	wake = make(chan struct{}, 1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting[wake] = true
	return wake, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.waiting, wake)
	}
}

func (t *tracker) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.waiting {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// take takes a census that begins after this call. tree asks for the units'
// programs too, and not only for what they left behind.
func (t *tracker) take(tree bool) *census {
	t.mu.Lock()
	c := t.next
	if c == nil {
		c = &census{done: make(chan struct{})}
		t.next = c
	}
	c.tree = c.tree || tree
	if !t.running {
		t.running = true
		t.wg.Go(t.run)
	}
	t.mu.Unlock()
	<-c.done
	return c
}

// run takes one census after the other until nobody asks for more.
func (t *tracker) run() {
	for {
		t.mu.Lock()
		c := t.next
		t.next = nil
		if c == nil {
			t.running = false
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()
		c.err = t.look(c)
		close(c.done)
	}
}

func (t *tracker) look(c *census) error {
	before := t.reaper.Orphans()
	strays, err := t.reaper.Strays()
	if err != nil {
		return err
	}
	c.settled = true
	if len(strays) == 0 && !c.tree {
		return nil
	}
	stats, err := t.fs.Stats()
	if err != nil {
		return err
	}
	t.assign(c, newForest(stats), strays)
	// A stray that was reaped meanwhile may have left children that were not
	// ours when we looked.
	c.settled = c.settled && t.reaper.Orphans() == before
	return nil
}

// assign finds the unit of each process.
func (t *tracker) assign(c *census, f *forest, strays []int) {
	roots := map[int]*unit{}
	for _, pid := range strays {
		stat, ok := f.stats[pid]
		if !ok || stat.Zombie() {
			c.settled = false // its children become ours any moment
			continue
		}
		roots[pid] = t.owner(stat)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(roots, t.mains)
	c.members = map[*unit][]member{}
	for _, pid := range slices.Sorted(maps.Keys(roots)) {
		u := roots[pid]
		if u == nil {
			c.nobodys = f.below(c.nobodys, pid)
			continue
		}
		c.members[u] = f.below(c.members[u], pid)
	}
	for u, members := range c.members {
		t.forgetPIDsLocked(u)
		for _, m := range members {
			t.known[m.pid] = seen{u, m.start}
			u.pids = append(u.pids, m.pid)
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
	u := t.byMark[mark]
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

// forest is the processes by their parents.
type forest struct {
	stats    map[int]procfs.Stat
	children map[int][]int
}

func newForest(stats []procfs.Stat) *forest {
	f := &forest{stats: make(map[int]procfs.Stat, len(stats)), children: make(map[int][]int, len(stats))}
	for _, s := range stats {
		f.stats[s.PID] = s
		f.children[s.PPID] = append(f.children[s.PPID], s.PID)
	}
	return f
}

// below appends the process and all its descendants that have not ended.
func (f *forest) below(members []member, pid int) []member {
	if s, ok := f.stats[pid]; ok && !s.Zombie() {
		members = append(members, member{
			pid: pid, pgid: s.PGID, sid: s.SID, start: s.Start, comm: s.Comm, state: s.State,
			threads: s.Threads, cpu: s.CPU, rss: s.RSS,
		})
	}
	for _, child := range f.children[pid] {
		members = f.below(members, child)
	}
	return members
}

// still says that the member has not ended, and that its number is not
// another's.
func (t *tracker) still(m member) bool {
	stat, err := t.fs.Stat(m.pid)
	if errors.Is(err, procfs.ErrGone) {
		return false
	}
	return err == nil && stat.Start == m.start && !stat.Zombie()
}
