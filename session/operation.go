package session

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// operation is one boot or one snapshot under way. It holds what was asked, and what comes of it.
type operation struct {
	m        *Manager
	ctx      context.Context // the caller's
	snapshot *Snapshot       // nil for a boot
	progress *progress
	session  *Session
	result   *Result
}

func (m *Manager) operation(ctx context.Context, s *Snapshot) *operation {
	op := &operation{m: m, ctx: ctx, snapshot: s, progress: new(progress), session: m.Current()}
	op.result = &Result{Start: time.Now()}
	if s != nil {
		s.progress = op.progress
		op.result.Save, op.result.Quit = s.Save, s.Quit
	}
	return op
}

// begin claims the manager unless there is a reason not to.
func (op *operation) begin(reason func() error) error {
	if op.ctx.Err() != nil {
		return context.Cause(op.ctx)
	}
	if err := op.m.claim(op.progress); err != nil {
		return err
	}
	if err := reason(); err != nil {
		op.m.release()
		return err
	}
	op.session = op.m.Current()
	return nil
}

func (op *operation) bootRefused() error {
	if op.m.Running() {
		return ErrRunning
	}
	return nil
}

func (op *operation) snapshotRefused() error {
	s := op.m.Current()
	switch {
	case !op.m.Running():
		return ErrNotRunning
	case op.snapshot.Save && op.m.freezer == nil:
		return ErrNoFreezer
	case op.snapshot.Save && s.Access() != ReadWrite:
		return fmt.Errorf("%w but %v", ErrAccess, s.Access())
	}
	return nil
}

func (op *operation) refused(err error) (*Result, error) {
	op.result.Err = err
	return op.conclude()
}

func (op *operation) nothing() (*Result, error) { return op.conclude() }

func (op *operation) walk(ctx context.Context, list []*entry, a Action, told bool, s *Snapshot) *walk {
	return &walk{
		m: op.m, session: op.session, ctx: op.values(ctx, s), progress: op.progress, result: op.result,
		list: list, action: a, told: told,
	}
}

// values adds to ctx what handlers can learn from it.
func (op *operation) values(ctx context.Context, s *Snapshot) context.Context {
	ctx = context.WithValue(ctx, sessionKey{}, op.session)
	if s == nil {
		return ctx
	}
	return context.WithValue(ctx, snapshotKey{}, s)
}

// reserve makes room for the records of a list, or of two.
func (op *operation) reserve(n int, twice bool) {
	if twice {
		n *= 2
	}
	op.result.Handlers = slices.Grow(op.result.Handlers, n)
}

// fail keeps the first reason for which the operation as a whole failed, and those that came of it.
func (op *operation) fail(part, cause error) {
	err := fmt.Errorf("%w: %w", part, cause)
	if op.result.Err != nil {
		err = fmt.Errorf("%w; then: %w", op.result.Err, err)
	}
	op.result.Err = err
}

func (op *operation) enter(p Phase, total int) {
	op.progress.enter(p, total)
	op.emit(Event{Kind: PhaseBegins})
}

func (op *operation) emit(e Event) {
	if len(op.m.observers) == 0 {
		return
	}
	if e.Session == "" && op.session != nil {
		e.Session = op.session.id
	}
	e.Progress = op.progress.get()
	if err := op.m.emit(e); err != nil && op.result.ObserverErr == nil {
		op.result.ObserverErr = err
	}
}

func (op *operation) end() (*Result, error) {
	op.enter(Done, 0)
	return op.conclude()
}

func (op *operation) conclude() (*Result, error) {
	r := op.result
	r.Running = op.m.Running()
	if op.session != nil {
		r.Session = op.session.id
	}
	r.Duration = time.Since(r.Start)
	return r, r.AllErrors()
}
