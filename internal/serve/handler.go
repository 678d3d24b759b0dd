package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/docs"
	"github.com/seancehq/seance/internal/link"
)

// Caller asks init. [link.Peer] and [link.Calls] are such.
type Caller interface {
	Call(ctx context.Context, method string, in, out any) error
}

// Config is what a handler of the API is made of.
type Config struct {
	Caller Caller
	// Own serves routes by their Key: those that no call answers, and those
	// that the owner knows more of than init.
	Own map[string]http.Handler
	// Hub tells of the progress of a reload; nil: nobody does.
	Hub *Hub
	// Error puts an error into the form that goes over the API. Default:
	// [ErrorOf].
	Error func(error) *api.Error
}

// Handler serves the API. It panics when Own has a key that is no route's, as
// [http.ServeMux.Handle] does with a bad pattern.
func Handler(c Config) http.Handler {
	if c.Error == nil {
		c.Error = ErrorOf
	}
	if c.Hub == nil {
		c.Hub = NewHub()
	}
	s := &server{Config: c, mux: http.NewServeMux()}
	known := map[string]bool{}
	for _, r := range Routes() {
		known[r.Key()] = true
		if h := s.handlerOf(r); h != nil {
			s.mux.Handle(r.Key(), h)
			s.methods = append(s.methods, r.Method)
		}
	}
	for key := range c.Own {
		if !known[key] {
			panic(fmt.Sprintf("serve: %q is no route of the API", key))
		}
	}
	s.mux.HandleFunc("/", s.unknown)
	return s.mux
}

type server struct {
	Config
	mux     *http.ServeMux
	methods []string // of all routes
}

// handlerOf is what serves a route, nil when nothing here does.
func (s *server) handlerOf(r Route) http.Handler {
	if own := s.Own[r.Key()]; own != nil {
		return own
	}
	switch {
	case r.Path == openAPIPath:
		return http.HandlerFunc(serveOpenAPI)
	case s.Caller == nil:
		return nil
	case r.Call == link.CallNotices:
		return http.HandlerFunc(s.serveEvents)
	case r.Call == link.CallMetrics:
		return http.HandlerFunc(s.serveMetrics)
	case r.Call == link.CallReload:
		return http.HandlerFunc(s.serveReload)
	case r.Call != "":
		return s.relay(r)
	}
	return nil
}

// relay serves a route by one call.
func (s *server) relay(route Route) http.Handler {
	ask := route.ask
	if ask == nil {
		ask = plain(route.Call)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call, in, err := ask(r)
		var out json.RawMessage
		if err == nil {
			err = s.Caller.Call(r.Context(), call, in, &out)
		}
		if err != nil {
			Refuse(w, s.Error(err))
			return
		}
		JSON(w, out)
	})
}

// serveOpenAPI answers with the description of the API.
func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", string(FormatJSON))
	_, _ = w.Write(docs.OpenAPI) // the client may have left
}

// unknown answers what is no route: with the methods that there are, when it
// is the path of one.
func (s *server) unknown(w http.ResponseWriter, r *http.Request) {
	if allowed := s.allowed(r); len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		write(w, http.StatusMethodNotAllowed, Bad("cannot %s %s: it takes %s", r.Method, r.URL.Path, strings.Join(allowed, " and ")))
		return
	}
	Refuse(w, &api.Error{Code: api.CodeNotFound, Message: fmt.Sprintf("there is no %s %s in the API of this socket", r.Method, r.URL.Path)})
}

// allowed are the methods with which the path of a request is a route.
func (s *server) allowed(r *http.Request) []string {
	var allowed []string
	for _, method := range s.methods {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "/" && !slices.Contains(allowed, method) {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// ErrorOf is an error as it goes over the API: one that is not one of the
// API's own is that something was tried and failed.
func ErrorOf(err error) *api.Error {
	var e *api.Error
	if errors.As(err, &e) {
		return e
	}
	return &api.Error{Code: api.CodeCannot, Message: err.Error()}
}

// Bad is the error of a request that cannot be read.
func Bad(format string, args ...any) *api.Error {
	return &api.Error{Code: api.CodeBad, Message: fmt.Sprintf(format, args...)}
}
