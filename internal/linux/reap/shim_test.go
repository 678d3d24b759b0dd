package reap_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/testenv"
)

// outputOf starts a program, waits for it and returns what it wrote.
func outputOf(t *testing.T, r *reap.Reaper, spec reap.Spec) string {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	spec.Files = []*os.File{nil, out, out}
	exit := waitFor(t, start(t, r, spec))
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	if !exit.Success() {
		t.Fatalf("%s: %s", exit, text)
	}
	return string(text)
}

func pointer[T any](v T) *T { return &v }

func TestUmaskNiceAndLimits(t *testing.T) {
	r := newReaper(t)
	spec := shell("umask; nice; ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -v; ls /proc/self/fd")
	spec.Umask = pointer(uint32(0o027))
	spec.Nice = pointer(7)
	spec.Limits = map[reap.Resource]reap.Limit{
		unix.RLIMIT_NOFILE: {Soft: 100, Hard: 200},
		unix.RLIMIT_CORE:   {Soft: 0, Hard: 0},
		unix.RLIMIT_AS:     {Soft: 64 << 20, Hard: 64 << 20}, // less than Go itself has reserved
	}
	want := "0027\n7\n100\n200\n0\n65536\n0\n1\n2\n3\n" // 3 is the folder that ls reads
	if got := outputOf(t, r, spec); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOtherLimitsStayAsTheyWere(t *testing.T) {
	was, err := exec.Command("/bin/sh", "-c", "ulimit -Sn; ulimit -Hn").Output() // before all is reaped
	if err != nil {
		t.Fatal(err)
	}
	r := newReaper(t)
	// Go raises its own soft limit of open files; programs must not have that.
	direct := shell("ulimit -Sn; ulimit -Hn")
	byShim := direct
	byShim.Umask = pointer(uint32(0o022))
	for name, spec := range map[string]reap.Spec{"direct": direct, "by shim": byShim} {
		if got := outputOf(t, r, spec); got != string(was) {
			t.Errorf("%s: got %q, want %q", name, got, was)
		}
	}
}

func TestShimGivesUpUserLast(t *testing.T) {
	testenv.RequireRoot(t)
	r := newReaper(t)
	dir := t.TempDir()
	spec := reap.Spec{
		Args:       []string{"sh", "-c", `id -u; id -g; id -G; nice; ulimit -Hn; pwd; echo "$WORD"`},
		Dir:        "/",
		Env:        []string{"WORD=\xff\n$HOME", "PATH=" + os.Getenv("PATH")},
		Nice:       pointer(-3), // root's to set
		Limits:     map[reap.Resource]reap.Limit{unix.RLIMIT_NOFILE: {Soft: 64, Hard: 64}},
		Credential: &syscall.Credential{Uid: 4321, Gid: 4322, Groups: []uint32{4323, 4324}},
	}
	want := "4321\n4322\n4322 4323 4324\n-3\n64\n/\n\xff\n$HOME\n"
	if got := outputOf(t, r, spec); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// The folder is entered as that user.
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	spec.Dir = dir
	if _, err := r.Start(spec); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("start in a folder that is closed to the user: %v", err)
	}
}

func TestShimTellsWhatFailed(t *testing.T) {
	testenv.RequireRoot(t)
	r := newReaper(t)
	umask := pointer(uint32(0o022))
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var told atomic.Int32
	tests := []struct {
		name string
		spec reap.Spec
		is   error
		says string
	}{
		{"no program", reap.Spec{Args: []string{"/no/such"}, Umask: umask}, fs.ErrNotExist, "program /no/such does not exist"},
		{"no interpreter", reap.Spec{Args: []string{script}, Umask: umask}, fs.ErrNotExist, "its interpreter /no/such/interpreter does not exist"},
		{"no folder", reap.Spec{Args: []string{"/bin/true"}, Dir: "/no/such", Umask: umask}, fs.ErrNotExist, "working directory /no/such does not exist"},
		{"soft above hard", reap.Spec{Args: []string{"/bin/true"}, Limits: map[reap.Resource]reap.Limit{unix.RLIMIT_NOFILE: {Soft: 2, Hard: 1}}}, syscall.EINVAL, `program "/bin/true" cannot have limit nofile 2:1: the soft limit`},
		{"no such limit", reap.Spec{Args: []string{"/bin/true"}, Limits: map[reap.Resource]reap.Limit{99: {}}}, syscall.EINVAL, "cannot have limit resource 99"},
		{"folder of another", reap.Spec{Args: []string{"/bin/true"}, Dir: closedFolder(t), Umask: umask, Credential: nobody}, fs.ErrPermission, "permission denied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.OnExit = func(*reap.Process) { told.Add(1) }
			_, err := r.Start(tt.spec)
			var startErr *reap.StartError
			if !errors.As(err, &startErr) || !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want one that is %v and says %q", err, tt.is, tt.says)
			}
		})
	}
	waitFor(t, start(t, r, shell("exit 0"))) // after which the others have been reaped
	if n := told.Load(); n != 0 {
		t.Errorf("the end of %d programs was told that never started", n)
	}
}

func closedFolder(t *testing.T) string {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Nobody may learn of a program's end before it is known that it has started,
// and none may be forgotten.
func TestFastExitsByShimAreTold(t *testing.T) {
	r := newReaper(t)
	const n = 100
	var calls atomic.Int32
	spec := reap.Spec{Args: []string{"true"}, Env: os.Environ(), Umask: pointer(uint32(0o022)), OnExit: func(*reap.Process) { calls.Add(1) }}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range n / 4 {
				p, err := r.Start(spec)
				if err != nil {
					t.Error(err)
					return
				}
				if exit := waitFor(t, p); !exit.Success() {
					t.Error(exit)
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "every end is told", func() bool { return calls.Load() == n })
}

// The signal comes at the death of the process, and not at that of the thread
// that asked for the start.
func TestParentDeathSignal(t *testing.T) {
	for _, how := range []string{"direct", "shim"} {
		t.Run(how, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "/proc/self/exe", how)
			cmd.Env = append(os.Environ(), helper+"=parent")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(out)
			if line, err := lines.ReadString('\n'); err != nil || line != "the thread is gone\n" {
				t.Errorf("got %q, error %v", line, err)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(lines) // until the program has ended too
			if err != nil || string(rest) != "the parent died\n" {
				t.Errorf("program wrote %q, error %v", rest, err)
			}
			_ = cmd.Wait() // killed
		})
	}
}

// actAsParent starts a program from a thread that ends, and waits to be killed.
// The program writes to the standard output what signals it gets, and a shell
// handles those with lower numbers first.
func actAsParent() {
	r, err := reap.New(reap.Options{})
	if err != nil {
		fail(err)
	}
	running, runs, err := os.Pipe()
	if err != nil {
		fail(err)
	}
	var p *reap.Process
	tid := make(chan int, 1)
	onOwnThread(func() {
		spec := shell(`trap 'echo the parent died; exit' USR1
			trap 'echo the thread is gone' USR2
			echo running >&3
			while :; do sleep 0.05; done`)
		spec.Files = []*os.File{nil, os.Stdout, os.Stderr, runs}
		spec.ParentDeathSignal = syscall.SIGUSR1
		if os.Args[1] == "shim" {
			spec.Nice = pointer(5)
			if os.Geteuid() == 0 { // a change of user clears the signal
				spec.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
			}
		}
		if p, err = r.Start(spec); err != nil {
			fail(err)
		}
		tid <- unix.Gettid()
	})
	task := fmt.Sprintf("/proc/self/task/%d", <-tid)
	for {
		if _, err := os.Stat(task); errors.Is(err, fs.ErrNotExist) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := running.Read(make([]byte, 1)); err != nil { // it catches the signals now
		fail(err)
	}
	if err := p.Signal(syscall.SIGUSR2); err != nil {
		fail(err)
	}
	select {}
}

// onOwnThread runs fn on a thread that ends with it. The first thread of a
// process never ends under Go.
func onOwnThread(fn func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			onOwnThread(fn)
			select {}
		}
		fn()
	}()
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
