package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/serve"
)

// listen serves a handler on a socket until the test ends, and makes a client
// of it. Nothing may be left of it then.
func listen(t *testing.T, h http.Handler) *api.Client {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	socket := filepath.Join(t.TempDir(), "api")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return api.NewClient(socket)
}

// ring answers calls for notices, as init does.
type ring struct {
	mu   sync.Mutex
	all  []api.Notice
	more chan struct{}
	err  error
}

func newRing() *ring { return &ring{more: make(chan struct{})} }

func (r *ring) note(states ...string) {
	r.change(func() {
		for _, s := range states {
			r.all = append(r.all, api.Notice{Seq: uint64(len(r.all) + 1), Kind: "service", Name: "web", State: s})
		}
	})
}

// end has all calls fail from now on, those that wait too.
func (r *ring) end(err error) { r.change(func() { r.err = err }) }

func (r *ring) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.more)
	r.more = make(chan struct{})
}

func (r *ring) answer(ctx context.Context, method string, body json.RawMessage) (any, error) {
	var q api.NoticeQuery
	if err := json.Unmarshal(body, &q); method != link.CallNotices || err != nil {
		return nil, errors.Join(errors.New("not a call for notices"), err)
	}
	for {
		r.mu.Lock()
		some := r.all[min(int(q.After), len(r.all)):]
		some = slices.Clone(some[:min(q.Max, len(some))])
		err, more := r.err, r.more
		r.mu.Unlock()
		if err != nil || len(some) > 0 || q.WaitMS == 0 {
			return some, err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func states(some []api.Notice) (all []string) {
	for _, n := range some {
		all = append(all, n.State)
	}
	return all
}

var errGone = &api.Error{Code: api.CodeNotAlive, Message: "gone"}

func TestEventsSoFar(t *testing.T) {
	r := newRing()
	c := listen(t, serve.Handler(serve.Config{Caller: link.Calls(r.answer)}))
	r.note("starting", "running", "ready")
	var got []api.Notice
	take := func(n api.Notice) error { got = append(got, n); return nil }
	if err := c.Notices(t.Context(), 1, false, take); err != nil || !slices.Equal(states(got), []string{"running", "ready"}) {
		t.Errorf("after the first: %v, %v", states(got), err)
	}
	got = nil
	if err := c.Notices(t.Context(), 3, false, take); err != nil || len(got) != 0 {
		t.Errorf("after the last: %v, %v", states(got), err)
	}
	var e *api.Error
	r.end(&api.Error{Code: api.CodeBusy, Message: "busy"})
	if err := c.Notices(t.Context(), 0, false, take); !errors.As(err, &e) || e.Code != api.CodeBusy {
		t.Errorf("of one that refuses: %v", err)
	}
}

// More than are asked for at a time come all the same, in order.
func TestManyEvents(t *testing.T) {
	r := newRing()
	c := listen(t, serve.Handler(serve.Config{Caller: link.Calls(r.answer)}))
	r.note(slices.Repeat([]string{"running"}, 1000)...)
	var last uint64
	err := c.Notices(t.Context(), 0, false, func(n api.Notice) error {
		if n.Seq != last+1 {
			t.Errorf("%d comes after %d", n.Seq, last)
		}
		last = n.Seq
		return nil
	})
	if err != nil || last != 1000 {
		t.Errorf("the last is %d, %v", last, err)
	}
}

func TestFollowedEvents(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		good bool
	}{
		{"end with the image", errGone, true},
		{"break off when they cannot go on", errors.New("an accident"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRing()
			c := listen(t, serve.Handler(serve.Config{Caller: link.Calls(r.answer)}))
			r.note("starting")
			var got []string
			err := c.Notices(t.Context(), 0, true, func(n api.Notice) error {
				got = append(got, n.State)
				switch n.Seq {
				case 1:
					r.note("running", "ready")
				case 3:
					r.end(tt.err)
				}
				return nil
			})
			if (err == nil) != tt.good || !slices.Equal(got, []string{"starting", "running", "ready"}) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// A client that leaves takes its question along, and one that does not read
// holds up no other.
func TestClientsOfEventsHoldUpNobody(t *testing.T) {
	r := newRing()
	c := listen(t, serve.Handler(serve.Config{Caller: link.Calls(r.answer)}))
	r.note("starting")
	ctx, cancel := context.WithCancel(t.Context())
	asleep, left := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		_ = c.Notices(ctx, 0, true, func(api.Notice) error {
			close(asleep)
			<-ctx.Done() // reads no more
			return ctx.Err()
		})
	}()
	<-asleep
	r.note(slices.Repeat([]string{"running"}, 20_000)...) // more than a socket takes
	seen := 0
	err := c.Notices(t.Context(), 0, true, func(api.Notice) error {
		if seen++; seen == 20_001 {
			r.end(errGone)
		}
		return nil
	})
	if err != nil || seen != 20_001 {
		t.Errorf("the other client has seen %d, %v", seen, err)
	}
	cancel()
	<-left
}

func TestReload(t *testing.T) {
	hub := serve.NewHub()
	calls := link.Calls(func(_ context.Context, method string, body json.RawMessage) (any, error) {
		var req api.ReloadRequest
		if err := json.Unmarshal(body, &req); method != link.CallReload || err != nil {
			return nil, errors.Join(errors.New("not a reload"), err)
		}
		switch string(req.Manifest) {
		case "busy":
			return nil, &api.Error{Code: api.CodeBusy, Message: "it is being saved"}
		case "breaks":
			hub.Publish(api.Event{Type: api.EventStage, Time: time.Now(), Message: "stop web"})
			return nil, errors.New("the disk is full")
		}
		for _, m := range []string{"stop web", "start db"} {
			hub.Publish(api.Event{Type: api.EventStage, Time: time.Now(), Message: m})
		}
		return api.ReloadResult{Done: !req.DryRun, Unchanged: 3}, nil
	})
	h := serve.Handler(serve.Config{Caller: calls, Hub: hub})
	c := listen(t, h)
	var heard []string
	hear := func(e api.Event) { heard = append(heard, e.Message) }

	got, err := c.Reload(t.Context(), api.ReloadRequest{Manifest: []byte("good")}, hear)
	if err != nil || got == nil || !got.Done || got.Unchanged != 3 || !slices.Equal(heard, []string{"stop web", "start db"}) {
		t.Errorf("%+v, %v, on the way %q", got, err, heard)
	}
	heard = nil
	if _, err := c.Reload(t.Context(), api.ReloadRequest{Manifest: []byte("breaks")}, hear); err == nil || err.Error() != "the disk is full" || len(heard) != 1 {
		t.Errorf("one that breaks off: %v, on the way %q", err, heard)
	}
	resp, _ := ask(t, h, "POST", "/v1/reload", `{"manifest":"YnVzeQ=="}`)
	if resp.StatusCode != http.StatusConflict {
		t.Errorf("one that is refused: %s", resp.Status)
	}
}
