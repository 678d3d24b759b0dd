package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/seancehq/seance/api"
)

// ErrClosed says that the link is closed: init closed it, or is gone.
var ErrClosed = errors.New("the link to init is closed")

// Peer is the monitor's end of a link.
type Peer struct {
	conn    *conn
	onEvent func(api.Event)
	done    chan struct{}

	mu       sync.Mutex
	next     uint64
	waiting  map[uint64]chan message
	farewell *Farewell
}

// Dial connects to init and greets it. Events go to onEvent, one after the
// other, in the goroutine that reads the link.
func Dial(ctx context.Context, socket string, g Greeting, onEvent func(api.Event)) (*Peer, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("cannot reach init: %w", err)
	}
	p := &Peer{conn: newConn(raw), onEvent: onEvent, done: make(chan struct{}), waiting: map[uint64]chan message{}}
	if err := p.conn.send(message{Greeting: &g}); err != nil {
		raw.Close()
		return nil, fmt.Errorf("cannot greet init: %w", err)
	}
	go p.read()
	return p, nil
}

// Done is closed when the link is.
func (p *Peer) Done() <-chan struct{} { return p.done }

// Farewell is what init said when it closed the link, nil when it said
// nothing. It is meaningful once Done is closed.
func (p *Peer) Farewell() *Farewell {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.farewell
}

// Call asks init and decodes its answer into out, which may be nil. When ctx
// ends, init is told that nobody waits any more.
func (p *Peer) Call(ctx context.Context, method string, in, out any) error {
	return p.CallAs(ctx, "", method, in, out)
}

// CallAs asks as Call does. Init carries calls of the same key out once, and
// answers each of them: one that lost its link before it was answered can be
// repeated on another.
func (p *Peer) CallAs(ctx context.Context, key, method string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	id, answer := p.expect()
	defer p.forget(id)
	if err := p.send(message{Call: method, ID: id, Key: key, Body: body}); err != nil {
		return err
	}
	select {
	case m := <-answer:
		return decodeReply(m, out)
	case <-ctx.Done():
		_ = p.send(message{Cancel: true, ID: id})
		return ctx.Err()
	case <-p.done:
	}
	select {
	case m := <-answer: // it came just before the end
		return decodeReply(m, out)
	default:
		return ErrClosed
	}
}

// send sends a message. A link on which init reads too slowly is closed: half a
// message may have been sent. One that init has closed is not, for its farewell
// may not have been read yet.
func (p *Peer) send(m message) error {
	err := p.conn.send(m)
	if err == nil {
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.conn.close()
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}

func decodeReply(m message, out any) error {
	if m.Error != nil {
		return m.Error
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(m.Body, out)
}

func (p *Peer) expect() (uint64, <-chan message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	answer := make(chan message, 1)
	p.waiting[p.next] = answer
	return p.next, answer
}

func (p *Peer) forget(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, id)
}

func (p *Peer) read() {
	defer close(p.done)
	defer p.conn.close()
	for {
		m, err := p.conn.receive()
		if err != nil {
			return
		}
		p.take(m)
	}
}

func (p *Peer) take(m message) {
	switch {
	case m.Event != nil:
		p.onEvent(*m.Event)
	case m.Farewell != nil:
		p.mu.Lock()
		p.farewell = m.Farewell
		p.mu.Unlock()
	case m.Reply:
		p.mu.Lock()
		answer := p.waiting[m.ID]
		p.mu.Unlock()
		if answer != nil {
			answer <- m
		}
	}
}
