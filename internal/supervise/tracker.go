package supervise

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/internal/linux/reap"
)

// tracker knows which processes are whose, without cgroups.
//
// Everything that lives of what was once started hangs below a child of this
// process: below a program that was started here, or below a stray, an orphan
// that was re-parented to us. A stray belongs to the unit whose Unix session it
// is in, else to the one that its environment names, else to the one it was
// seen below before it lost its parent. All below it is the same unit's.
//
// So when a unit's program has ended and there is no stray, nothing of the unit
// is left, which costs one look at our own list of children. Only when there
// are strays is /proc scanned, once for all who ask at the time.
type tracker struct {
	reaper *reap.Reaper
	fs     *procfs.FS
	cancel func() // of the reaper's subscription
	// hurried ends when there is no time any more to ask a process to end.
	hurried context.Context
	hurry   context.CancelFunc
	wg      sync.WaitGroup

	mu       sync.Mutex // guards all below
	units    map[string]*unit
	mains    map[int]*unit // by PID, of programs that have not been reaped
	sessions map[int]*unit // by Unix session, while a process may be in it
	known    map[int]seen  // by PID, as of the last census that saw it
	waiting  map[chan struct{}]bool
	next     *census // asked for and not begun
	running  bool    // a census is being taken
}

// unit is a service or a hook, as far as it has processes.
type unit struct {
	mark string // envService or envHook
	name string
	// What to forget when none is left; guarded by tracker.mu.
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

func newTracker(r *reap.Reaper, proc string) *tracker {
	t := &tracker{
		reaper:   r,
		fs:       procfs.New(proc),
		units:    map[string]*unit{},
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

func (t *tracker) unit(mark, name string) *unit {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := mark + "=" + name
	u := t.units[key]
	if u == nil {
		u = &unit{mark: mark, name: name}
		t.units[key] = u
	}
	return u
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

// owner is the unit of a stray, nil if it is nobody's.
func (t *tracker) owner(stat procfs.Stat) *unit {
	t.mu.Lock()
	u := t.sessions[stat.SID]
	if known, ok := t.known[stat.PID]; u == nil && ok && known.start == stat.Start {
		u = known.unit
	}
	t.mu.Unlock()
	if u != nil {
		return u
	}
	for _, mark := range []string{envService, envHook} {
		// It may have ended, or belong to another user and be closed to us: then
		// it is nobody's for now.
		name, ok, err := t.fs.Getenv(stat.PID, mark)
		if err == nil && ok {
			t.mu.Lock()
			u := t.units[mark+"="+name]
			t.mu.Unlock()
			return u
		}
	}
	return nil
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
			pid: pid, pgid: s.PGID, start: s.Start, comm: s.Comm, state: s.State,
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
