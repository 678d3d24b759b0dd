package process

import (
	"sync"
	"testing"
	"time"
)

// Owners that do not give the lock back for a while make the others sleep; none of them
// must be forgotten, and no two own it at once.
func TestLockWakesWhoSleeps(t *testing.T) {
	l := newLock()
	const goroutines, rounds = 8, 400
	var wg sync.WaitGroup
	counter := 0
	for range goroutines {
		wg.Go(func() {
			for i := range rounds {
				l.Lock()
				counter++
				if i%50 == 0 {
					time.Sleep(time.Millisecond) // longer than anybody spins
				}
				l.Unlock()
			}
		})
	}
	wg.Wait()
	if counter != goroutines*rounds {
		t.Errorf("counted %d of %d", counter, goroutines*rounds)
	}
}

// A long-lived table of changing size gives its pages back, and its directory with them.
func TestArenaGivesPagesBack(t *testing.T) {
	var a arena[session]
	for range 3 {
		var slots []uint32
		for range 100 * pageSize {
			slots = append(slots, a.alloc())
		}
		for _, slot := range slots {
			a.release(slot)
		}
		pages := 0
		for _, page := range a.pages {
			if page != nil {
				pages++
			}
		}
		if pages > 2 || a.live != 0 || len(a.pages) > 64 {
			t.Errorf("%d pages, %d records, directory of %d", pages, a.live, len(a.pages))
		}
	}
	seen := make(map[uint32]bool)
	for range 10 * pageSize {
		slot := a.alloc()
		if slot == 0 || seen[slot] {
			t.Fatalf("slot %d is given out twice", slot)
		}
		seen[slot] = true
	}
}
