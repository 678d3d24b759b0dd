package supervise

import (
	"context"
	"errors"
	"maps"
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
	reaper  *reap.Reaper
	fs      *procfs.FS
	marks   bool   // programs can be marked
	cancel  func() // of the reaper's subscription
	onStart func() // see Config.OnStart
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

func newTracker(r *reap.Reaper, proc string, groups *cgroup.Tree, marks reap.Marks) *tracker {
	t := &tracker{
		reaper:   r,
		fs:       procfs.New(proc),
		marks:    reap.CanMark(),
		groups:   groups,
		units:    map[string]*unit{},
		byMark:   map[uint64]*unit{},
		nextMark: marks.First(),
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

// started takes note of a program. Its PID is its Unix session's number too; if
// an older session had the number, no process of that is left.
func (t *tracker) started(u *unit, p *reap.Process) {
	t.mu.Lock()
	t.mains[p.PID()] = u
	t.sessions[p.PID()] = u
	u.sids = append(u.sids, p.PID())
	t.mu.Unlock()
	if t.onStart != nil {
		t.onStart()
	}
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

// still says that the member has not ended, and that its number is not
// another's.
func (t *tracker) still(m member) bool {
	stat, err := t.fs.Stat(m.pid)
	if errors.Is(err, procfs.ErrGone) {
		return false
	}
	return err == nil && stat.Start == m.start && !stat.Zombie()
}
