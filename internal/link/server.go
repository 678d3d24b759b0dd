package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/seancehq/seance/api"
)

// greetLimit is how long whoever connects may take to say why.
const greetLimit = 5 * time.Second

// Calls answers a monitor's calls, each in a goroutine of its own. The value it
// returns is sent as JSON, that of a Reply alike.
type Calls func(ctx context.Context, method string, body json.RawMessage) (any, error)

// Call makes a call without a link, as [Peer.Call] does with one.
func (f Calls) Call(ctx context.Context, method string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	value, err := f(ctx, method, body)
	if r, ok := value.(Reply); ok {
		value = r.Value
		defer r.Then()
	}
	if err != nil || out == nil {
		return err
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

// Reply is an answer with something to do once it is sent. What closes the
// link belongs there: else the answer could be lost with the link, and the
// monitor would ask again.
type Reply struct {
	Value any
	Then  func()
}

// Server is init's end. It always listens, but speaks only between Open and
// Close: while the link is closed, a greeting waits for Await.
//
// Its descriptors are all inside the image while the link is closed and no
// greeting is waiting: a listening socket can be frozen, a connection to the
// monitor cannot.
type Server struct {
	listener net.Listener
	calls    Calls
	answers  answers
	greeted  chan greeted // holds the newest connection that Await has not seen
	stopped  chan struct{}
	ctx      context.Context // ends with Stop
	cancel   context.CancelFunc
	serving  sync.WaitGroup // of connections and of calls

	mu      sync.Mutex
	open    bool
	current *conn // what events go to; nil: nobody
	pending *conn // greeted and awaited, to become current at Open
}

type greeted struct {
	conn     *conn
	greeting Greeting
}

// Listen starts to listen on a unix socket, readable by its owner only.
func Listen(socket string, calls Calls) (*Server, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for the monitor: %w", err)
	}
	s := &Server{listener: l, calls: calls, greeted: make(chan greeted, 1), stopped: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.accept()
	return s, nil
}

// Stop closes the link and the listening socket, and waits for all that was
// started.
func (s *Server) Stop() {
	s.listener.Close()
	s.cancel()
	<-s.stopped
	s.Close(nil)
	s.drain()
	s.serving.Wait()
}

// Await waits for a monitor's greeting while the link is closed. The
// connection it came on becomes the link at the next Open.
func (s *Server) Await(ctx context.Context) (Greeting, error) {
	select {
	case g := <-s.greeted:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pending = replace(s.pending, g.conn)
		return g.greeting, nil
	case <-ctx.Done():
		return Greeting{}, ctx.Err()
	case <-s.stopped:
		return Greeting{}, ErrClosed
	}
}

// Open makes the connection that was awaited last the link. Without one the
// link is open all the same: the next greeting becomes the link.
func (s *Server) Open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = true
	if s.pending != nil {
		s.serveLocked(s.pending)
		s.pending = nil
	}
}

// Close has all calls answered that have something to tell, such as the last
// that has happened, says farewell, if there is one to say, and closes the link.
func (s *Server) Close(f *Farewell) {
	s.mu.Lock()
	c := s.current
	s.open, s.current = false, nil
	s.mu.Unlock()
	if c == nil {
		return
	}
	c.calls.settle()
	if f != nil {
		// A monitor that is gone misses the farewell: the next one asks.
		_ = c.send(message{Farewell: f})
	}
	c.close()
}

// Send sends an event to the monitor, if there is one.
func (s *Server) Send(e api.Event) {
	s.mu.Lock()
	c := s.current
	s.mu.Unlock()
	if c != nil && c.send(message{Event: &e}) != nil {
		c.close()
	}
}

func (s *Server) accept() {
	defer close(s.stopped)
	for {
		raw, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of descriptors: accept(2) would fail at once again
			continue
		}
		s.meet(newConn(raw))
	}
}

// meet hears a greeting out and puts the connection where it belongs.
func (s *Server) meet(c *conn) {
	_ = c.raw.SetReadDeadline(time.Now().Add(greetLimit))
	m, err := c.receive()
	if err != nil || m.Greeting == nil {
		c.close()
		return
	}
	_ = c.raw.SetReadDeadline(time.Time{})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		s.serveLocked(c)
		return
	}
	s.drain()
	s.greeted <- greeted{c, *m.Greeting}
}

// drain drops a greeting that nobody awaited.
func (s *Server) drain() {
	select {
	case old := <-s.greeted:
		old.conn.close()
	default:
	}
}

func (s *Server) serveLocked(c *conn) {
	s.current = replace(s.current, c)
	s.serving.Add(1)
	go s.serve(c)
}

func replace(old, with *conn) *conn {
	if old != nil {
		old.close()
	}
	return with
}

func wireError(err error) *api.Error {
	var e *api.Error
	if errors.As(err, &e) {
		return e
	}
	return &api.Error{Code: api.CodeCannot, Message: err.Error()}
}

func (s *Server) lose(c *conn) {
	c.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == c {
		s.current = nil
	}
}
