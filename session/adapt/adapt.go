// Package adapt makes session handlers of things a Go program commonly has: what can be closed, a
// database handle, an HTTP server, a ticker, a goroutine, and the hooks and actors of other
// lifecycle libraries.
//
// All of them are closed at every shut-down, whether the image quits or is merely saved, and opened
// anew at every start-up: what they hold (connections, listeners, timers) reaches beyond the image
// or depends on the time, and would be stale in a copy that is booted later. Starting one that is
// started, or shutting down one that is not, does nothing.
package adapt

import (
	"context"

	"github.com/seancehq/seance/session"
)

// Hook makes a handler of two functions that do not care to be told why they are called, like the
// OnStart and OnStop of uber-go/fx. Either may be nil.
func Hook(id string, start, stop func(context.Context) error) session.Handler {
	return session.Func(id, ignoring(start), ignoring(stop))
}

func ignoring(f func(context.Context) error) func(context.Context, bool) error {
	if f == nil {
		return nil
	}
	return func(ctx context.Context, _ bool) error { return f(ctx) }
}

// sessionContext returns the context of the session in which a handler is called: one that outlives
// the call.
func sessionContext(ctx context.Context) context.Context {
	if s, ok := session.FromContext(ctx); ok {
		return s.Context()
	}
	return context.WithoutCancel(ctx)
}
