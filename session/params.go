package session

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Phase is a stretch of a boot or a snapshot.
type Phase uint8

// The phases, in the order in which a snapshot goes through them.
const (
	Preparing       Phase = iota
	ShuttingDown          // the shut-down list runs
	Freezing              // the freezer saves the image
	Quitting              // the freezer ends the image
	StartingUp            // the start-up list runs
	RunningDeferred       // the deferred actions run
	RollingBack           // what a failed list had done is being undone
	Done
)

var phaseNames = [...]string{"preparing", "shutting down", "freezing", "quitting", "starting up", "deferred actions", "rolling back", "done"}

func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return fmt.Sprintf("Phase(%d)", uint8(p))
}

// MarshalText makes a phase readable in JSON.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Phase) UnmarshalText(text []byte) error {
	i := slices.Index(phaseNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown phase %q: %w", text, ErrInvalid)
	}
	*p = Phase(i)
	return nil
}

// Progress is how far a boot or a snapshot has come.
type Progress struct {
	Phase Phase `json:"phase"`
	// Done of Total handlers of the list that runs have been called and are done with.
	Done  int `json:"done"`
	Total int `json:"total"`
	// Failed of those Done have failed.
	Failed int `json:"failed"`
}

// Snapshot is a snapshot as those see it who take part in it: what was asked, and how far it is.
type Snapshot struct {
	// Save and Quit are what was asked of [Manager.Snapshot]. They stay the same to the end: in the
	// booted copy of an image that was saved to quit, Quit is still true. Only while a failed
	// start-up is rolled back, which ends the session with no save to follow, Save is false
	// and Quit is true.
	Save, Quit bool

	progress *progress
}

// Progress returns how far the snapshot is. It may be called at any time from any goroutine.
func (s *Snapshot) Progress() Progress { return s.progress.get() }

type snapshotKey struct{}

// Progress returns how far the boot or the snapshot under way is, and false when there is none.
func (m *Manager) Progress() (Progress, bool) {
	m.mu.Lock()
	p := m.underway
	m.mu.Unlock()
	if p == nil {
		return Progress{}, false
	}
	return p.get(), true
}

// SnapshotFrom returns the snapshot in which a handler, a deferred action or a freezer is called. There
// is none during [Manager.Boot].
func SnapshotFrom(ctx context.Context) (*Snapshot, bool) {
	s, ok := ctx.Value(snapshotKey{}).(*Snapshot)
	return s, ok
}

// progress is a Progress in the making. Steps are taken without the lock: they belong to the phase
// that was entered last, which does not change before they are all taken.
type progress struct {
	done, failed atomic.Int64

	mu    sync.Mutex
	phase Phase
	total int
}

func (p *progress) get() Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Progress{Phase: p.phase, Total: p.total, Done: int(p.done.Load()), Failed: int(p.failed.Load())}
}

func (p *progress) enter(phase Phase, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase, p.total = phase, total
	p.done.Store(0)
	p.failed.Store(0)
}

func (p *progress) step(failed bool) {
	if failed {
		p.failed.Add(1)
	}
	p.done.Add(1)
}
