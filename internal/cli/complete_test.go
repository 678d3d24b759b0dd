package cli

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seancehq/seance/api"
)

func linesOf(text string) []string {
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func containsLine(text, end string) bool {
	return slices.ContainsFunc(linesOf(text), func(line string) bool { return strings.HasSuffix(line+"\n", end) })
}

// offered is what the shell is told to complete the last of args with.
func (p *place) offered(args ...string) string {
	p.t.Helper()
	got := p.run(append([]string{"__complete"}, args...)...)
	names := linesOf(got.stdout)
	if last := len(names) - 1; got.status != exitOK || names[last] != ":4" { // 4: no files
		p.t.Errorf("status %d: %s%s", got.status, got.stdout, got.stderr)
	}
	return strings.Join(names[:len(names)-1], " ")
}

func TestCompletion(t *testing.T) {
	p := newPlace(t)
	routes := map[string]http.HandlerFunc{
		"GET /v1/services": answer([]api.Service{{Name: "web-1", Of: "web"}, {Name: "web-2", Of: "web"}, {Name: "db"}}),
		"GET /v1/handlers": answer(api.Handlers{Startup: []api.Handler{{ID: "db", Kind: "service"}, {ID: "warm-up", Kind: "hook"}}}),
	}
	for args, want := range map[string]string{"start ": "", "handler rm ": "", "boot ": "", "ps -i ": ""} {
		if got := p.offered(strings.Split(args, " ")...); got != want {
			t.Errorf("with nothing there, seance %sis completed with %q", args, got)
		}
	}
	p.serve("shop", routes)
	for args, want := range map[string]string{
		"start ":           "web web-1 web-2 db",
		"stop web":         "web web-1 web-2",
		"restart web-1 we": "web web-2",
		"wait d":           "db",
		"events d":         "db",
		"logs d":           "db",
		"handler rm ":      "warm-up",
		"handler rm x ":    "",
		"ps -i s":          "shop",
		"start -i nope ":   "",
	} {
		if got := p.offered(strings.Split(args, " ")...); got != want {
			t.Errorf("seance %s is completed with %q, want %q", args, got, want)
		}
	}
}

func TestCompletionOfAManifest(t *testing.T) {
	p := newPlace(t)
	p.writeManifest("services: {web: {command: x, replicas: 2}, db: {command: x}}\n")
	other := t.TempDir()
	if err := os.WriteFile(other+"/seance.yaml", []byte("services: {there: {command: x}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"run ":                          "web web-1 web-2 db",
		"run db web":                    "web web-1 web-2",
		"run --exit-with d":             "db",
		"run -f " + other + " ":         "there",
		"run -f " + other + "/nowhere ": "",
		"up --freezer ":                 "criu respawn",
		"up --freezer=r":                "respawn",
	} {
		if got := p.offered(strings.Split(args, " ")...); got != want {
			t.Errorf("seance %s is completed with %q, want %q", args, got, want)
		}
	}
	if got := p.run("__complete", "run", "--", ""); got.stdout != ":0\n" {
		t.Errorf("a program is completed with %q, want files", got.stdout)
	}
}

func TestCompletionOfCategories(t *testing.T) {
	p := newPlace(t)
	p.serve("shop", map[string]http.HandlerFunc{
		"GET /v1/manifest": answer(api.Source{Manifest: []byte("categories: [{name: storage, after: system}]\nservices: {a: {command: x}}\n")}),
		"GET /v1/handlers": answer(api.Handlers{Startup: []api.Handler{{ID: "a", Kind: "service", Category: "user"}, {ID: "b", Kind: "hook", Category: "late"}}}),
	})
	for args, want := range map[string]string{
		"handler add x --category ": "system storage network gui tools user late",
		"category add x --after s":  "system storage",
		"category rm l":             "late",
	} {
		if got := p.offered(strings.Split(args, " ")...); got != want {
			t.Errorf("seance %s is completed with %q, want %q", args, got, want)
		}
	}
}

// One who presses Tab does not wait for an image that does not answer.
func TestCompletionDoesNotHang(t *testing.T) {
	p := newPlace(t)
	p.serve("shop", map[string]http.HandlerFunc{"GET /v1/services": hang})
	if got := p.offered("start", ""); got != "" {
		t.Errorf("offered %q", got)
	}
}
