package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/live"
	"github.com/seancehq/seance/internal/serve"
)

// server serves the API on the live image's socket.
type server struct {
	http *http.Server
	done chan error
}

// serve begins to serve.
func (m *Monitor) serve() (*server, error) {
	l, err := live.Listen(m.live.Socket())
	if err != nil {
		return nil, fmt.Errorf("cannot serve the API of image %q: %w", m.live.Name, err)
	}
	s := &server{http: &http.Server{Handler: m.routes(), ReadHeaderTimeout: 10 * time.Second}, done: make(chan error, 1)}
	go func() { s.done <- s.http.Serve(l) }()
	return s, nil
}

// stop lets the answers that are under way end, and then the server.
func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	<-s.done
}

// routes serves the API: most of it is init's, which the monitor only asks.
func (m *Monitor) routes() http.Handler {
	return serve.Handler(serve.Config{
		Caller: m,
		Hub:    m.hub,
		Error:  wireError,
		Own: map[string]http.Handler{
			"GET /v1/image":            answer(m.describeImage),
			"GET /v1/hierarchy":        answer(m.hierarchy),
			"GET /v1/hierarchy/events": http.HandlerFunc(m.serveHierarchyEvents),
			"GET /v1/logs":             serve.Logs(serve.LogFolder{Image: m.live.Name, Dir: m.live.Logs(), Caller: m, Ended: m.gone, OnError: m.logsUnread}),
			"POST /v1/snapshot":        http.HandlerFunc(m.serveSnapshot),
		},
	})
}

// answer makes a handler of a function that returns what to send.
func answer[T any](f func(context.Context) (T, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r.Context())
		if err != nil {
			refuse(w, err)
			return
		}
		serve.JSON(w, v)
	})
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, err error) { serve.Refuse(w, wireError(err)) }

// describeImage says what init and the monitor know of the image. It answers
// at once during a save too, with what the monitor knows alone, and soon when
// init does not answer.
func (m *Monitor) describeImage(ctx context.Context) (api.Image, error) {
	img := api.Image{State: m.stateNow()}
	m.mu.Lock()
	p := m.peer
	m.mu.Unlock()
	if p != nil {
		err := m.ask(ctx, p, "", link.CallImage, nil, &img)
		switch {
		case errors.Is(err, errSilent):
			img.State = api.StateLost
		case err != nil && !errors.Is(err, link.ErrClosed):
			return img, err
		}
	}
	m.fillIn(&img)
	return img, nil
}

// fillIn adds to init's description what only the monitor knows.
func (m *Monitor) fillIn(img *api.Image) {
	img.Name, img.PID, img.MonitorPID = m.live.Name, m.record.Init.PID, os.Getpid()
	img.Freezer, img.WhyCold = m.record.Freezer, m.record.WhyCold
	img.From, img.FromRef, img.Manifest = m.record.From, m.record.FromRef, m.record.Manifest
}

// serveSnapshot asks init for a snapshot and streams what happens until its
// result. The snapshot goes on when the client leaves.
func (m *Monitor) serveSnapshot(w http.ResponseWriter, r *http.Request) {
	var req api.SnapshotRequest
	if err := serve.Body(r, &req); err != nil {
		refuse(w, err)
		return
	}
	if _, err := m.refFor(req.Ref); req.Save && err != nil { // before a handler is shut down for it
		refuse(w, serve.Bad("cannot save image %q: %v", m.live.Name, err))
		return
	}
	early := m.stateNow() == api.StateBooting && req.Quit && !req.Save // init calls its start-up off
	if s := m.stateNow(); s != api.StateRunning && !early {
		refuse(w, api.Busy(m.live.Name, s, req))
		return
	}
	l := m.hub.Listen()
	defer m.hub.Leave(l)
	refused := func() {}
	if req.Save {
		refused = m.standby.want(m.live.Name, m.warn)
	}
	var begun link.Accepted
	if err := m.Call(r.Context(), link.CallSnapshot, req, &begun); err != nil {
		refused()
		refuse(w, err)
		return
	}
	events := serve.Stream[api.Event](w)
	for {
		select {
		case e := <-l.Progress:
			events(e)
		case e := <-l.Result:
			if e.Error != nil || e.Snapshot != nil && e.Snapshot.ID == begun.Snapshot {
				l.Flush(events)
				events(e)
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
