package process_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seancehq/seance/process"
)

// Many goroutines do everything at once to one table, and read it meanwhile.
func TestConcurrentUse(t *testing.T) {
	table := process.NewTable(process.WithLimit(400))
	const writers, readers, steps = 6, 3, 3000
	var wg, readersDone sync.WaitGroup
	var stop atomic.Bool
	for i := range uint64(writers) {
		wg.Go(func() { disturb(table, rand.New(rand.NewPCG(i, 1)), steps) })
	}
	for i := range uint64(readers) {
		readersDone.Go(func() {
			rng := rand.New(rand.NewPCG(i, 2))
			for !stop.Load() {
				observe(t, table, process.PID(rng.IntN(400)))
			}
		})
	}
	wg.Wait()
	stop.Store(true)
	readersDone.Wait()
	check(t, table)
	refreeze(t, table)
}

func disturb(table *process.Table, rng *rand.Rand, steps int) {
	options := []process.WaitOptions{0, process.WNOHANG, process.WUNTRACED, process.WNOHANG | process.WNOWAIT | process.WEXITED}
	for range steps {
		name := actions[rng.IntN(len(actions))]
		if rng.IntN(3) == 0 {
			name = "fork"
		}
		a := action{
			name: name, options: options[rng.IntN(len(options))], flag: rng.IntN(2) == 0,
			pid: process.PID(rng.IntN(120)), a: process.PID(rng.IntN(120)), b: process.PID(rng.IntN(120)),
		}
		_, _ = a.do(table)
	}
}

// observe reads all there is to read of one process; what it gets must fit together.
func observe(t *testing.T, table *process.Table, pid process.PID) {
	p, ok := table.Process(pid)
	if ok && p.PID() != pid {
		t.Errorf("process %d was found as %d", p.PID(), pid)
	}
	g := p.Group()
	if s := g.Session(); g.PGID() != 0 && s.SID() == 0 {
		t.Errorf("group %d is in no session", g.PGID())
	}
	if parent := p.Parent(); parent == p && parent.PID() != 0 {
		t.Errorf("process %d is its own parent", p.PID())
	}
	if g, ok := table.Group(pid); ok && g.PGID() != pid {
		t.Errorf("group %d was found as %d", g.PGID(), pid)
	}
	if s, ok := table.Session(pid); ok && s.SID() != pid {
		t.Errorf("session %d was found as %d", s.SID(), pid)
	}
	_, _ = p.State(), p.ThreadCount()
	last := process.PID(-1)
	for q := range table.Processes() {
		if q.PID() <= last {
			t.Errorf("process %d came after %d", q.PID(), last)
		}
		last = q.PID()
	}
}

// A process that is there all the time is seen by every walk, and its getters
// always give an answer, whatever happens around it.
func TestReadersAlwaysSeeWhatStays(t *testing.T) {
	table := process.NewTable(process.WithLimit(2000))
	init := table.Init()
	fixed := fork(t, init)
	a := must[process.Group](t)(fork(t, init).CreateGroup())
	var wg sync.WaitGroup
	var stop atomic.Bool
	wg.Go(func() {
		for !stop.Load() {
			for _, g := range []process.Group{init.Group(), a} {
				if err := fixed.MoveToGroup(g); err != nil {
					t.Error(err)
				}
			}
			if child, err := fixed.Fork(); err == nil {
				_, _ = child.Exit(0)
				_ = child.Free()
			}
		}
	})
	for range 20000 {
		if g := fixed.Group(); g != a && g != init.Group() {
			t.Fatalf("in group %v", g)
		}
		if fixed.Parent() != init || fixed.State() != process.Running || fixed.Session() != init.Session() {
			t.Fatal("a getter gave another answer")
		}
	}
	stop.Store(true)
	wg.Wait()
	check(t, table)
}
