package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/seancehq/seance/api"
)

// The tests in client_test.go are of the client's half alone: what it asks
// for and how it prints the answer. The other half is this server, which says
// what a test tells it to in the API's wire types; no image runs. The scripts
// in testdata/script run real images.

// place is a folder for everything seance keeps, and the environment of the
// commands that use it.
type place struct {
	t    *testing.T
	home api.Home
	env  map[string]string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	// Short, for a socket's path has at most 107 bytes.
	dir, err := os.MkdirTemp("/tmp", "sc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Chdir(t.TempDir())
	return &place{t: t, home: api.Home{Dir: dir}, env: map[string]string{api.EnvHome: dir}}
}

// printed is what a command left behind.
type printed struct {
	status         int
	stdout, stderr string
}

func (p *place) run(args ...string) printed {
	p.t.Helper()
	return p.runContext(p.t.Context(), args...)
}

func (p *place) runContext(ctx context.Context, args ...string) printed {
	p.t.Helper()
	var stdout, stderr bytes.Buffer
	status := Main(ctx, Invocation{
		Version: "v0-test",
		Args:    args,
		Stdin:   bytes.NewReader(nil),
		Stdout:  &stdout,
		Stderr:  &stderr,
		Env:     func(name string) string { return p.env[name] },
	})
	return printed{status, stdout.String(), stderr.String()}
}

// serve answers for a live image of that name until the test ends.
func (p *place) serve(name string, routes map[string]http.HandlerFunc) api.Live {
	p.t.Helper()
	live := p.home.Live(name)
	if err := os.MkdirAll(live.Dir, 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(live.Record(), []byte("{}"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.listen(live.Socket(), routes)
	return live
}

// listen serves routes, "METHOD /path", on a socket.
func (p *place) listen(socket string, routes map[string]http.HandlerFunc) {
	p.t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		p.t.Fatal(err)
	}
	mux := http.NewServeMux()
	for pattern, h := range routes {
		mux.HandleFunc(pattern, h)
	}
	server := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	p.t.Cleanup(func() {
		server.Close()
		<-done
	})
}

// answer replies with values, one a line, as the API's streams are.
func answer[T any](values ...T) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		enc := json.NewEncoder(w)
		for _, v := range values {
			_ = enc.Encode(v)
		}
	}
}

// refuse replies with an error.
func refuse(status int, e api.Error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(e)
	}
}

// writeManifest puts a seance.yaml into the current folder.
func (p *place) writeManifest(source string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(".", "seance.yaml"), []byte(source), 0o600); err != nil {
		p.t.Fatal(err)
	}
}
