package supervise

import (
	"context"
	"errors"
	"sync"
)

// ErrQuitting says that the image is being quit: nothing more is started.
var ErrQuitting = errors.New("the image is quitting")

// ErrClosed says that the supervisor has been closed.
var ErrClosed = errors.New("the supervisor is closed")

// hold keeps users from changing a service between its Shutdown and its Startup
// in a snapshot. The snapshot waits for nobody.
type hold struct {
	mu       sync.Mutex    // guards all below
	over     chan struct{} // nil: nothing is held; else closed when that is over
	quitting bool
}

func (h *hold) begin(quitting bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.quitting = quitting
	if h.over == nil {
		h.over = make(chan struct{})
	}
}

func (h *hold) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over != nil {
		close(h.over)
		h.over = nil
	}
}

// now is the channel to wait for, nil when nothing is held.
func (h *hold) now() (over <-chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over != nil && h.quitting {
		return nil, ErrQuitting
	}
	return h.over, nil
}

// acquireForUser makes the caller the one who starts or stops the service, at a
// moment when no snapshot holds it.
func (s *service) acquireForUser(ctx context.Context) error {
	for {
		if err := s.acquire(ctx); err != nil {
			return err
		}
		over, err := s.hold.now()
		if over == nil && err == nil {
			return nil
		}
		s.release()
		if err != nil {
			return err
		}
		select {
		case <-over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
