package monitor

import (
	"sync"

	"github.com/seancehq/seance/api"
)

// hub passes events on to all who listen at the moment.
type hub struct {
	mu        sync.Mutex
	listeners map[*listener]struct{}
}

// listener receives events. Progress may be lost by one who is slow; a result
// never is, unless many more have come before it is taken.
type listener struct {
	progress chan api.Event
	result   chan api.Event
}

const (
	progressKept = 256
	resultsKept  = 8
)

func newHub() *hub { return &hub{listeners: map[*listener]struct{}{}} }

func (h *hub) listen() *listener {
	l := &listener{make(chan api.Event, progressKept), make(chan api.Event, resultsKept)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners[l] = struct{}{}
	return l
}

func (h *hub) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, l)
}

func (h *hub) publish(e api.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		l.offer(e)
	}
}

func (l *listener) offer(e api.Event) {
	if e.Type != api.EventResult {
		select {
		case l.progress <- e:
		default:
		}
		return
	}
	select {
	case l.result <- e:
		return
	default: // the oldest one gives way
	}
	select {
	case <-l.result:
	default:
	}
	l.result <- e // publish is the only sender, and there is room now
}
