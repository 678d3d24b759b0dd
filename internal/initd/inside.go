package initd

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/serve"
	"github.com/seancehq/seance/session"
)

// inside serves the API to programs inside the image. Both ends of its
// connections are frozen together, so that a program which asks for a
// snapshot gets its answer in each copy.
type inside struct{ http *http.Server }

func serveInside(in *Init) (*inside, error) {
	l, err := net.Listen("unix", in.place.Inside())
	if err != nil {
		return nil, fmt.Errorf("cannot serve the API inside: %w", err)
	}
	s := &inside{&http.Server{Handler: in.routes(), ReadHeaderTimeout: 10 * time.Second}}
	go s.http.Serve(l)
	return s, nil
}

// routes serves the API without a monitor: all that a call can answer, and
// snapshots.
func (in *Init) routes() http.Handler {
	return serve.Handler(serve.Config{
		Caller: link.Calls(in.answer),
		Hub:    in.hub,
		Own:    map[string]http.Handler{"POST /v1/snapshot": http.HandlerFunc(in.serveSnapshot)},
	})
}

// serveSnapshot makes a snapshot and answers in each copy what that copy is.
func (in *Init) serveSnapshot(w http.ResponseWriter, r *http.Request) {
	var req api.SnapshotRequest
	if err := serve.Body(r, &req); err != nil {
		serve.Refuse(w, serve.ErrorOf(err))
		return
	}
	id, err := in.admit(req)
	if err != nil {
		serve.Refuse(w, serve.ErrorOf(err))
		return
	}
	send := serve.Stream[api.Event](w)
	// A quit has no other answer: whoever asked need not wait for an end that
	// is its own.
	send(api.Event{Type: api.EventStage, Time: time.Now(), Message: session.Preparing.String()})
	result := in.makeSnapshot(r.Context(), id, req)
	send(api.Event{Type: api.EventResult, Time: time.Now(), Snapshot: result})
}
