package cli

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
)

// The scripts in testdata/script run the real command, the static binary that
// users run.

func TestScript(t *testing.T) { runScripts(t, "testdata/script") }

func runScripts(t *testing.T, dir string) {
	bin := buildSeance(t)
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("SEANCE_HOME", filepath.Join(e.WorkDir, "home"))
			e.Defer(func() { endImages(t, bin, e.WorkDir) })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"until":    until,
			"freeport": freePort,
		},
	})
}

// buildSeance builds the command and returns its folder.
func buildSeance(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "seance"), "github.com/seancehq/seance/cmd/seance")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build seance: %v\n%s", err, out)
	}
	return dir
}

// endImages ends what a script that failed left live, in any home that it had
// in its folder: in order if possible, else by force.
func endImages(t *testing.T, bin, work string) {
	records, _ := filepath.Glob(filepath.Join(work, "*", "live", "*", "live.json"))
	for _, record := range records {
		live := filepath.Dir(record)
		seance := func(args ...string) ([]byte, error) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			args = append(args, "--home", filepath.Dir(filepath.Dir(live)), "-i", filepath.Base(live))
			return exec.CommandContext(ctx, filepath.Join(bin, "seance"), args...).CombinedOutput()
		}
		out, err := seance("quit")
		if err == nil {
			continue
		}
		t.Logf("cannot end image %s, killing its init: %v\n%s", live, err, out)
		var images []api.Image
		out, _ = seance("ls", "--json")
		_ = json.Unmarshal(out, &images)
		for _, img := range images {
			_ = unix.Kill(img.PID, unix.SIGKILL)
		}
	}
}

// exits STATUS PROGRAM ARGS… runs a program and checks its exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	if got := statusOf(err); got != want {
		ts.Fatalf("exit status %d, want %d (%v)", got, want, err)
	}
}

func statusOf(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return -1
}

// untilLimit is how long a script waits for what must happen.
const untilLimit = time.Minute

// [!] until PROGRAM ARGS… runs a program again and again until it exits 0, or
// with "!" until it does not.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: [!] until PROGRAM ARGS...")
	}
	for deadline := time.Now().Add(untilLimit); ; time.Sleep(20 * time.Millisecond) {
		err := ts.Exec(args[0], args[1:]...)
		if (err != nil) == neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s: still not so after %s (%v)", strings.Join(args, " "), untilLimit, err)
		}
	}
}

// freeport VARIABLE sets a variable to the number of a TCP port that is free.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VARIABLE")
	}
	ts.Setenv(args[0], freePortNumber(ts))
}

// freePortNumber is the number of a TCP port that is free.
func freePortNumber(t interface{ Fatalf(string, ...any) }) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("cannot find a free port: %v", err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatalf("cannot read address %q: %v", l.Addr(), err)
	}
	return port
}
