package supervise_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
)

// deaf is a service that only a file ends: it ignores its signal.
func deaf(t *testing.T, command string) (s manifest.Service, end string) {
	t.Helper()
	end = filepath.Join(t.TempDir(), "end")
	s = service("db", `trap 'echo signalled' TERM; echo up; until [ -e `+end+` ]; do sleep 0.01; done; echo bye`)
	s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	s.Shutdown.Command = []string{"/bin/sh", "-c", command}
	s.Env = map[string]string{"END": end}
	return s, end
}

func TestShutdownCommand(t *testing.T) {
	// It waits for the service to end, as those of databases do.
	s, _ := deaf(t, `echo asked by $SEANCE_SERVICE; touch $END; sleep 0.3`)
	g := newRig(t, services(s))
	g.start("db")
	g.stop("db")
	out := g.output("db")
	if !contains(out, "stdout asked by db") || !contains(out, "stdout bye") || contains(out, "signalled") {
		t.Errorf("%q", out)
	}
	if s := g.status("db"); s.State != supervise.Stopped || s.Exit != "exit status 0" {
		t.Errorf("%+v", s)
	}
}

func TestShutdownCommandThatFails(t *testing.T) {
	s := service("db", `trap 'echo signalled; exit' TERM; echo up; while :; do sleep 0.01; done`)
	s.Ready = &manifest.Ready{Log: "up", Timeout: patient}
	s.Shutdown.Command = []string{"/bin/sh", "-c", "echo no socket >&2; exit 4"}
	g := newRig(t, services(s))
	g.start("db")
	g.stop("db")
	eventually(t, "the log tells of it", func() bool {
		return contains(g.output("db"), "seance instance 1: its shut-down command failed: exit status 4")
	})
	if out := g.output("db"); !contains(out, "stdout signalled") || !contains(out, "stderr no socket") {
		t.Errorf("%q", out)
	}
}

// TestShutdownCommandHasTheGraceTime has a command that hangs, with what it has
// started, and a service that has to be killed.
func TestShutdownCommandHasTheGraceTime(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	s, _ := deaf(t, `sleep 600 & echo $! > `+pid+`; sleep 600`)
	s.Shutdown.Grace = 300 * time.Millisecond
	g := newRig(t, services(s))
	g.start("db")
	begin := time.Now()
	g.stop("db")
	if took := time.Since(begin); took < s.Shutdown.Grace || took > 10*time.Second {
		t.Errorf("the stop took %v", took)
	}
	if strays, err := g.reaper.Strays(); err != nil || len(strays) > 0 {
		t.Errorf("%v, %v", strays, err)
	}
	if _, err := os.Stat(pid); err != nil {
		t.Error("the command was not run: ", err)
	}
	if s := g.status("db"); s.Exit != "killed by SIGKILL" {
		t.Errorf("%+v", s)
	}
}

// TestShutdownCommandIsForWhatRuns has a program that ended by itself.
func TestShutdownCommandIsForWhatRuns(t *testing.T) {
	s := service("db", "exit 0")
	s.Shutdown.Command = []string{"echo", "asked"}
	g := newRig(t, services(s))
	g.start("db")
	eventually(t, "it has exited", func() bool { return g.status("db").State == supervise.Exited })
	g.stop("db")
	if out := g.output("db"); slices.Contains(out, "stdout asked") {
		t.Errorf("%q", out)
	}
}
