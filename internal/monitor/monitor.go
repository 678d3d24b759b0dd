package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/image"
	"github.com/seancehq/seance/internal/criu"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/linux/cgroup"
	"github.com/seancehq/seance/internal/linux/pidfd"
	"github.com/seancehq/seance/internal/live"
	"github.com/seancehq/seance/internal/program"
	"github.com/seancehq/seance/internal/serve"
)

// Monitor keeps one live image.
type Monitor struct {
	home     api.Home
	live     api.Live
	log      *slog.Logger
	programs program.Folder
	hub      *serve.Hub
	criu     *criu.CRIU // nil: the respawn freezer

	// Set when the image comes to life, and only changed by the goroutine
	// that runs life.
	record  live.Record
	groups  *cgroup.Tree // nil: it has no control groups
	init    *pidfd.Handle
	lock    *os.File
	ours    bool           // init is our child
	saved   *api.SavedInfo // what the image was saved as when it quit
	leaving *link.Farewell // init quits on its own after this one

	standby standby

	mu    sync.Mutex
	peer  *link.Peer    // nil while there is no link
	found chan struct{} // closed when peer is set
	state api.State
	runs  []api.HandlerRun // what handlers did in the list that runs, or ran last
	gone  chan struct{}    // closed when the image is
	tail  []api.Notice     // the last that happened in an image that is gone
}

func newMonitor(home api.Home, name string, log *slog.Logger) *Monitor {
	return &Monitor{
		home: home, live: home.Live(name), log: log, programs: program.Folder(home.Programs()),
		hub: serve.NewHub(), found: make(chan struct{}), gone: make(chan struct{}), state: api.StateBooting,
	}
}

func (m *Monitor) setPeer(p *link.Peer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peer = p
	close(m.found)
}

func (m *Monitor) linked() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peer != nil
}

func (m *Monitor) dropPeer() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peer, m.found = nil, make(chan struct{})
}

func (m *Monitor) setState(s api.State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = s
}

func (m *Monitor) stateNow() api.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// borrow returns the link, waiting for there to be one.
func (m *Monitor) borrow(ctx context.Context) (*link.Peer, error) {
	for {
		m.mu.Lock()
		p, found := m.peer, m.found
		m.mu.Unlock()
		if p != nil {
			return p, nil
		}
		if err := wait(m, ctx, found); err != nil {
			return nil, err
		}
	}
}

// awaitOther waits until life has noticed that a link is closed.
func (m *Monitor) awaitOther(ctx context.Context, old *link.Peer) error {
	for {
		m.mu.Lock()
		same := m.peer == old
		m.mu.Unlock()
		if !same {
			return nil
		}
		if err := wait(m, ctx, time.After(time.Millisecond)); err != nil {
			return err
		}
	}
}

func (m *Monitor) errGone() error {
	return &api.Error{Code: api.CodeNotAlive, Message: fmt.Sprintf("image %q is no longer alive", m.live.Name)}
}

// wait waits for a channel, the end of the image or of ctx.
func wait[T any](m *Monitor, ctx context.Context, c <-chan T) error {
	select {
	case <-c:
		return nil
	case <-m.gone:
		return m.errGone()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// openStore opens the image store, which is made when it is missing.
func (m *Monitor) openStore() (*image.Store, error) { return image.Open(m.home.Store()) }
