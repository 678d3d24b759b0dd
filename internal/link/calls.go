package link

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
)

// serve answers the calls of one connection until it ends. A call that takes
// its time holds up no other one.
func (s *Server) serve(c *conn) {
	defer s.serving.Done()
	defer s.lose(c)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	waiting := &waiting{cancel: map[uint64]func(){}}
	for {
		m, err := c.receive()
		switch {
		case err != nil:
			return
		case m.Cancel:
			waiting.end(m.ID)
		case m.Call != "":
			ctx := waiting.begin(ctx, m.ID)
			s.serving.Go(func() {
				defer waiting.end(m.ID)
				s.answer(ctx, c, m)
			})
		}
	}
}

// waiting are the calls of one connection that somebody waits for.
type waiting struct {
	mu     sync.Mutex
	cancel map[uint64]func()
}

func (w *waiting) begin(ctx context.Context, id uint64) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel[id] = cancel
	return ctx
}

func (w *waiting) end(id uint64) {
	w.mu.Lock()
	cancel := w.cancel[id]
	delete(w.cancel, id)
	w.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

func (s *Server) answer(ctx context.Context, c *conn, m message) {
	reply := message{Reply: true, ID: m.ID}
	value, err := s.carryOut(ctx, m)
	if r, ok := value.(Reply); ok {
		value = r.Value
		defer r.Then()
	}
	if err == nil {
		reply.Body, err = json.Marshal(value)
	}
	if err != nil {
		reply.Error = wireError(err)
	}
	if c.send(reply) != nil {
		c.close()
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
