package serve_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/serve"
)

// document is docs/api.md.
func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sections are those of the document with a level-three heading.
func sections(text string) map[string]string {
	all := map[string]string{}
	for _, part := range strings.Split(text, "\n### ")[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		all[heading] = body
	}
	return all
}

func TestEveryRouteIsDocumented(t *testing.T) {
	found := sections(document(t))
	for _, r := range serve.Routes() {
		body, ok := found[r.Key()]
		if !ok {
			t.Errorf("docs/api.md has no section %q", r.Key())
		}
		for _, p := range r.Params {
			if !strings.Contains(body, "`"+p.Name+"`") {
				t.Errorf("section %q says nothing of `%s`", r.Key(), p.Name)
			}
		}
		if r.Format == serve.FormatLines && !strings.Contains(body, "stream") {
			t.Errorf("section %q does not say that it is a stream", r.Key())
		}
		delete(found, r.Key())
	}
	for heading := range found {
		t.Errorf("docs/api.md has a section for %q, which is no route", heading)
	}
}

func TestTheExamplesOfTheDocumentAreRoutes(t *testing.T) {
	calls := regexp.MustCompile(`http://localhost(/[^\s'?]*)`).FindAllStringSubmatch(document(t), -1)
	if len(calls) < 4 {
		t.Fatalf("found %d examples", len(calls))
	}
	h := serve.Handler(serve.Config{Caller: echo, Own: map[string]http.Handler{}})
	for _, c := range calls {
		if resp, body := ask(t, h, "PUT", c[1], ""); resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s is no path of the API: %s %s", c[1], resp.Status, body)
		}
	}
}

func TestEveryErrorIsDocumented(t *testing.T) {
	text := document(t)
	for _, code := range []string{
		api.CodeBusy, api.CodeNotFound, api.CodeExists, api.CodeBad, api.CodeCannot, api.CodeNotAlive, api.CodeForbidden,
	} {
		h := serve.Handler(serve.Config{Caller: failing(&api.Error{Code: code, Message: "no"})})
		resp, _ := ask(t, h, "GET", "/v1/image", "")
		row := regexp.MustCompile("(?m)^\\| `" + code + "` \\| ([0-9, ]+) \\|").FindStringSubmatch(text)
		if row == nil || !slices.Contains(strings.Split(row[1], ", "), resp.Status[:3]) {
			t.Errorf("docs/api.md does not say that %s has the status %s: %v", code, resp.Status, row)
		}
	}
}

func TestEveryMetricIsDocumented(t *testing.T) {
	_, text := ask(t, serve.Handler(serve.Config{Caller: figures(sampled())}), "GET", "/metrics", "")
	p, err := parse(text + "\n")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(seance_[a-z_]+)` \\| ([a-z]+) \\|").FindAllStringSubmatch(document(t), -1) {
		rows[row[1]] = row[2]
	}
	for name, kind := range p.types {
		if rows[name] != kind {
			t.Errorf("docs/api.md says %q of the %s %s", rows[name], kind, name)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("docs/api.md speaks of %s, which is no metric", name)
	}
}
