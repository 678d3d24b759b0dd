package supervise_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
)

const patient = time.Minute

func TestReadyByTCPAndHTTP(t *testing.T) {
	for _, kind := range []string{"tcp", "http"} {
		t.Run(kind, func(t *testing.T) {
			addr := freePort(t)
			s := actorService("web", "http", "SUPERVISE_TEST_ADDR", addr)
			s.Ready = &manifest.Ready{TCP: addr, Timeout: patient}
			if kind == "http" {
				s.Ready = &manifest.Ready{HTTP: "http://" + addr + "/ready", Timeout: patient}
			}
			g := newRig(t, services(s))
			g.start("web")
			if s := g.status("web"); s.State != supervise.Ready || !s.Ready {
				t.Errorf("%+v", s)
			}
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal("it is not ready: ", err)
			}
			conn.Close()
			if open := sockets(t); open > 0 {
				t.Errorf("the probes left %d sockets open", open)
			}
		})
	}
}

// sockets is how many this process has open.
func sockets(t *testing.T) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

func TestReadyByCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "up")
	s := service("db", "sleep 0.1; touch "+file+"; exec sleep 600")
	s.Ready = &manifest.Ready{Command: []string{"test", "-e", file}, Timeout: patient}
	g := newRig(t, services(s))
	g.start("db")
	if _, err := os.Stat(file); err != nil {
		t.Error("it is not ready: ", err)
	}
}

func TestReadyByExit(t *testing.T) {
	s := service("migrate", "sleep 0.1; echo migrated")
	s.Ready = &manifest.Ready{Exit: true, Timeout: patient}
	s.Restart.Policy = manifest.RestartAlways // means nothing for one that is done
	g := newRig(t, services(s))
	g.start("migrate")
	if s := g.status("migrate"); s.State != supervise.Exited || !s.Ready || s.Exit != "exit status 0" {
		t.Errorf("%+v", s)
	}
}

func TestReadyByLastLineOfAProgramThatExits(t *testing.T) {
	s := service("job", "echo done")
	s.Ready = &manifest.Ready{Log: "^done$", Timeout: patient}
	g := newRig(t, services(s))
	// It may be seen to end before the line is read: either way it said so.
	if err := g.Start(limit(t), "job"); err != nil {
		t.Error(err)
	}
}

func TestNotReady(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	silent := l.Addr().String()
	tests := []struct {
		name   string
		script string
		ready  manifest.Ready
		want   []string // parts of the error
	}{
		{"ends at once", "echo cannot open database >&2; exit 4", manifest.Ready{TCP: freePort(t), Timeout: patient},
			[]string{`cannot start service "db": it ended before it was ready (exit status 4); its last lines:`, "\n  | cannot open database"}},
		{"is killed", "kill -KILL $$", manifest.Ready{Log: "up", Timeout: patient},
			[]string{"it ended before it was ready (killed by SIGKILL); it wrote nothing"}},
		{"puts itself into the background", "exit 0", manifest.Ready{TCP: freePort(t), Timeout: patient},
			[]string{"exit status 0", "if it puts itself into the background, tell it not to"}},
		{"one-shot fails", "exit 2", manifest.Ready{Exit: true, Timeout: patient},
			[]string{"it ended before it was ready (exit status 2)"}},
		{"does not listen", "echo waiting; exec sleep 600", manifest.Ready{TCP: "127.0.0.1:1", Timeout: 200 * time.Millisecond},
			[]string{"not ready within 200ms: tcp 127.0.0.1:1: connection refused; its last lines:", "\n  | waiting"}},
		{"command fails", "exec sleep 600", manifest.Ready{Command: []string{"false"}, Timeout: 200 * time.Millisecond},
			[]string{"not ready within 200ms: command false: exit status 1"}},
		{"text of a command fails", "exec sleep 600", manifest.Ready{Command: []string{"/bin/sh", "-c", "exit 3 # is it up?\ntrue"}, Timeout: 200 * time.Millisecond},
			[]string{"not ready within 200ms: command exit 3 # is it up?…: exit status 3"}},
		{"command hangs", "exec sleep 600", manifest.Ready{Command: []string{"sleep", "600"}, Timeout: 200 * time.Millisecond},
			[]string{"not ready within 200ms: command sleep: it was still running; it wrote nothing"}},
		{"accepts no request", "exec sleep 600", manifest.Ready{HTTP: "http://" + silent, Timeout: 200 * time.Millisecond},
			[]string{"not ready within 200ms: http http://" + silent + ": no answer; it wrote nothing"}},
		{"says something else", "echo down; exec sleep 600", manifest.Ready{Log: "^up", Timeout: 200 * time.Millisecond},
			[]string{`not ready within 200ms: no line of its output matches "^up"; its last lines:`, "\n  | down"}},
		{"does not exit", "exec sleep 600", manifest.Ready{Exit: true, Timeout: 200 * time.Millisecond},
			[]string{"not ready within 200ms: it has not exited"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := service("db", test.script)
			s.Ready = &test.ready
			s.Restart.Policy = manifest.RestartNo
			g := newRig(t, services(s))
			begin := time.Now()
			err := g.Start(limit(t), "db")
			var notReady *supervise.NotReadyError
			if !errors.As(err, &notReady) {
				t.Fatal(err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("no %q in %q", part, err)
				}
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			// What fails to start leaves nothing behind.
			if s := g.status("db"); s.State != supervise.Failed || s.PID != 0 || s.Err == nil {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestLastLinesAreThisInstances(t *testing.T) {
	s := service("db", "echo instance $SEANCE_INSTANCE; exit 1")
	s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	g := newRig(t, services(s))
	g.Start(limit(t), "db")
	err := g.Start(limit(t), "db")
	if err == nil || strings.Contains(err.Error(), "instance 1") || !strings.Contains(err.Error(), "instance 2") {
		t.Error(err)
	}
}

func TestStopEndsAStartThatWaits(t *testing.T) {
	s := service("db", "exec sleep 600")
	s.Ready = &manifest.Ready{Log: "never", Timeout: time.Hour}
	g := newRig(t, services(s))
	started := make(chan error)
	go func() { started <- g.Start(limit(t), "db") }()
	eventually(t, "it starts", func() bool { return g.status("db").PID != 0 })
	g.stop("db")
	if err := <-started; !errors.Is(err, supervise.ErrStopped) || !strings.HasSuffix(err.Error(), ": it was stopped meanwhile, before it was ready") {
		t.Errorf("the start: %v", err)
	}
	eventually(t, "it is stopped", func() bool { return g.status("db").State == supervise.Stopped })
}
