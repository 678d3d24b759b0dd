package adapt

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"sync"

	"github.com/seancehq/seance/session"
)

// Resource is a handler that opens something at start-up and closes it at shut-down.
type Resource[T io.Closer] struct {
	id   string
	open func(ctx context.Context, booting bool) (T, error)

	mu     sync.Mutex
	value  T
	opened bool
}

var _ session.Handler = (*Resource[io.Closer])(nil)

// Closer makes a handler of whatever open returns. The context given to open ends when open returns.
func Closer[T io.Closer](id string, open func(ctx context.Context, booting bool) (T, error)) *Resource[T] {
	return &Resource[T]{id: id, open: open}
}

// DB makes a handler of a database handle. The start-up fails when the database does not answer a ping.
func DB(id string, open func(ctx context.Context) (*sql.DB, error)) *Resource[*sql.DB] {
	return Closer(id, func(ctx context.Context, _ bool) (*sql.DB, error) {
		db, err := open(ctx)
		if err != nil {
			return nil, err
		}
		if err := db.PingContext(ctx); err != nil {
			return nil, errors.Join(err, db.Close())
		}
		return db, nil
	})
}

// ID implements [session.Handler].
func (r *Resource[T]) ID() string { return r.id }

// Get returns what is open, and false between a shut-down and the next start-up.
func (r *Resource[T]) Get() (T, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.value, r.opened
}

// Startup implements [session.Handler].
func (r *Resource[T]) Startup(ctx context.Context, booting bool) error {
	if _, ok := r.Get(); ok {
		return nil
	}
	value, err := r.open(ctx, booting)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.value, r.opened = value, true
	return nil
}

// Shutdown implements [session.Handler].
func (r *Resource[T]) Shutdown(context.Context, bool) error {
	value, ok := r.take()
	if !ok {
		return nil
	}
	return value.Close()
}

func (r *Resource[T]) take() (T, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, ok := r.value, r.opened
	var none T
	r.value, r.opened = none, false
	return value, ok
}
