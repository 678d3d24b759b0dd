package adapt

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"

	"github.com/seancehq/seance/session"
)

// HTTPServer is a handler that serves from start-up to shut-down.
type HTTPServer struct {
	id   string
	make func() *http.Server

	mu     sync.Mutex
	server *http.Server // nil when not started
	addr   net.Addr
	done   chan error
}

var _ session.Handler = (*HTTPServer)(nil)

// Server makes a handler of an HTTP server. A server that was shut down cannot serve again, so
// there is one anew for each start-up, made by the function. It listens on its Addr (with TLS, if
// it has a TLSConfig), and requests' contexts end with the session, unless it has a BaseContext of
// its own.
//
// At shut-down, requests may finish within the handler's time limit; then the connections are closed.
func Server(id string, make func() *http.Server) *HTTPServer {
	return &HTTPServer{id: id, make: make}
}

// ID implements [session.Handler].
func (h *HTTPServer) ID() string { return h.id }

// Addr returns the address that is listened on, or nil when the server is not started.
func (h *HTTPServer) Addr() net.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.addr
}

// Startup implements [session.Handler]. When it returns, the server accepts connections.
func (h *HTTPServer) Startup(ctx context.Context, _ bool) error {
	if h.Addr() != nil {
		return nil
	}
	server := h.make()
	l, err := listen(ctx, server)
	if err != nil {
		return err
	}
	if server.BaseContext == nil {
		base := sessionContext(ctx)
		server.BaseContext = func(net.Listener) context.Context { return base }
	}
	done := make(chan error, 1)
	go func() { done <- serve(server, l) }()
	h.set(server, l.Addr(), done)
	return nil
}

func (h *HTTPServer) set(server *http.Server, addr net.Addr, done chan error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.server, h.addr, h.done = server, addr, done
}

func listen(ctx context.Context, server *http.Server) (net.Listener, error) {
	addr := server.Addr
	switch {
	case addr == "" && server.TLSConfig != nil:
		addr = ":https"
	case addr == "":
		addr = ":http"
	}
	var config net.ListenConfig
	config.SetMultipathTCP(false) // an MPTCP listener cannot be frozen
	return config.Listen(ctx, "tcp", addr)
}

func serve(server *http.Server, l net.Listener) error {
	if server.TLSConfig != nil {
		return server.ServeTLS(l, "", "")
	}
	return server.Serve(l)
}

// Shutdown implements [session.Handler]. Its error may be that of a server which stopped serving by
// itself.
func (h *HTTPServer) Shutdown(ctx context.Context, _ bool) error {
	server, done := h.take()
	if server == nil {
		return nil
	}
	err := server.Shutdown(ctx)
	if err != nil { // time is up
		err = errors.Join(err, server.Close())
	}
	if served := <-done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

func (h *HTTPServer) take() (*http.Server, chan error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	server, done := h.server, h.done
	h.server, h.addr, h.done = nil, nil, nil
	return server, done
}
