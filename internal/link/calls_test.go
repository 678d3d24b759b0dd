package link

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/seancehq/seance/api"
)

// linked is a link that is open, whose init answers with calls.
func linked(t *testing.T, calls Calls) (*Server, *Peer) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	socket := filepath.Join(t.TempDir(), "link")
	s, err := Listen(socket, calls)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	s.Open()
	return s, dial(t, socket)
}

func dial(t *testing.T, socket string) *Peer {
	t.Helper()
	p, err := Dial(t.Context(), socket, Greeting{Verdict: Adopted}, func(api.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *Server) socket() string { return s.listener.Addr().String() }

func TestASlowCallHoldsUpNoOther(t *testing.T) {
	slow := make(chan struct{})
	_, p := linked(t, func(_ context.Context, method string, _ json.RawMessage) (any, error) {
		if method == CallWait {
			<-slow
		}
		return method, nil
	})
	waited := make(chan error, 1)
	go func() { waited <- p.Call(context.Background(), CallWait, nil, nil) }()
	for range 10 {
		var got string
		if err := p.Call(t.Context(), CallServices, nil, &got); err != nil || got != CallServices {
			t.Fatalf("Call: %q, %v", got, err)
		}
	}
	close(slow)
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
}

func TestACallEndsWithWhoeverWaitsForIt(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	calls := func(ctx context.Context, _ string, _ json.RawMessage) (any, error) {
		began <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return nil, ctx.Err()
	}
	t.Run("the caller", func(t *testing.T) {
		_, p := linked(t, calls)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-began; cancel() }()
		if err := p.Call(ctx, CallWait, nil, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("Call: %v", err)
		}
		<-ended
	})
	t.Run("the link", func(t *testing.T) {
		s, p := linked(t, calls)
		go func() { <-began; s.Close(nil) }()
		if err := p.Call(t.Context(), CallWait, nil, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Call: %v", err)
		}
		<-ended
	})
}

// A change that was under way when a save closed the link is asked for again
// on the next one: it is one change, and both get its answer.
func TestARepeatedChangeIsMadeOnce(t *testing.T) {
	var times atomic.Int32
	began, goOn := make(chan struct{}), make(chan struct{})
	s, p := linked(t, func(ctx context.Context, _ string, _ json.RawMessage) (any, error) {
		n := times.Add(1)
		close(began)
		<-goOn
		return n, ctx.Err()
	})
	go func() { <-began; s.Close(&Farewell{Save: true}) }()
	if err := p.CallAs(t.Context(), "one", CallChange, nil, nil); !errors.Is(err, ErrClosed) {
		t.Fatalf("the first call: %v", err)
	}
	<-p.Done()
	s.Open()
	p = dial(t, s.socket())
	close(goOn)
	for range 2 {
		var got int
		if err := p.CallAs(t.Context(), "one", CallChange, nil, &got); err != nil || got != 1 {
			t.Errorf("the repeated call: %d, %v", got, err)
		}
	}
	if n := times.Load(); n != 1 {
		t.Errorf("carried out %d times", n)
	}
}

// What has happened just before the link closes is still told.
func TestAnAnswerThatIsAtHandComesBeforeTheFarewell(t *testing.T) {
	for range 50 {
		t.Run("", anAnswerComesBeforeTheFarewell)
	}
}

func anAnswerComesBeforeTheFarewell(t *testing.T) {
	began, happened := make(chan struct{}), make(chan struct{})
	s, p := linked(t, func(ctx context.Context, _ string, _ json.RawMessage) (any, error) {
		close(began)
		select {
		case <-happened:
		case <-ctx.Done():
		}
		select {
		case <-happened:
			return "quitting", nil
		default:
			return nil, ctx.Err()
		}
	})
	go func() {
		<-began
		close(happened)
		s.Close(&Farewell{Quit: true})
	}()
	var got string
	if err := p.Call(t.Context(), CallNotices, nil, &got); err != nil || got != "quitting" {
		t.Fatalf("Call: %q, %v", got, err)
	}
	<-p.Done()
	if p.Farewell() == nil {
		t.Fatal("no farewell")
	}
}

// A call that comes too late does not cost the farewell that was said before.
func TestALateCallDoesNotCostTheFarewell(t *testing.T) {
	for range 200 {
		t.Run("", func(t *testing.T) {
			s, p := linked(t, func(context.Context, string, json.RawMessage) (any, error) { return nil, nil })
			if err := p.Call(t.Context(), CallNotices, nil, nil); err != nil {
				t.Fatal(err)
			}
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				s.Close(&Farewell{Save: true})
			}()
			for p.Call(t.Context(), CallNotices, nil, nil) == nil {
			}
			<-closed
			<-p.Done()
			if p.Farewell() == nil {
				t.Fatal("no farewell")
			}
		})
	}
}

func TestOnlyTheLatestAnswersAreKept(t *testing.T) {
	var as answers
	running, _ := as.of("running")
	for i := range 3 * answersKept {
		a, first := as.of(string(rune('a' + i)))
		if !first {
			t.Fatal("a new key is known")
		}
		close(a.done)
	}
	if got, first := as.of("running"); first || got != running {
		t.Error("a call that is under way is forgotten")
	}
	if len(as.kept) > answersKept {
		t.Errorf("%d answers are kept", len(as.kept))
	}
}

func TestCallsCanBeMadeWithoutALink(t *testing.T) {
	after := false
	calls := Calls(func(_ context.Context, _ string, body json.RawMessage) (any, error) {
		var in string
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		return Reply{Value: in + " there", Then: func() { after = true }}, nil
	})
	var out string
	if err := calls.Call(t.Context(), CallImage, "hello", &out); err != nil || out != "hello there" || !after {
		t.Errorf("Call: %q, %v, then %v", out, err, after)
	}
	if err := calls.Call(t.Context(), CallImage, 1, nil); err == nil {
		t.Error("an error is lost")
	}
}
