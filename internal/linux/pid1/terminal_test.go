package pid1_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/seancehq/seance/internal/linux/pty"
	"github.com/seancehq/seance/internal/testenv"
)

// onTerminal starts a command as the leader of a Unix session on a terminal of
// its own, and returns that terminal.
func onTerminal(t *testing.T, cmd *exec.Cmd) (*output, *os.File) {
	t.Helper()
	master, terminal, err := pty.Open("/dev", pty.DefaultSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	defer terminal.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	start(t, cmd)
	return &output{r: master.Master()}, master.Master()
}

func typeIn(t *testing.T, keys *os.File, text string) {
	t.Helper()
	if _, err := keys.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestTerminalIsHandedOver(t *testing.T) {
	everywhere(t, func(t *testing.T, command func(...string) *exec.Cmd) {
		// Reading is allowed to the foreground only; and Ctrl-C comes once.
		cmd := command("sh", "-c", `trap 'n=$((n+1))' INT; read x; echo "got $x"; read y; echo "interrupted $n"; read z; exit $n`)
		out, keys := onTerminal(t, cmd)
		typeIn(t, keys, "hello\n")
		out.until(t, "got hello")
		typeIn(t, keys, "\x03\n")
		out.until(t, "interrupted 1")
		// The end of a session's leader hangs its terminal up, which loses what
		// the kernel has not yet handed on.
		typeIn(t, keys, "\n")
		if got := statusOf(t, cmd); got != 1 {
			t.Errorf("exit status %d, want 1", got)
		}
	})
}

// A shell stops the job with Ctrl-Z, continues it, and has its terminal back
// when it has ended.
func TestJobOfAShell(t *testing.T) {
	bash := testenv.RequireProgram(t, "bash")
	job := strings.Join([]string{role + "=run", copyOfSelf(t), "sh", "-c", `'while read x; do echo "got $x"; done'`}, " ")
	cmd := exec.Command(bash, "--norc", "--noprofile", "-i")
	cmd.Env = append(os.Environ(), "PS1=prompt> ", "HISTFILE=")
	out, keys := onTerminal(t, cmd)
	out.until(t, "prompt> ")
	typeIn(t, keys, job+"\n")
	out.until(t, "\n")
	typeIn(t, keys, "one\n")
	out.until(t, "got one")
	typeIn(t, keys, "\x1a")
	out.until(t, "Stopped")
	out.until(t, "prompt> ")
	typeIn(t, keys, "fg\n")
	out.until(t, "\n")
	typeIn(t, keys, "two\n")
	out.until(t, "got two")
	typeIn(t, keys, "\x04")
	out.until(t, "prompt> ")
	typeIn(t, keys, "echo status $?\n")
	out.until(t, "status 0")
	typeIn(t, keys, "exit\n")
	if got := statusOf(t, cmd); got != 0 {
		t.Errorf("exit status %d of the shell", got)
	}
}
