package serve

import (
	"net/http"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/process"
)

// Format is the form of an answer.
type Format string

const (
	FormatJSON  Format = "application/json"
	FormatLines Format = "application/x-ndjson"                     // JSON values, one a line, each sent as it comes
	FormatText  Format = "text/plain; version=0.0.4; charset=utf-8" // of Prometheus
)

// Route is one line of the API.
type Route struct {
	Method, Path string
	Summary      string
	Params       []Param
	Request      any // a value of the body's type; nil: there is none
	Response     any // a value of the answer's type, of each line's in FormatLines; nil: nothing is told
	Format       Format
	// Call is the call of init that answers it. "": its owner serves it, or
	// this package does.
	Call string

	// ask makes the call of a request, when it is more than Call.
	ask func(*http.Request) (call string, in any, err error)
}

// Key is how a Route is named, such as "GET /v1/image".
func (r Route) Key() string { return r.Method + " " + r.Path }

// Param is a part of a path or of a query.
type Param struct {
	Name     string
	In       string // path or query
	Type     string // of JSON: string, integer, boolean
	Repeated bool
	Summary  string
	Enum     []string
}

const openAPIPath = "/v1/openapi.json"

var nameParam = Param{Name: "name", In: "path", Type: "string", Summary: "Its name."}

// Routes is the whole API, in the order in which it is described.
func Routes() []Route {
	return []Route{
		{
			Method: "GET", Path: "/v1/image", Call: link.CallImage, Response: api.Image{}, Format: FormatJSON,
			Summary: "What the image is and does now.",
		},
		{
			Method: "GET", Path: "/v1/services", Call: link.CallServices, Response: []api.Service{}, Format: FormatJSON,
			Summary: "The services in start-up order.",
			Params:  []Param{{Name: "usage", In: "query", Type: "boolean", Summary: "Add what their processes use."}},
			ask:     askServices,
		},
		{
			Method: "POST", Path: "/v1/services", Call: link.CallChange, Request: api.ServicesRequest{}, Response: api.ServicesResult{}, Format: FormatJSON,
			Summary: "Start, stop or restart services.",
			ask:     body[api.ServicesRequest](link.CallChange),
		},
		{
			Method: "GET", Path: "/v1/services/{name}/wait", Call: link.CallWait, Response: []api.Service{}, Format: FormatJSON,
			Summary: "Wait until a service, or all replicas of one, are as asked.",
			Params: []Param{nameParam, {
				Name: "for", In: "query", Type: "string", Summary: "What to wait for. Default: ready.",
				Enum: []string{string(api.WaitReady), string(api.WaitStopped)},
			}},
			ask: askWait,
		},
		{
			Method: "GET", Path: "/v1/handlers", Call: link.CallHandlers, Response: api.Handlers{}, Format: FormatJSON,
			Summary: "The start-up list and the shut-down list.",
		},
		{
			Method: "POST", Path: "/v1/handlers", Call: link.CallAddHandler, Request: api.HandlerRequest{}, Response: api.Handler{}, Format: FormatJSON,
			Summary: "Add a handler: a pair of commands, as a hook of the manifest is.",
			ask:     body[api.HandlerRequest](link.CallAddHandler),
		},
		{
			Method: "DELETE", Path: "/v1/handlers/{name}", Call: link.CallRemoveHandler, Format: FormatJSON,
			Summary: "Remove a hook.", Params: []Param{nameParam},
			ask: name(link.CallRemoveHandler),
		},
		{
			Method: "POST", Path: "/v1/categories", Call: link.CallAddCategory, Request: api.CategoryRequest{}, Format: FormatJSON,
			Summary: "Add a category.",
			ask:     body[api.CategoryRequest](link.CallAddCategory),
		},
		{
			Method: "DELETE", Path: "/v1/categories/{name}", Call: link.CallRemoveCategory, Format: FormatJSON,
			Summary: "Remove a category in which no handler stands.", Params: []Param{nameParam},
			ask: name(link.CallRemoveCategory),
		},
		{
			Method: "GET", Path: "/v1/hierarchy", Call: link.CallHierarchy, Response: process.State{}, Format: FormatJSON,
			Summary: "The sessions, groups and processes as they are now.",
		},
		{
			Method: "GET", Path: "/v1/hierarchy/events", Response: api.HierarchyChange{}, Format: FormatLines,
			Summary: "The hierarchy, and then every change to it.",
			Params:  []Param{{Name: "interval", In: "query", Type: "string", Summary: "How often to look, such as 250ms."}},
		},
		{
			Method: "GET", Path: "/v1/logs", Response: api.LogLine{}, Format: FormatLines,
			Summary: "Lines that the services have written.",
			Params: []Param{
				{Name: "service", In: "query", Type: "string", Repeated: true, Summary: "Of these services only. A name that neither a service nor a log has is refused (404). Default: of all."},
				{Name: "tail", In: "query", Type: "integer", Summary: "The last so many lines; negative: all. Default: -1."},
				{Name: "follow", In: "query", Type: "boolean", Summary: "Go on with what is written from now on."},
				{Name: "since", In: "query", Type: "string", Summary: "Only lines from this time on, as in RFC 3339."},
				{Name: "until", In: "query", Type: "string", Summary: "Only lines up to this time, as in RFC 3339; who follows is done when it has passed."},
				{Name: "grep", In: "query", Type: "string", Summary: "Only lines that match this regular expression (RE2)."},
				{Name: "marks", In: "query", Type: "boolean", Summary: "Have each line tell its mark, and before the first line come the marks of where each log begins."},
				{Name: "after", In: "query", Type: "string", Repeated: true, Summary: "SERVICE:MARK, the mark of a line that was read before: only lines of that service that come after it. The tail does not count for it."},
			},
		},
		{
			Method: "GET", Path: "/v1/events", Call: link.CallNotices, Response: api.Notice{}, Format: FormatLines,
			Summary: "What has happened in the image: changes of services, hooks and the image itself. Of a long past only the latest 4096 are kept.",
			Params: []Param{
				{Name: "after", In: "query", Type: "integer", Summary: "Only those with a greater seq. Default: 0."},
				{Name: "follow", In: "query", Type: "boolean", Summary: "Go on with what happens from now on, over saves, until the image ends."},
			},
		},
		{
			Method: "GET", Path: "/v1/manifest", Call: link.CallManifest, Response: api.Source{}, Format: FormatJSON,
			Summary: "The manifest that the image runs now, as text from which it can be read anywhere.",
		},
		{
			Method: "POST", Path: "/v1/reload", Call: link.CallReload, Request: api.ReloadRequest{}, Response: api.Event{}, Format: FormatLines,
			Summary: "Have the image become what another manifest says. The last event is the result. The reload goes on when the client leaves.",
		},
		{
			Method: "GET", Path: "/metrics", Call: link.CallMetrics, Response: "", Format: FormatText,
			Summary: "The image's figures in the text format of Prometheus.",
		},
		{
			Method: "GET", Path: openAPIPath, Response: map[string]any{}, Format: FormatJSON,
			Summary: "This description.",
		},
		{
			Method: "POST", Path: "/v1/snapshot", Request: api.SnapshotRequest{}, Response: api.Event{}, Format: FormatLines,
			Summary: "Save the image, quit, or both. The last event is the result. The snapshot goes on when the client leaves.",
		},
	}
}

func askServices(r *http.Request) (string, any, error) {
	usage, err := boolean(r, "usage")
	if err != nil {
		return "", nil, err
	}
	if usage {
		return link.CallUsage, nil, nil
	}
	return link.CallServices, nil, nil
}

func askWait(r *http.Request) (string, any, error) {
	req := link.WaitRequest{Name: r.PathValue("name"), For: api.WaitReady}
	if s := r.URL.Query().Get("for"); s != "" {
		req.For = api.WaitFor(s)
	}
	if req.For != api.WaitReady && req.For != api.WaitStopped {
		return "", nil, Bad("cannot wait for %q: it must be %s or %s", req.For, api.WaitReady, api.WaitStopped)
	}
	return link.CallWait, req, nil
}

// body passes the body on, once it is seen to be a request.
func body[T any](call string) func(*http.Request) (string, any, error) {
	return func(r *http.Request) (string, any, error) {
		var req T
		err := Body(r, &req)
		return call, req, err
	}
}

// name passes on the name in the path.
func name(call string) func(*http.Request) (string, any, error) {
	return func(r *http.Request) (string, any, error) { return call, r.PathValue("name"), nil }
}

// plain is a call that takes nothing.
func plain(call string) func(*http.Request) (string, any, error) {
	return func(*http.Request) (string, any, error) { return call, nil, nil }
}
