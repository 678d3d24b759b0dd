package session

import (
	"context"
	"runtime/debug"
	"sync"
	"time"
)

// call is one call of one handler, and at once the context the handler gets. Most handlers never wait
// on their context, so the real one, with its timer and its place among the parent's children, is made
// only when it is asked for.
type call struct {
	w     *walk
	e     *entry
	start time.Time

	mu     sync.Mutex
	inner  context.Context // nil until asked for
	cancel context.CancelFunc
	over   bool // the handler has returned, or has been given up
}

var _ context.Context = (*call)(nil)

// Deadline is the handler's own limit, or the caller's deadline when that comes first.
func (c *call) Deadline() (time.Time, bool) {
	own := c.start.Add(c.e.limit)
	if d, ok := c.w.ctx.Deadline(); ok && d.Before(own) {
		return d, true
	}
	return own, true
}

func (c *call) Done() <-chan struct{} { return c.context().Done() }

func (c *call) Err() error { return c.context().Err() }

func (c *call) context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		c.inner, c.cancel = context.WithDeadline(c.w.ctx, c.start.Add(c.e.limit))
		if c.over {
			c.cancel()
		}
	}
	return c.inner
}

func (c *call) Value(key any) any {
	switch key.(type) {
	case snapshotKey, sessionKey:
		return c.w.ctx.Value(key)
	}
	// The context package looks through Value for the nearest context of its own: it must find ours,
	// or contexts derived from this one would each cost a goroutine.
	return c.context().Value(key)
}

func (c *call) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.cancel != nil {
		c.cancel()
	}
}

// overran reports whether the handler's own limit is over.
func (c *call) overran(now time.Time) bool { return now.Sub(c.start) >= c.e.limit }

// invoke calls the handler. A panic becomes an error.
func (c *call) invoke() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	if c.w.action == Shutdown {
		return c.e.handler.Shutdown(c, c.w.told)
	}
	return c.e.handler.Startup(c, c.w.told)
}
