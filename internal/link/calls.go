package link

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// serve answers the calls of one connection until it ends. A call that takes
// its time holds up no other one.
func (s *Server) serve(c *conn) {
	defer s.serving.Done()
	defer s.lose(c)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	for {
		m, err := c.receive()
		switch {
		case err != nil:
			return
		case m.Cancel:
			c.calls.cancel(m.ID)
		case m.Call != "":
			ctx := c.calls.begin(ctx, m.ID)
			s.serving.Go(func() {
				then := s.answer(ctx, c, m)
				c.calls.end(m.ID)
				then()
			})
		}
	}
}

// answer sends the answer to a call, and returns what is to be done after it.
func (s *Server) answer(ctx context.Context, c *conn, m message) (then func()) {
	reply, then := message{Reply: true, ID: m.ID}, func() {}
	value, err := s.carryOut(ctx, m)
	if r, ok := value.(Reply); ok {
		value, then = r.Value, r.Then
	}
	if err == nil {
		reply.Body, err = json.Marshal(value)
	}
	if err != nil && ctx.Err() != nil {
		return then // nobody waits for it on this connection
	}
	if err != nil {
		reply.Error = wireError(err)
	}
	if c.send(reply) != nil {
		c.close()
	}
	return then
}

// underway are the calls of one connection that have not been answered.
type underway struct {
	mu     sync.Mutex
	calls  map[uint64]context.CancelFunc
	ending chan struct{} // not nil: no call waits any more; closed when none is left
}

func (u *underway) begin(ctx context.Context, id uint64) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.calls == nil {
		u.calls = map[uint64]context.CancelFunc{}
	}
	u.calls[id] = cancel
	if u.ending != nil {
		cancel()
	}
	return ctx
}

// cancel ends a call for which nobody waits any more.
func (u *underway) cancel(id uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if cancel := u.calls[id]; cancel != nil {
		cancel()
	}
}

func (u *underway) end(id uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls[id]()
	delete(u.calls, id)
	if u.ending != nil && len(u.calls) == 0 {
		close(u.ending)
		u.ending = nil
	}
}

// settleLimit is how long a call may take to notice that it is to end.
const settleLimit = time.Second

// settle has the calls end that wait for something, and waits until each has
// told what it had to tell.
func (u *underway) settle() {
	u.mu.Lock()
	if len(u.calls) == 0 {
		u.mu.Unlock()
		return
	}
	ending := make(chan struct{})
	u.ending = ending
	for _, cancel := range u.calls {
		cancel()
	}
	u.mu.Unlock()
	select {
	case <-ending:
	case <-time.After(settleLimit):
	}
}

// carryOut makes a call, or waits for the same call to be done that came on
// an earlier connection.
func (s *Server) carryOut(ctx context.Context, m message) (any, error) {
	if m.Key == "" {
		return s.calls(ctx, m.Call, m.Body)
	}
	a, first := s.answers.of(m.Key)
	if first {
		// Not in ctx: it is not undone by the end of a connection, which every
		// save brings.
		s.serving.Go(func() {
			defer close(a.done)
			a.value, a.err = s.calls(s.ctx, m.Call, m.Body)
		})
	}
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// answersKept is how many answers are kept for a repetition. It comes at once
// when the link is back, so that few would do.
const answersKept = 64

// answers are those of the latest calls with a key.
type answers struct {
	mu   sync.Mutex
	kept []*answered // the oldest first
}

// answered is a call with a key.
type answered struct {
	key   string
	done  chan struct{} // closed when value and err are set
	value any
	err   error
}

// of returns the answer to the calls of a key, and whether this is the first.
func (as *answers) of(key string) (a *answered, first bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if i := slices.IndexFunc(as.kept, func(a *answered) bool { return a.key == key }); i >= 0 {
		return as.kept[i], false
	}
	if len(as.kept) >= answersKept {
		if i := slices.IndexFunc(as.kept, (*answered).over); i >= 0 {
			as.kept = slices.Delete(as.kept, i, i+1)
		}
	}
	a = &answered{key: key, done: make(chan struct{})}
	as.kept = append(as.kept, a)
	return a, true
}

func (a *answered) over() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}
