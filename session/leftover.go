package session

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Leftover is a call that overran its limit and its grace and has not returned.
type Leftover struct {
	ID      string    `json:"id"`
	Action  Action    `json:"action"`
	Session string    `json:"session"`
	Start   time.Time `json:"start"`
}

type leftover struct {
	Leftover
	gone chan struct{}
}

// Leftovers returns the calls that were left behind and have not returned, in the order in which they
// began. Until it returns, its handler is not called again (the call fails with [ErrStillRunning]),
// not even when another has been registered under its ID.
func (m *Manager) Leftovers() []Leftover {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]Leftover, 0, len(m.leftovers))
	for _, l := range m.leftovers {
		out = append(out, l.Leftover)
	}
	slices.SortFunc(out, func(a, b Leftover) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// Wait waits until no call is left behind, or until the context ends.
func (m *Manager) Wait(ctx context.Context) error {
	for {
		l := m.anyLeftover()
		if l == nil {
			return nil
		}
		select {
		case <-l.gone:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (m *Manager) anyLeftover() *leftover {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.leftovers {
		return l
	}
	return nil
}

func (m *Manager) leftBehind(id string) bool {
	if m.left.Load() == 0 { // nearly always
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.leftovers[id]
	return ok
}

// leave takes note of a call that is left behind.
func (m *Manager) leave(w *walk, c *call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left.Add(1)
	m.leftovers[c.e.id] = &leftover{
		Leftover: Leftover{ID: c.e.id, Action: w.action, Session: w.session.id, Start: c.start},
		gone:     make(chan struct{}),
	}
}

// returned takes note of the return of a call that was left behind. Its walk may be over since long.
func (m *Manager) returned(w *walk, r Record) {
	m.mu.Lock()
	l := m.leftovers[r.ID]
	delete(m.leftovers, r.ID)
	m.left.Add(-1)
	m.mu.Unlock()
	if len(m.observers) > 0 {
		_ = m.emit(Event{Kind: HandlerReturned, Session: w.session.id, Handler: r}) // no result to note a panic in
	}
	close(l.gone)
}

func (m *Manager) setLast(e *entry, r Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.last[r.Action] = r
}
