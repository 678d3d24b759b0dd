package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/serve"
)

// echo answers each call with what was called and with what.
var echo = link.Calls(func(_ context.Context, method string, body json.RawMessage) (any, error) {
	return map[string]any{"call": method, "in": body}, nil
})

// failing answers each call with an error.
func failing(err error) link.Calls {
	return func(context.Context, string, json.RawMessage) (any, error) { return nil, err }
}

// ask makes a request, and returns the answer with its body.
func ask(t *testing.T, h http.Handler, method, path, body string) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
	raw, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), strings.TrimSpace(string(raw))
}

func TestRequestsBecomeCalls(t *testing.T) {
	h := serve.Handler(serve.Config{Caller: echo})
	for _, tt := range []struct{ method, path, body, want string }{
		{"GET", "/v1/image", "", `{"call":"image","in":null}`},
		{"GET", "/v1/services", "", `{"call":"services","in":null}`},
		{"GET", "/v1/services?usage=false", "", `{"call":"services","in":null}`},
		{"GET", "/v1/services?usage=true", "", `{"call":"usage","in":null}`},
		{"POST", "/v1/services", `{"action":"stop","services":["db"],"wait":true}`, `{"call":"change-services","in":{"action":"stop","services":["db"],"wait":true}}`},
		{"GET", "/v1/services/db/wait", "", `{"call":"wait-service","in":{"name":"db","for":"ready"}}`},
		{"GET", "/v1/services/a%20b/wait?for=stopped", "", `{"call":"wait-service","in":{"name":"a b","for":"stopped"}}`},
		{"GET", "/v1/handlers", "", `{"call":"handlers","in":null}`},
		{"DELETE", "/v1/handlers/warm-up", "", `{"call":"remove-handler","in":"warm-up"}`},
		{"POST", "/v1/categories", `{"name":"db"}`, `{"call":"add-category","in":{"name":"db"}}`},
		{"DELETE", "/v1/categories/db", "", `{"call":"remove-category","in":"db"}`},
		{"GET", "/v1/hierarchy", "", `{"call":"hierarchy","in":null}`},
	} {
		resp, got := ask(t, h, tt.method, tt.path, tt.body)
		if resp.StatusCode != http.StatusOK || got != tt.want {
			t.Errorf("%s %s: %s %s, want %s", tt.method, tt.path, resp.Status, got, tt.want)
		}
		if ct := resp.Header.Get("Content-Type"); ct != "application/json" {
			t.Errorf("%s %s: content type %q", tt.method, tt.path, ct)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name               string
		caller             serve.Caller
		method, path, body string
		status             int
		code, says         string
	}{
		{"of what is no request", echo, "POST", "/v1/services", "{", 400, api.CodeBad, "cannot read the request"},
		{"of no request", echo, "POST", "/v1/services", "", 400, api.CodeBad, "it is empty"},
		{"of a request that is a list", echo, "POST", "/v1/services", "[]", 400, api.CodeBad, "kind array, and must be an object"},
		{"of a request with a list for a word", echo, "POST", "/v1/services", `{"action": []}`, 400, api.CodeBad, `"action" cannot be JSON of the kind array`},
		{"of a query that makes no sense", echo, "GET", "/v1/services?usage=perhaps", "", 400, api.CodeBad, `usage is "perhaps"`},
		{"of a wait for nothing", echo, "GET", "/v1/services/db/wait?for=ever", "", 400, api.CodeBad, "ready or stopped"},
		{"of an unknown path", echo, "GET", "/v2", "", 404, api.CodeNotFound, "GET /v2"},
		{"of a path that another socket has", echo, "GET", "/v1/logs", "", 404, api.CodeNotFound, "GET /v1/logs"},
		{"of an unknown method", echo, "PUT", "/v1/services", "", 405, api.CodeBad, "GET and POST"},
		{"by init", failing(&api.Error{Code: api.CodeBusy, Message: "it is busy"}), "GET", "/v1/image", "", 409, api.CodeBusy, "it is busy"},
		{"of a service that is not there", failing(&api.Error{Code: api.CodeNotFound, Message: "no"}), "GET", "/v1/services/x/wait", "", 404, api.CodeNotFound, "no"},
		{"of an image that is gone", failing(&api.Error{Code: api.CodeNotAlive, Message: "gone"}), "GET", "/v1/image", "", 410, api.CodeNotAlive, "gone"},
		{"by an accident", failing(errors.New("the disk is full")), "GET", "/v1/image", "", 500, api.CodeCannot, "the disk is full"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := ask(t, serve.Handler(serve.Config{Caller: tt.caller}), tt.method, tt.path, tt.body)
			var e api.Error
			if err := json.Unmarshal([]byte(body), &e); err != nil {
				t.Fatalf("the answer %q is no error: %v", body, err)
			}
			if resp.StatusCode != tt.status || e.Code != tt.code || !strings.Contains(e.Message, tt.says) {
				t.Errorf("%s %+v", resp.Status, e)
			}
		})
	}
}

func TestOwnersServeWhatTheyKnow(t *testing.T) {
	h := serve.Handler(serve.Config{
		Caller: echo,
		Error:  func(error) *api.Error { return &api.Error{Code: api.CodeForbidden, Message: "in other words"} },
		Own: map[string]http.Handler{
			"GET /v1/image": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { serve.JSON(w, "mine") }),
		},
	})
	if _, got := ask(t, h, "GET", "/v1/image", ""); got != `"mine"` {
		t.Errorf("the owner's route: %s", got)
	}
	if resp, _ := ask(t, h, "GET", "/v1/services?usage=x", ""); resp.StatusCode != http.StatusForbidden {
		t.Errorf("the owner's words for an error: %s", resp.Status)
	}
	defer func() {
		if recover() == nil {
			t.Error("a route that is none is taken")
		}
	}()
	serve.Handler(serve.Config{Own: map[string]http.Handler{"GET /v1/nothing": h}})
}
