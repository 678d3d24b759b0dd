package serve

import (
	"sync"

	"github.com/seancehq/seance/api"
)

// Hub passes events on to all who listen at the moment.
type Hub struct {
	mu        sync.Mutex
	listeners map[*Listener]struct{}
}

// Listener receives events. Progress may be lost by one who is slow; a result
// never is, unless many more have come before it is taken.
type Listener struct {
	Progress chan api.Event
	Result   chan api.Event
}

const (
	progressKept = 256
	resultsKept  = 8
)

// NewHub makes a hub to which nobody listens.
func NewHub() *Hub { return &Hub{listeners: map[*Listener]struct{}{}} }

// Listen begins to receive, until Leave.
func (h *Hub) Listen() *Listener {
	l := &Listener{make(chan api.Event, progressKept), make(chan api.Event, resultsKept)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners[l] = struct{}{}
	return l
}

// Leave ends it.
func (h *Hub) Leave(l *Listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, l)
}

// Publish passes an event on, and waits for nobody.
func (h *Hub) Publish(e api.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		l.offer(e)
	}
}

func (l *Listener) offer(e api.Event) {
	if e.Type != api.EventResult {
		select {
		case l.Progress <- e:
		default:
		}
		return
	}
	select {
	case l.Result <- e:
		return
	default: // the oldest one gives way
	}
	select {
	case <-l.Result:
	default:
	}
	l.Result <- e // Publish is the only sender, and there is room now
}

// Flush passes on the progress that came before a result.
func (l *Listener) Flush(send func(api.Event)) {
	for {
		select {
		case e := <-l.Progress:
			send(e)
		default:
			return
		}
	}
}
