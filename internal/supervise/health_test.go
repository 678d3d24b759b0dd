package supervise_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// fileProbe succeeds for as long as a file is there.
func fileProbe(t *testing.T) (p *manifest.Probe, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "well")
	writeFile(file, "")
	return &manifest.Probe{
		Command: []string{"test", "-e", file}, Interval: 5 * time.Millisecond, Timeout: patient, Failures: 3,
	}, file
}

func TestProbeRestartsWhatIsNotHealthy(t *testing.T) {
	s := service("db", "exec sleep 600")
	probe, file := fileProbe(t)
	s.Probe = probe
	g := newRig(t, services(s))
	g.start("db")
	first := g.status("db")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is started again", func() bool { return g.status("db").Instance > 1 })
	if !gone(first.PID) {
		t.Error("the first instance lives")
	}
	writeFile(file, "")
	eventually(t, "it runs", func() bool { s := g.status("db"); return s.State == supervise.Running && s.Ready })
	const why = "its probe has failed 3 times in a row (command test): exit status 1"
	if out := g.output("db"); !contains(out, "seance instance 1: "+why+"; starting again in ") {
		t.Errorf("%q", out)
	}
	told := false
	for _, e := range g.told("db") {
		told = told || e.State == supervise.Backoff && e.Err != nil && e.Err.Error() == why
	}
	if !told {
		t.Error("no event says why")
	}
}

// TestProbeWithoutRestart has a service that is told to be unwell, and well.
func TestProbeWithoutRestart(t *testing.T) {
	t.Run("ready by a command", func(t *testing.T) {
		unwell(t, &manifest.Ready{Command: []string{"true"}, Timeout: patient})
	})
	t.Run("ready at once", func(t *testing.T) { unwell(t, nil) })
}

func unwell(t *testing.T, ready *manifest.Ready) {
	t.Helper()
	s := service("db", "exec sleep 600")
	probe, file := fileProbe(t)
	s.Probe, s.Ready = probe, ready
	s.Restart.Policy = manifest.RestartNo
	g := newRig(t, services(s))
	g.start("db")
	up := g.status("db")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is unwell", func() bool { return !g.status("db").Ready })
	if s := g.status("db"); s.State != supervise.Running || s.PID != up.PID || !strings.HasPrefix(s.Err.Error(), "its probe has failed 3 times in a row") {
		t.Errorf("%+v", s)
	}
	writeFile(file, "")
	eventually(t, "it is well", func() bool { return g.status("db").Ready })
	if s := g.status("db"); s.State != up.State || s.PID != up.PID || s.Err != nil {
		t.Errorf("%+v, before %+v", s, up)
	}
}

// TestProbeHasALimit has a probe that does not answer, and a service that cannot
// be started often.
func TestProbeHasALimit(t *testing.T) {
	s := service("db", "exec sleep 600")
	s.Probe = &manifest.Probe{Command: []string{"sleep", "600"}, Interval: time.Millisecond, Timeout: 5 * time.Millisecond, Failures: 1}
	s.Restart.Delay, s.Restart.Limit, s.Restart.Within = time.Millisecond, 2, time.Hour
	g := newRig(t, services(s))
	g.start("db")
	eventually(t, "it has failed", func() bool { return g.status("db").State == supervise.Failed })
	want := "it was started again 2 times within 1h0m0s and has ended once more: its probe has failed once in a row (command sleep): it was still running"
	if s := g.status("db"); s.Err.Error() != want || s.PID != 0 {
		t.Errorf("%+v", s)
	}
}

// TestNoProbeOfHealthDuringAFreeze has the service unwell while it is frozen.
func TestNoProbeOfHealthDuringAFreeze(t *testing.T) {
	asked := make(chan struct{}, 10000)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{} }))
	defer server.Close()
	s := service("db", "exec sleep 600")
	s.Probe = &manifest.Probe{HTTP: server.URL, Interval: time.Millisecond, Timeout: patient, Failures: 1}
	g := newRig(t, services(s))
	f := &freezer{during: func() {
		// What was cut short may reach the server yet.
		for late := time.After(20 * time.Millisecond); late != nil; {
			select {
			case <-asked:
			case <-late:
				late = nil
			}
		}
		select {
		case <-asked:
			t.Error("it was asked while frozen")
		case <-time.After(50 * time.Millisecond):
		}
	}}
	m := g.manager(session.WithFreezer(f))
	boot(t, m)
	for range 10 {
		<-asked
		snapshot(t, m, true, false)
	}
	<-asked
	if s := g.status("db"); s.Instance != 1 || !s.Ready {
		t.Errorf("a probe that was cut short counted: %+v", s)
	}
}

func TestStopEndsTheProbes(t *testing.T) {
	asked := make(chan struct{}, 10000)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{} }))
	defer server.Close()
	s := service("db", "exec sleep 600")
	s.Probe = &manifest.Probe{HTTP: server.URL, Interval: time.Millisecond, Timeout: patient, Failures: 1}
	g := newRig(t, services(s))
	g.start("db")
	<-asked
	g.stop("db")
	time.Sleep(10 * time.Millisecond) // one may be on its way
	for len(asked) > 0 {
		<-asked
	}
	time.Sleep(20 * time.Millisecond)
	if len(asked) > 0 {
		t.Error("it was asked after the stop")
	}
}

func TestStatusOfHTTP(t *testing.T) {
	file := filepath.Join(t.TempDir(), "status")
	writeFile(file, "200")
	addr := freePort(t)
	s := actorService("web", "http", "SUPERVISE_TEST_ADDR", addr, "SUPERVISE_TEST_FILE", file)
	s.Ready = &manifest.Ready{HTTP: "http://" + addr + "/file", Status: []int{401, 204}, Timeout: 3 * time.Second}
	g := newRig(t, services(s))
	if err := g.Start(limit(t), "web"); err == nil || !strings.Contains(err.Error(), "answers 200 OK") {
		t.Errorf("a status that is not among those wanted: %v", err)
	}
	writeFile(file, "401")
	g.start("web")
}

// TestReadyByHTTPS has a certificate that nobody has signed.
func TestReadyByHTTPS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	s := service("web", "exec sleep 600")
	s.Ready = &manifest.Ready{HTTP: server.URL, Timeout: patient}
	g := newRig(t, services(s))
	g.start("web")
}
