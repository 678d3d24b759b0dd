package supervise

import (
	"context"
	"sync"
)

// gate holds up the probes of a service while the image is frozen, so that no
// connection and no process of a probe is frozen with it.
type gate struct {
	run sync.Mutex // held by the probe that is being made

	mu     sync.Mutex    // guards all below
	opened chan struct{} // nil: the gate is open; else closed when it opens
	giveUp context.CancelFunc
}

// pass makes one probe, once the gate is open. A probe that is cut short by
// pause fails.
func (g *gate) pass(ctx context.Context, probe func(context.Context) error) error {
	for {
		g.mu.Lock()
		opened := g.opened
		if opened == nil {
			break
		}
		g.mu.Unlock()
		select {
		case <-opened:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g.run.Lock() // nobody holds it for long: probes are made one at a time
	defer g.run.Unlock()
	g.giveUp = cancel
	g.mu.Unlock()
	return probe(ctx)
}

// pause closes the gate and waits until the probe being made has ended.
func (g *gate) pause() {
	g.mu.Lock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
	if g.giveUp != nil {
		g.giveUp()
	}
	g.mu.Unlock()
	g.run.Lock()
	//lint:ignore SA2001 the wait is all that is wanted
	g.run.Unlock()
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
