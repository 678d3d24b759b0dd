package supervise

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// gate holds up the probes of a service while the image is frozen, so that no
// connection and no process of a probe is frozen with it.
type gate struct {
	mu     sync.Mutex    // guards all below
	opened chan struct{} // nil: the gate is open; else closed when it opens
	passes []*pass       // probes that are being made
	idle   chan struct{} // closed when there are none any more; nil: nobody waits
}

// pass is one probe that is being made.
type pass struct{ cut context.CancelCauseFunc }

// errCut is the error of a probe that was cut short by pause. It says nothing
// about the service.
var errCut = errors.New("cut short by a snapshot")

// pass makes one probe, once the gate is open.
func (g *gate) pass(ctx context.Context, probe func(context.Context) error) error {
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	p := &pass{cut}
	if err := g.enter(ctx, p); err != nil {
		return err
	}
	defer g.leave(p)
	err := probe(ctx)
	if err != nil && context.Cause(ctx) == errCut {
		return errCut
	}
	return err
}

func (g *gate) enter(ctx context.Context, p *pass) error {
	for {
		g.mu.Lock()
		opened := g.opened
		if opened == nil {
			g.passes = append(g.passes, p)
			g.mu.Unlock()
			return nil
		}
		g.mu.Unlock()
		select {
		case <-opened:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *gate) leave(p *pass) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.passes = slices.DeleteFunc(g.passes, func(o *pass) bool { return o == p })
	if len(g.passes) > 0 {
		return
	}
	g.passes = nil
	if g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// pause closes the gate and waits until the probes being made have ended.
func (g *gate) pause() {
	g.mu.Lock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
	for _, p := range g.passes {
		p.cut(errCut)
	}
	if len(g.passes) > 0 && g.idle == nil {
		g.idle = make(chan struct{})
	}
	idle := g.idle
	g.mu.Unlock()
	if idle != nil {
		<-idle
	}
}

// resume opens the gate.
func (g *gate) resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

// isOpen says that probes may be made.
func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened == nil
}
