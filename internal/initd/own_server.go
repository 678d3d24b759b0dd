package initd

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	livefolder "github.com/seancehq/seance/internal/live"
	"github.com/seancehq/seance/internal/serve"
)

// server serves the API of an image in the foreground, on the socket on which a
// monitor would. A nil server serves nothing.
type server struct {
	http *http.Server
	done chan error
}

// serve begins to serve. Without the API the image runs all the same.
func (r *foreground) serve() {
	if r.place == nil {
		return
	}
	l, err := livefolder.Listen(r.place.folder.Socket())
	if err != nil {
		r.Say(fmt.Sprintf("cannot serve the API: %v", err))
		return
	}
	// Most runs are never asked anything: what answers is made by the first
	// request.
	routes := sync.OnceValue(r.routes)
	answer := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { routes().ServeHTTP(w, req) })
	r.server = &server{&http.Server{Handler: answer, ReadHeaderTimeout: 10 * time.Second}, make(chan error, 1)}
	go func() { r.server.done <- r.server.http.Serve(l) }()
}

func (r *foreground) routes() http.Handler {
	logs := serve.LogFolder{
		Image: r.Name, Dir: r.in.place.Logs(), Caller: link.Calls(r.in.answer), Ended: r.written,
		OnError: func(err error) { r.Say("cannot serve logs: " + err.Error()) },
	}
	return serve.Handler(serve.Config{
		Caller: link.Calls(r.in.answer),
		Hub:    r.in.hub,
		Own: map[string]http.Handler{
			"POST /v1/snapshot": http.HandlerFunc(r.in.serveSnapshot),
			"GET /v1/image":     http.HandlerFunc(r.serveImage),
			"GET /v1/logs":      serve.Logs(logs),

			"GET /v1/hierarchy/events": serve.HierarchyEvents(processes, r.ended, serve.ErrorOf),
		},
	})
}

// serveImage describes the image, whose init is this process.
func (r *foreground) serveImage(w http.ResponseWriter, _ *http.Request) {
	img := r.in.describe()
	img.PID, img.WhyCold = os.Getpid(), "it runs in the foreground, with seance run"
	serve.JSON(w, img)
}

// stop lets the answers that are under way end, and then the server.
func (s *server) stop() {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	<-s.done
}

// calledOff is the result of a quit that called the start-up off, once nothing
// is left of the image.
func (r *foreground) calledOff(id string) *api.SnapshotResult {
	<-r.cleared
	return &api.SnapshotResult{ID: id, Outcome: api.Quit}
}
