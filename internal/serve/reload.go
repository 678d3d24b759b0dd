package serve

import (
	"net/http"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
)

// serveReload asks for a reload and streams what happens until its result. It
// goes on when the client leaves.
func (s *server) serveReload(w http.ResponseWriter, r *http.Request) {
	var req api.ReloadRequest
	if err := Body(r, &req); err != nil {
		Refuse(w, s.Error(err))
		return
	}
	l := s.Hub.Listen()
	defer s.Hub.Leave(l)
	last := api.Event{Type: api.EventResult}
	done := make(chan error, 1)
	go func() { done <- s.Caller.Call(r.Context(), link.CallReload, req, &last.Reload) }()
	out := &events{w: w}
	for {
		select {
		case e := <-l.Progress:
			out.send(e)
		case err := <-done:
			if err != nil {
				last.Reload, last.Error = nil, s.Error(err)
			}
			last.Time = time.Now()
			l.Flush(out.send)
			out.end(last)
			return
		}
	}
}

// events is an answer that reports progress. It begins with the first event,
// so that what is refused before anything has happened is answered with a
// status that says so.
type events struct {
	w      http.ResponseWriter
	stream func(api.Event) // nil: nothing was sent
}

func (out *events) send(e api.Event) {
	if out.stream == nil {
		out.stream = Stream[api.Event](out.w)
	}
	out.stream(e)
}

func (out *events) end(result api.Event) {
	if result.Error != nil && out.stream == nil {
		Refuse(out.w, result.Error)
		return
	}
	out.send(result)
}
