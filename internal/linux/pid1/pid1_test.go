package pid1_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/seancehq/seance/internal/testenv"
)

// placement is where a program is run: as an ordinary process, as that of an
// ordinary user, or as process 1 of a PID namespace.
type placement struct {
	name string
	sys  syscall.SysProcAttr
	root bool // needed
}

var placements = []placement{
	{name: "ordinary process"},
	{"ordinary user", syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}, true},
	{"process 1", syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}, true},
	{"process 1 of an ordinary user", syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID, Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}, true},
}

// everywhere runs a test in each place. The command is to be given the place.
func everywhere(t *testing.T, test func(t *testing.T, command func(args ...string) *exec.Cmd)) {
	for _, p := range placements {
		t.Run(p.name, func(t *testing.T) {
			if p.root {
				testenv.RequireRoot(t)
			}
			self := copyOfSelf(t)
			test(t, func(args ...string) *exec.Cmd {
				cmd := command(t, args...)
				cmd.Path, cmd.Args[0] = self, self
				sys := p.sys
				cmd.SysProcAttr = &sys
				return cmd
			})
		})
	}
}

// copyOfSelf is the test binary where every user can reach it.
func copyOfSelf(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pid1-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "test")
	if err := os.WriteFile(path, self, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEndsAsTheProgramEnded(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "no-header")
	if err := os.WriteFile(script, []byte("exit $(($1 + 1))\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "lost"), []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args   []string
		status int
	}{
		{[]string{"true"}, 0},
		{[]string{"sh", "-c", "exit 7"}, 7},
		{[]string{"sh", "-c", "kill -KILL $$"}, 128 + 9},
		{[]string{"sh", "-c", "kill -TERM $$"}, 128 + 15},
		{[]string{script, "41"}, 42},
		{[]string{"no-such-program"}, 127},
		{[]string{filepath.Join(dir, "missing")}, 127},
		{[]string{filepath.Join(dir, "text")}, 126},
		{[]string{filepath.Join(dir, "lost")}, 126},
		{[]string{dir}, 126},
	} {
		cmd := command(t, tt.args...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != tt.status {
			t.Errorf("%q: exit status %d, want %d; said %q", tt.args, got, tt.status, out)
		}
	}
}

func TestSaysThatAProgramIsNotFound(t *testing.T) {
	for path, shown := range map[string]string{"/bin:/sbin": " (/bin:/sbin)", strings.Repeat("/far:", 30) + "/bin": ""} {
		cmd := command(t, "no-such-program")
		cmd.Env = append(cmd.Environ(), "PATH="+path)
		out, _ := cmd.CombinedOutput()
		if want := `program "no-such-program" is in no folder of PATH` + shown + "\n"; !strings.HasSuffix(string(out), want) {
			t.Errorf("PATH=%s: %q, want %q at the end", path, out, want)
		}
	}
}

func TestPassesOnEverySignal(t *testing.T) {
	everywhere(t, func(t *testing.T, command func(...string) *exec.Cmd) {
		cmd := command(copyOfSelf(t), "tell-signals")
		out := pipeOutput(t, cmd)
		start(t, cmd)
		out.until(t, "ready\n")
		for _, sig := range []syscall.Signal{
			syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM,
			syscall.SIGPIPE, syscall.SIGWINCH, syscall.SIGIO, syscall.SIGPWR, syscall.SIGABRT, syscall.SIGCONT,
			syscall.SIGTSTP, 35, 50, 64, syscall.SIGTERM,
		} {
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			out.until(t, sig.String()+"\n")
		}
		if got := statusOf(t, cmd); got != 9 {
			t.Errorf("exit status %d, want the program's, 9", got)
		}
	})
}

func TestSignalsToTheGroup(t *testing.T) {
	// The one that is told nothing ends with the test.
	script := fmt.Sprintf(`trap 'echo leader' TERM; sh -c 'trap "echo other; exit" TERM; echo ready; while kill -0 %d; do sleep 0.01; done' & wait; wait; exit 5`, os.Getpid())
	for role1, others := range map[string]bool{"run": false, "run-group": true} {
		cmd := command(t, "sh", "-c", script)
		cmd.Env = append(os.Environ(), role+"="+role1)
		out := pipeOutput(t, cmd)
		start(t, cmd)
		out.until(t, "ready\n")
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if others {
			out.until(t, "other\n")
			if got := statusOf(t, cmd); got != 5 {
				t.Errorf("exit status %d, want 5", got)
			}
			continue
		}
		out.until(t, "leader\n")
	}
}

func TestLeavesNothingRunning(t *testing.T) {
	for what, script := range map[string]string{
		"a daemon":              "setsid sleep 1234.5 >/dev/null 2>&1 & exit 3",
		"a deaf daemon":         `setsid sh -c 'trap "" TERM; echo $$; exec sleep 1234.5' & read x <&9; exit 3`,
		"a daemon of a daemon":  `setsid sh -c 'setsid sleep 1234.5 & setsid sleep 1234.5 & wait' & sleep 0.05; exit 3`,
		"a daemon that stopped": `setsid sleep 1234.5 & kill -STOP $!; exit 3`,
	} {
		t.Run(what, func(t *testing.T) {
			everywhere(t, func(t *testing.T, command func(...string) *exec.Cmd) {
				mark := "PID1_TEST_MARK=" + strconv.Itoa(os.Getpid()) + t.Name()
				cmd := command("sh", "-c", strings.ReplaceAll(script, "read x <&9;", "sleep 0.05;"))
				cmd.Env = append(cmd.Env, mark)
				if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 3 {
					t.Errorf("%v, want exit status 3", err)
				}
				if left := marked(t, mark); len(left) > 0 {
					t.Errorf("left running: %v", left)
				}
			})
		})
	}
}

// A shell that executes this leaves it the children it has, such as the tee of
// `exec > >(tee log)`. They go on; what the program has left does not.
func TestSparesWhatItInherits(t *testing.T) {
	gate, open, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	mark := "PID1_TEST_MARK=" + strconv.Itoa(os.Getpid()) + t.Name()
	cmd := command(t, "env", mark, "sh", "-c", "setsid sleep 1234.5 3<&- 4>&- & exit 3")
	cmd.Args[0] = cmd.Path
	cmd.Args = append([]string{"sh", "-c", `{ read line <&3; echo "$line" >&4; } & exec "$@"`, "sh"}, cmd.Args...)
	cmd.Path = "/bin/sh"
	cmd.ExtraFiles = []*os.File{gate, in}
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("%v, want exit status 3", err)
	}
	if left := marked(t, mark); len(left) > 0 {
		t.Errorf("left running: %v", left)
	}
	in.Close()
	fmt.Fprintln(open, "still here")
	open.Close()
	if said, err := io.ReadAll(out); err != nil || string(said) != "still here\n" {
		t.Errorf("what was inherited said %q (%v)", said, err)
	}
}

// marked lists the processes that have an entry in their environment.
func marked(t *testing.T, entry string) (pids []string) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		env, err := os.ReadFile(path)
		if err == nil && strings.Contains("\x00"+string(env), "\x00"+entry+"\x00") {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids
}

// Hundreds of orphans are reaped one by one, thousands in a storm.
func TestReapsOrphans(t *testing.T) {
	testenv.RequireRoot(t)
	cmd := command(t, "sh", "-c", `mount -t proc proc /proc || exit 1
i=0; while [ $i -lt 3000 ]; do (: & ); i=$((i+1)); done
n=0; while grep -qs '^State:.Z' /proc/[0-9]*/status; do n=$((n+1)); [ $n -lt 200 ] || exit 8; sleep 0.05; done; exit 4`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS}
	if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 4 {
		t.Errorf("%v: %s; want exit status 4 (8: zombies stay)", cmd.ProcessState, out)
	}
}

func TestProgramInheritsDescriptorsAndIgnoredSignals(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := command(t, "sh", "-c", "kill -HUP $$; echo alive >&3")
	cmd.Args = append([]string{"nohup", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = testenv.RequireProgram(t, "nohup")
	cmd.ExtraFiles = []*os.File{w}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.Close()
	buf := make([]byte, 64)
	if n, _ := r.Read(buf); string(buf[:n]) != "alive\n" {
		t.Errorf("on descriptor 3: %q", buf[:n])
	}
}

func TestProgramEndsWithAKilledParent(t *testing.T) {
	cmd := command(t, "sh", "-c", "trap 'echo asked; exit' TERM; echo ready; while :; do sleep 0.01; done")
	out := pipeOutput(t, cmd)
	start(t, cmd)
	out.until(t, "ready\n")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	out.until(t, "asked\n")
}
