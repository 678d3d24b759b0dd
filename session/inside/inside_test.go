package inside_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/session"
	"github.com/seancehq/seance/session/inside"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// These tests are of this side alone: what is asked, and what becomes of each
// answer. The other side here is a server that says what a test tells it to;
// the example counter-session is tested in a real image.

// image answers as init does.
type image struct {
	freezer string
	state   api.State
	refuses *api.Error
	events  []api.Event   // the answer to a snapshot
	begun   chan struct{} // closed when it is asked
	holds   chan struct{} // the result does not come before it is closed
	asked   []api.SnapshotRequest
}

func (img *image) serve(t *testing.T) *inside.Freezer {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/image", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(api.Image{Name: "shop", Freezer: img.freezer, State: img.state})
	})
	mux.HandleFunc("POST /v1/snapshot", img.snapshot)
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server, done := &http.Server{Handler: mux}, make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	t.Setenv(api.EnvSocket, socket)
	f, err := inside.New(inside.As("shop:mine"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (img *image) snapshot(w http.ResponseWriter, r *http.Request) {
	var req api.SnapshotRequest
	_ = json.NewDecoder(r.Body).Decode(&req)
	img.asked = append(img.asked, req)
	if img.refuses != nil {
		w.WriteHeader(http.StatusConflict)
		_ = json.NewEncoder(w).Encode(img.refuses)
		return
	}
	if img.begun != nil {
		close(img.begun)
	}
	for _, e := range img.events {
		if e.Type == api.EventResult && img.holds != nil {
			<-img.holds
		}
		_ = json.NewEncoder(w).Encode(e)
		w.(http.Flusher).Flush()
	}
}

func result(o api.Outcome, failed string) []api.Event {
	return []api.Event{
		{Type: api.EventStage, Message: "preparing"},
		{Type: api.EventResult, Snapshot: &api.SnapshotResult{Outcome: o, Error: failed}},
	}
}

func TestOutsideAnImage(t *testing.T) {
	t.Setenv(api.EnvSocket, "")
	if _, err := inside.New(); !errors.Is(err, inside.ErrOutside) {
		t.Errorf("without a socket: %v", err)
	}
	t.Setenv(api.EnvSocket, filepath.Join(t.TempDir(), "nobody"))
	f, err := inside.New()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Freeze(t.Context()); !errors.Is(err, inside.ErrOutside) {
		t.Errorf("Freeze, with a socket that nobody serves: %v", err)
	}
	if err := f.Quit(t.Context()); !errors.Is(err, inside.ErrOutside) {
		t.Errorf("Quit, with a socket that nobody serves: %v", err)
	}
}

// The answers that Freeze gives, and the errors of the manager that asks.
func TestFreezeAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		img     image
		outcome string
		is      error
		says    string
	}{
		"continuing": {img: image{events: result(api.Continuing, "")}, outcome: "continuing"},
		"saved, though a handler of the image failed": {
			img: image{events: result(api.Continuing, "hook x: exit status 1")}, outcome: "continuing"},
		"booting": {img: image{events: result(api.Booting, "")}, outcome: "booting"},
		"booting with a fault": {
			img: image{events: result(api.Booting, "db does not answer")}, outcome: "booting", is: session.ErrBoot, says: "db does not answer"},
		"failed": {
			img: image{events: result(api.Failed, "the disk is full")}, outcome: "continuing", is: session.ErrSave, says: "the disk is full"},
		"busy": {
			img: image{refuses: &api.Error{Code: api.CodeBusy, Message: "another one is being made"}}, outcome: "continuing", is: session.ErrSave, says: "another one is being made"},
		"cold": {img: image{freezer: api.FreezerRespawn}, outcome: "continuing", is: inside.ErrCold},
	} {
		t.Run(name, func(t *testing.T) {
			m := session.New(session.WithFreezer(tt.img.serve(t)))
			if _, err := m.Boot(t.Context()); err != nil {
				t.Fatal(err)
			}
			r, err := m.Snapshot(t.Context(), true, false)
			if r.Outcome() != tt.outcome || !errors.Is(err, tt.is) || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("outcome %q, error %v; want %q, an error %v that says %q", r.Outcome(), err, tt.outcome, tt.is, tt.says)
			}
			if cold := errors.Is(tt.is, inside.ErrCold); cold != (len(tt.img.asked) == 0) {
				t.Errorf("asked for %+v", tt.img.asked)
			}
		})
	}
}

func TestFreezeAsksForWhatTheSnapshotIs(t *testing.T) {
	for _, quit := range []bool{false, true} {
		img := image{events: result(api.Booting, "")}
		m := session.New(session.WithFreezer(img.serve(t)))
		if _, err := m.Boot(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Snapshot(t.Context(), true, quit); err != nil {
			t.Fatal(err)
		}
		want := api.SnapshotRequest{Save: true, Quit: quit, Ref: "shop:mine"}
		if len(img.asked) != 1 || img.asked[0] != want {
			t.Errorf("asked for %+v, want %+v once", img.asked, want)
		}
	}
}

// The copy that wakes up does not mind that its caller's time was over long ago.
func TestFreezeOutlastsItsContext(t *testing.T) {
	img := image{events: result(api.Booting, ""), begun: make(chan struct{}), holds: make(chan struct{})}
	f := img.serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-img.begun
		cancel()
		close(img.holds)
	}()
	if booting, err := f.Freeze(ctx); !booting || err != nil {
		t.Errorf("Freeze = %v, %v; want what was answered after the end of its context", booting, err)
	}
}

// Nobody answers a quit to its end: the image is gone by then.
func TestQuitReturnsOnceItHasBegun(t *testing.T) {
	img := image{events: result(api.Quit, ""), holds: make(chan struct{})}
	f := img.serve(t)
	defer close(img.holds)
	if err := f.Quit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := (api.SnapshotRequest{Quit: true}); len(img.asked) != 1 || img.asked[0] != want {
		t.Errorf("asked for %+v, want %+v once", img.asked, want)
	}
}

func TestQuitThatIsRefused(t *testing.T) {
	img := image{refuses: &api.Error{Code: api.CodeBusy, Message: "another one is being made"}, state: api.StateSaving}
	f := img.serve(t)
	var told *api.Error
	if err := f.Quit(t.Context()); !errors.As(err, &told) || told.Code != api.CodeBusy {
		t.Errorf("while it is saved: %v, want what the image said", err)
	}
	img.state = api.StateQuitting
	if err := f.Quit(t.Context()); err != nil {
		t.Errorf("while it quits already: %v, want nothing", err)
	}
}
