package serve_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/docs"
	"github.com/seancehq/seance/internal/serve"
)

var update = flag.Bool("update", false, "write docs/openapi.json anew")

const openapiFile = "../../docs/openapi.json"

// docs/openapi.json is what the routes and the types make of it. After a change
// to these: go test ./internal/serve -run OpenAPI -update
func TestOpenAPI(t *testing.T) {
	want, err := describe()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(openapiFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(openapiFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("docs/openapi.json is not what the code says; write it anew with: go test ./internal/serve -run OpenAPI -update")
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	resp, body := ask(t, serve.Handler(serve.Config{Caller: echo}), "GET", "/v1/openapi.json", "")
	if resp.StatusCode != http.StatusOK || body != strings.TrimSpace(string(docs.OpenAPI)) || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s, %d bytes of %s", resp.Status, len(body), resp.Header.Get("Content-Type"))
	}
}

// object is one of JSON.
type object = map[string]any

// describe makes the description of the API from its routes.
func describe() ([]byte, error) {
	words, err := readComments("../../api", "../../process")
	if err != nil {
		return nil, err
	}
	s := &schemas{words: words, all: object{}}
	paths := object{}
	for _, r := range serve.Routes() {
		if paths[r.Path] == nil {
			paths[r.Path] = object{}
		}
		paths[r.Path].(object)[strings.ToLower(r.Method)] = operation(s, r)
	}
	return encode(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "seance", "version": "1",
			"summary": "What a live image answers.",
			"description": "Served over HTTP on the unix socket of a live image, which only its user and root may connect to. " +
				"See docs/api.md.",
			"license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":    []object{{"url": "http://localhost", "description": "The unix socket $SEANCE_HOME/live/NAME/api.sock; inside an image, $SEANCE_SOCKET."}},
		"security":   []object{},
		"paths":      paths,
		"components": object{"schemas": s.all},
	})
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

// operation describes one route.
func operation(s *schemas, r serve.Route) object {
	op := object{
		"operationId": operationID(r), "summary": r.Summary,
		"responses": object{
			"200": answerOf(s, r),
			"default": object{
				"description": "It was refused, or tried and failed.",
				"content":     object{string(serve.FormatJSON): object{"schema": s.of(api.Error{})}},
			},
		},
	}
	if r.Request != nil {
		op["requestBody"] = object{"required": true, "content": object{string(serve.FormatJSON): object{"schema": s.of(r.Request)}}}
	}
	var params []object
	for _, p := range r.Params {
		params = append(params, parameter(p))
	}
	if params != nil {
		op["parameters"] = params
	}
	return op
}

func answerOf(s *schemas, r serve.Route) object {
	says := "Done."
	schema := object{"type": "object"}
	switch {
	case r.Format == serve.FormatLines:
		says, schema = "Values of JSON, one a line, each sent as it comes.", s.of(r.Response)
	case r.Response != nil:
		says, schema = "What was asked for.", s.of(r.Response)
	}
	return object{"description": says, "content": object{string(r.Format): object{"schema": schema}}}
}

func parameter(p serve.Param) object {
	schema := object{"type": p.Type}
	if p.Enum != nil {
		schema["enum"] = p.Enum
	}
	if p.Repeated {
		schema = object{"type": "array", "items": schema}
	}
	out := object{"name": p.Name, "in": p.In, "description": p.Summary, "schema": schema}
	if p.In == "path" {
		out["required"] = true
	}
	return out
}

// operationID is the method and the words of the path, such as
// getServicesNameWait.
func operationID(r serve.Route) string {
	words := strings.FieldsFunc(strings.TrimPrefix(r.Path, "/v1"), func(c rune) bool { return !unicode.IsLetter(c) })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.ToLower(r.Method) + strings.Join(words, "")
}

func TestOperationsHaveNamesOfTheirOwn(t *testing.T) {
	var seen []string
	for _, r := range serve.Routes() {
		id := operationID(r)
		if slices.Contains(seen, id) {
			t.Errorf("two operations are called %s", id)
		}
		seen = append(seen, id)
	}
}
