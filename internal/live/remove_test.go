package live_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/live"
)

func TestRemoveLeavesAloneWhatIsKept(t *testing.T) {
	l := api.Home{Dir: t.TempDir()}.Live("shop")
	lock, err := live.Lock(l)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(l.Logs(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := live.Remove(l); !errors.Is(err, live.ErrLocked) {
		t.Errorf("of one that is kept: %v", err)
	}
	lock.Close()
	if err := os.WriteFile(l.Record(), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := live.Remove(l); !errors.Is(err, live.ErrLocked) {
		t.Errorf("of one on record: %v", err)
	}
	if _, err := os.Stat(l.Logs()); err != nil {
		t.Error(err)
	}
	if err := os.Remove(l.Record()); err != nil {
		t.Fatal(err)
	}
	if err := live.Remove(l); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(l.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is still its folder: %v", err)
	}
}

// Whoever has the lock has the one that the next would find, though others
// remove the folder all the time; and nobody else has it.
func TestLockIsInTheFolderThatThereIs(t *testing.T) {
	l := api.Home{Dir: t.TempDir()}.Live("shop")
	stop := make(chan struct{})
	var remover sync.WaitGroup
	remover.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = live.Remove(l)
			}
		}
	})
	for held := 0; held < 2000; {
		lock, err := live.Lock(l)
		if errors.Is(err, live.ErrLocked) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		held++
		mine := filepath.Join(l.Dir, "mine")
		if err := os.WriteFile(mine, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if other, err := live.Lock(l); !errors.Is(err, live.ErrLocked) {
			other.Close()
			t.Fatalf("two have it: %v", err)
		}
		if _, err := os.Stat(mine); err != nil {
			t.Fatal(err)
		}
		lock.Close()
	}
	close(stop)
	remover.Wait()
}
