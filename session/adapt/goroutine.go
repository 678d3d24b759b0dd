package adapt

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/seancehq/seance/session"
)

// background is a handler that has a goroutine from start-up to shut-down.
type background struct {
	id  string
	run func(ctx context.Context) error

	mu   sync.Mutex
	stop context.CancelFunc // nil when not started
	done chan error
}

// Goroutine makes a handler of a function that runs from start-up to shut-down. At shut-down its
// context ends, and the handler waits for it to return, within its time limit. The function's error
// is the shut-down's, unless it is the end of its context; so is that of a function which returned
// before it was told to.
func Goroutine(id string, run func(ctx context.Context) error) session.Handler {
	return &background{id: id, run: run}
}

// Ticker makes a handler that calls f every so often between start-up and shut-down, never twice at
// a time. The period begins anew at each start-up. It must be positive.
func Ticker(id string, every time.Duration, f func(ctx context.Context)) session.Handler {
	return Goroutine(id, func(ctx context.Context) error {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-t.C:
				f(ctx)
			}
		}
	})
}

// Actor makes a handler of an actor as oklog/run has them: execute runs until interrupt makes it
// return.
func Actor(id string, execute func() error, interrupt func(error)) session.Handler {
	return Goroutine(id, func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { interrupt(context.Cause(ctx)) })
		defer stop()
		return execute()
	})
}

func (b *background) ID() string { return b.id }

func (b *background) Startup(ctx context.Context, _ bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stop != nil {
		return nil
	}
	ctx, b.stop = context.WithCancel(sessionContext(ctx))
	done := make(chan error, 1)
	b.done = done
	go func() { done <- b.run(ctx) }()
	return nil
}

func (b *background) Shutdown(ctx context.Context, _ bool) error {
	done := b.cancel()
	if done == nil {
		return nil
	}
	select {
	case err := <-done:
		b.forget()
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	case <-ctx.Done(): // it stays started: the next shut-down waits for it again, and no start-up makes a second one
		return context.Cause(ctx)
	}
}

func (b *background) cancel() <-chan error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stop == nil {
		return nil
	}
	b.stop()
	return b.done
}

func (b *background) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stop, b.done = nil, nil
}
