package session

import (
	"context"
)

// StartHandler starts one registered handler in the running session, as the start-up list would:
// with its time limit, its record in [Manager.LastRuns], its events. It is for a handler that was
// registered after the boot; such a one is told that the image is booting, for it has not been
// started in this session, unless its caller knows better.
//
// It is refused with [ErrNotFound], [ErrNotRunning] or, while lists run, [ErrBusy].
func (m *Manager) StartHandler(ctx context.Context, id string, booting bool) error {
	return m.single(ctx, id, Startup, booting)
}

// StopHandler shuts down one registered handler in the running session, as the shut-down list
// would, and leaves it registered. It is for a handler that is about to be unregistered.
//
// It is refused with [ErrNotFound], [ErrNotRunning] or, while lists run, [ErrBusy].
func (m *Manager) StopHandler(ctx context.Context, id string, quitting bool) error {
	return m.single(ctx, id, Shutdown, quitting)
}

func (m *Manager) single(ctx context.Context, id string, a Action, told bool) error {
	op := m.operation(ctx, nil)
	var list []*entry
	err := op.begin(func() error {
		if !m.Running() {
			return ErrNotRunning
		}
		list = m.entry(id)
		if len(list) == 0 {
			return ErrNotFound
		}
		return nil
	})
	if err != nil {
		return &HandlerError{ID: id, Action: a, Err: err}
	}
	defer m.release()
	op.progress.enter(phaseOf(a), len(list))
	if err := op.walk(ctx, list, a, told, nil).run(); err != nil && len(op.result.Handlers) == 0 {
		return &HandlerError{ID: id, Action: a, Err: err}
	}
	return op.result.AllErrors()
}

func (m *Manager) entry(id string) []*entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.entries[id]; ok {
		return []*entry{e}
	}
	return nil
}

func phaseOf(a Action) Phase {
	if a == Shutdown {
		return ShuttingDown
	}
	return StartingUp
}
