package link

import (
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/seancehq/seance/api"
)

// An answer that ends the link arrives: who asked must not ask again.
func TestAnAnswerThatEndsTheLinkArrives(t *testing.T) {
	for range 200 {
		socket := filepath.Join(t.TempDir(), "link")
		var s *Server
		s, err := Listen(socket, func(context.Context, string, json.RawMessage) (any, error) {
			return Reply{Value: Accepted{Snapshot: "one"}, Then: func() { s.Close(&Farewell{Quit: true}) }}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Open()
		p, err := Dial(t.Context(), socket, Greeting{Verdict: Adopted}, func(api.Event) {})
		if err != nil {
			t.Fatal(err)
		}
		var got Accepted
		if err := p.Call(t.Context(), CallSnapshot, nil, &got); err != nil || got.Snapshot != "one" {
			t.Fatalf("Call: %+v, %v", got, err)
		}
		<-p.Done()
		if f := p.Farewell(); f == nil || !f.Quit {
			t.Fatalf("farewell %+v", f)
		}
		s.Stop()
	}
}

// The same when the answer and the end come so close that whoever asked finds
// both at once.
func TestAnAnswerCountsMoreThanTheEnd(t *testing.T) {
	for range 50 {
		p := &Peer{done: make(chan struct{}), waiting: map[uint64]chan message{}}
		p.conn = newConn(wire{take: func(call message) {
			p.take(message{Reply: true, ID: call.ID, Body: json.RawMessage(`{"snapshot": "one"}`)})
			close(p.done)
		}})
		var got Accepted
		if err := p.Call(t.Context(), CallSnapshot, nil, &got); err != nil || got.Snapshot != "one" {
			t.Fatalf("Call: %+v, %v", got, err)
		}
	}
}

// wire is a connection on which every message is taken at once.
type wire struct {
	net.Conn
	take func(message)
}

func (w wire) Write(b []byte) (int, error) {
	var m message
	err := json.Unmarshal(b, &m)
	w.take(m)
	return len(b), err
}

func (wire) SetWriteDeadline(time.Time) error { return nil }
