package pid1_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/linux/pid1"
)

// role names what a re-executed test binary does instead of testing.
const role = "PID1_TEST_ROLE"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "tell-signals" {
		tellSignals()
	}
	switch os.Getenv(role) {
	case "run", "run-group":
		os.Exit(run(os.Getenv(role) == "run-group"))
	}
	os.Exit(m.Run())
}

func run(group bool) int {
	status, err := pid1.Run(pid1.Options{Args: os.Args[1:], Group: group, Grace: 300 * time.Millisecond})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		var start *pid1.StartError
		if errors.As(err, &start) {
			return start.Status
		}
	}
	return status
}

// tellSignals prints each signal it gets, and ends with SIGTERM.
func tellSignals() {
	c := make(chan os.Signal, 16)
	signal.Notify(c)
	fmt.Println("ready")
	for s := range c {
		if s == syscall.SIGURG { // of Go's own runtime
			continue
		}
		fmt.Println(s)
		if s == syscall.SIGTERM {
			os.Exit(9)
		}
	}
}

// command is a program under pid1.Run.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), role+"=run")
	return cmd
}

// output collects what a program writes, to be read while it runs.
type output struct {
	r *os.File
	b bytes.Buffer
}

func pipeOutput(t *testing.T, cmd *exec.Cmd) *output {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	cmd.Stdout, cmd.Stderr = w, w
	return &output{r: r}
}

// until reads until text has come.
func (o *output) until(t *testing.T, text string) {
	t.Helper()
	_ = o.r.SetReadDeadline(time.Now().Add(time.Minute))
	for !strings.Contains(o.b.String(), text) {
		buf := make([]byte, 4096)
		n, err := o.r.Read(buf)
		o.b.Write(buf[:n])
		if err != nil && !strings.Contains(o.b.String(), text) {
			t.Fatalf("waiting for %q: %v; so far %q", text, err, o.b.String())
		}
	}
	_, rest, _ := strings.Cut(o.b.String(), text)
	o.b.Reset()
	o.b.WriteString(rest)
}

func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
}

func statusOf(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}
