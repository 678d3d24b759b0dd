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
	all *holds

	mu       sync.Mutex    // guards all below; taken before holds.mu
	over     chan struct{} // nil: it is not held; else closed when that is over
	quitting bool
	gone     bool // the service has been removed: it is never held again
}

func (h *hold) begin(quitting bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone {
		return
	}
	h.quitting = quitting
	if h.over == nil {
		h.over = make(chan struct{})
		h.all.begin(quitting)
	}
}

func (h *hold) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.endLocked()
}

func (h *hold) endLocked() {
	if h.over != nil {
		close(h.over)
		h.over = nil
		h.all.end()
	}
}

// retire ends the hold for good.
func (h *hold) retire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gone = true
	h.endLocked()
}

// now is the channel to wait for, nil when nothing is held.
func (h *hold) now() (over <-chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.gone:
		return nil, ErrNotFound
	case h.over != nil && h.quitting:
		return nil, ErrQuitting
	}
	return h.over, nil
}

// holds counts the services that are held.
type holds struct {
	mu       sync.Mutex // guards all below
	n        int
	quitting bool
	over     chan struct{} // closed when n comes to 0
}

func (h *holds) begin(quitting bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	h.quitting = quitting
	if h.over == nil {
		h.over = make(chan struct{})
	}
}

func (h *holds) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n--
	if h.n == 0 {
		close(h.over)
		h.over = nil
	}
}

// wait waits until no service is held.
func (h *holds) wait(ctx context.Context) error {
	h.mu.Lock()
	over, quitting := h.over, h.quitting
	h.mu.Unlock()
	switch {
	case over == nil:
		return nil
	case quitting:
		return ErrQuitting
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// acquireForUser makes the caller the one who starts or stops the service, at a
// moment when no snapshot holds it.
func (s *service) acquireForUser(ctx context.Context, acquire func(context.Context) error) error {
	for {
		if err := acquire(ctx); err != nil {
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
