package pty_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/seancehq/seance/internal/linux/pty"
	"github.com/seancehq/seance/internal/linux/reap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) (*pty.PTY, *os.File) {
	t.Helper()
	p, terminal, err := pty.Open("/dev", pty.DefaultSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, terminal
}

// run runs a shell script on the terminal, and returns what it wrote.
func run(t *testing.T, p *pty.PTY, terminal *os.File, script string) string {
	t.Helper()
	r, err := reap.New(reap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	process, err := r.Start(reap.Spec{
		Args:     []string{"/bin/sh", "-c", script},
		Env:      os.Environ(),
		Files:    []*os.File{terminal, terminal, terminal},
		Terminal: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	out, err := io.ReadAll(p.Master())
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("the master ends with %v, want EIO", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if exit, err := process.Wait(ctx); err != nil || !exit.Success() {
		t.Errorf("%s: %v, %v: %s", script, exit, err, out)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

func TestProgramHasAControllingTerminal(t *testing.T) {
	p, terminal := open(t)
	got := run(t, p, terminal, `test -t 0 && test -t 1 && test -t 2 && tty && stty size </dev/tty && echo "$$ $(ps -o tpgid= -o sid= -p $$ 2>/dev/null || echo $$ $$)"`)
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != 3 || lines[0] != p.Name() || lines[1] != "24 80" {
		t.Fatalf("got %q, terminal is %s", got, p.Name())
	}
	numbers := strings.Fields(lines[2])
	if len(numbers) != 3 || numbers[0] != numbers[1] || numbers[0] != numbers[2] {
		t.Errorf("shell, foreground group and session are %v, want the same number", numbers)
	}
}

func TestResizeIsSeenByTheProgram(t *testing.T) {
	p, terminal := open(t)
	if err := p.Resize(pty.Size{Rows: 50, Cols: 132}); err != nil {
		t.Fatal(err)
	}
	if size, err := p.Size(); err != nil || size != (pty.Size{Rows: 50, Cols: 132}) {
		t.Errorf("size %v, error %v", size, err)
	}
	if got := run(t, p, terminal, "stty size"); got != "50 132\n" {
		t.Errorf("the program sees %q", got)
	}
}

func TestForegroundGroup(t *testing.T) {
	p, terminal := open(t)
	if err := p.Master().SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal("the master is not polled: ", err)
	}
	r, err := reap.New(reap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	process, err := r.Start(reap.Spec{
		Args: []string{"/bin/sh", "-c", "read line; echo got $line"}, Env: os.Environ(),
		Files: []*os.File{terminal, terminal, terminal}, Terminal: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	if pgid, err := p.Foreground(); err != nil || pgid != process.PID() {
		t.Errorf("foreground group %d, error %v, want %d", pgid, err, process.PID())
	}
	if _, err := p.Master().WriteString("word\n"); err != nil {
		t.Fatal(err)
	}
	out, _ := io.ReadAll(p.Master())
	if !bytes.Contains(out, []byte("got word")) {
		t.Errorf("the program wrote %q", out)
	}
	<-process.Done()
}

func TestNoTerminalsHere(t *testing.T) {
	_, _, err := pty.Open(t.TempDir(), pty.DefaultSize)
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "cannot open a pseudo-terminal: ") {
		t.Error(err)
	}
}
