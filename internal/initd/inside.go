package initd

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
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

func (in *Init) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/image", answer(func(context.Context) (any, error) { return in.describe(), nil }))
	mux.Handle("GET /v1/services", answer(func(context.Context) (any, error) { return in.listServices(), nil }))
	mux.Handle("GET /v1/handlers", answer(func(context.Context) (any, error) { return in.listHandlers(), nil }))
	mux.Handle("GET /v1/hierarchy", answer(in.hierarchy))
	mux.Handle("POST /v1/handlers", in.change(link.CallAddHandler, bodyOf))
	mux.Handle("DELETE /v1/handlers/{name}", in.change(link.CallRemoveHandler, nameIn))
	mux.Handle("POST /v1/categories", in.change(link.CallAddCategory, bodyOf))
	mux.Handle("DELETE /v1/categories/{name}", in.change(link.CallRemoveCategory, nameIn))
	mux.HandleFunc("POST /v1/snapshot", in.serveSnapshot)
	return mux
}

func answer(f func(context.Context) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r.Context())
		if err != nil {
			refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	})
}

// change serves one kind of change to the lists.
func (in *Init) change(call string, of func(*http.Request) (json.RawMessage, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(func(context.Context) (any, error) {
			what, err := of(r)
			if err != nil {
				return nil, badRequest(err)
			}
			return in.changes()[call](what)
		}).ServeHTTP(w, r)
	})
}

func bodyOf(r *http.Request) (body json.RawMessage, err error) {
	err = json.NewDecoder(r.Body).Decode(&body)
	return body, err
}

func nameIn(r *http.Request) (json.RawMessage, error) { return json.Marshal(r.PathValue("name")) }

func badRequest(err error) *api.Error {
	return &api.Error{Code: api.CodeBad, Message: fmt.Sprintf("cannot read the request: %v", err)}
}

func refuse(w http.ResponseWriter, err error) {
	e, ok := err.(*api.Error)
	if !ok {
		e = &api.Error{Code: api.CodeCannot, Message: err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusConflict)
	_ = json.NewEncoder(w).Encode(e)
}

// serveSnapshot makes a snapshot and answers in each copy what that copy is.
func (in *Init) serveSnapshot(w http.ResponseWriter, r *http.Request) {
	var req api.SnapshotRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		refuse(w, badRequest(err))
		return
	}
	id, err := in.admit(req)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	// A quit has no other answer: whoever asked need not wait for an end that
	// is its own.
	_ = out.Encode(api.Event{Type: api.EventStage, Time: time.Now(), Message: session.Preparing.String()})
	_ = http.NewResponseController(w).Flush()
	result := in.makeSnapshot(r.Context(), id, req)
	_ = out.Encode(api.Event{Type: api.EventResult, Time: time.Now(), Snapshot: result})
}
