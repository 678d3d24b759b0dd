package reap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/testenv"
)

// helper names what a re-executed test binary does instead of testing.
const helper = "REAP_TEST_HELPER"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == reap.ShimCommand {
		os.Exit(reap.Exec(os.Args[2:], os.Stderr))
	}
	switch os.Getenv(helper) {
	case "init":
		actAsInit()
	case "parent":
		actAsParent()
	}
	goleak.VerifyTestMain(m)
}

func newReaper(t testing.TB) *reap.Reaper {
	t.Helper()
	r, err := reap.New(reap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func shell(script string) reap.Spec {
	return reap.Spec{Args: []string{"/bin/sh", "-c", script}, Env: os.Environ()}
}

func start(t testing.TB, r *reap.Reaper, spec reap.Spec) *reap.Process {
	t.Helper()
	p, err := r.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func waitFor(t testing.TB, p *reap.Process) reap.Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	exit, err := p.Wait(ctx)
	if err != nil {
		t.Fatalf("process %d: %v", p.PID(), err)
	}
	return exit
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestExitIsReported(t *testing.T) {
	r := newReaper(t)
	tests := []struct {
		script, text string
		success      bool
	}{
		{"exit 0", "exit status 0", true},
		{"exit 7", "exit status 7", false},
		{"kill -KILL $$", "killed by SIGKILL", false},
		{"kill -TERM $$", "killed by SIGTERM", false},
	}
	for _, test := range tests {
		exit := waitFor(t, start(t, r, shell(test.script)))
		if exit.String() != test.text || exit.Success() != test.success {
			t.Errorf("%s: %s, success %v", test.script, exit, exit.Success())
		}
	}
}

func TestProgramLeadsItsOwnSession(t *testing.T) {
	r := newReaper(t)
	p := start(t, r, shell("sleep 60"))
	sid, err := unix.Getsid(p.PID())
	if err != nil || sid != p.PID() {
		t.Errorf("session %d, error %v, want %d", sid, err, p.PID())
	}
	if err := p.SignalGroup(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	waitFor(t, p)
}

func TestDirectoryEnvironmentAndFiles(t *testing.T) {
	inherited, err := unix.Dup(0) // not close-on-exec, as what a careless parent leaves open
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(inherited)
	r := newReaper(t)
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	spec := reap.Spec{
		Args:  []string{"sh", "-c", `echo "$(pwd) $WORD $(readlink /proc/self/fd/0)"; ls /proc/self/fd`},
		Dir:   dir,
		Env:   []string{"PATH=" + os.Getenv("PATH"), "WORD=hello"},
		Files: []*os.File{nil, out, nil},
	}
	if exit := waitFor(t, start(t, r, spec)); !exit.Success() {
		t.Fatal(exit)
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	// 3 is the folder that ls reads.
	want := dir + " hello /dev/null\n0\n1\n2\n3\n"
	if string(text) != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

func TestFastExitsAreNeverMissed(t *testing.T) {
	r := newReaper(t)
	var calls atomic.Int32
	spec := reap.Spec{Args: []string{"true"}, Env: os.Environ(), OnExit: func(*reap.Process) { calls.Add(1) }}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 125 {
				p, err := r.Start(spec)
				if err != nil {
					t.Error(err)
					return
				}
				if exit := waitFor(t, p); !exit.Success() {
					t.Error(exit)
				}
				if err := p.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
					t.Errorf("signal to a reaped process: %v", err)
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "1000 calls of OnExit", func() bool { return calls.Load() == 1000 })
	if n := r.Orphans(); n != 0 {
		t.Errorf("%d of them were taken for orphans", n)
	}
}

func TestSignalsStartWithDefaults(t *testing.T) {
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGTSTP)
	defer signal.Reset(syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGTSTP)
	r := newReaper(t)

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	blocked := unix.Sigset_t{Val: [16]uint64{1 << (syscall.SIGUSR1 - 1)}}
	var old unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &blocked, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)

	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	// cat catches nothing by itself.
	spec := reap.Spec{Args: []string{"cat", "/proc/self/status"}, Env: os.Environ(), Files: []*os.File{nil, out}}
	if exit := waitFor(t, start(t, r, spec)); !exit.Success() {
		t.Fatal(exit)
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	// Signals 32 and 33 are the C library's own (signal(7)): Go does not touch
	// them, and some programs that start others, such as make, ignore them.
	const libcOwn = 1<<31 | 1<<32
	for _, name := range []string{"SigBlk", "SigIgn", "SigCgt"} {
		_, rest, _ := bytes.Cut(text, []byte(name+":\t"))
		value, _, _ := bytes.Cut(rest, []byte("\n"))
		mask, err := strconv.ParseUint(string(value), 16, 64)
		if err != nil || mask&^libcOwn != 0 {
			t.Errorf("%s is %q, want none set", name, value)
		}
	}
}

func TestStartErrorsSayWhatToDo(t *testing.T) {
	r := newReaper(t)
	dir := t.TempDir()
	write := func(name, text string, mode fs.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := write("plain", "#!/bin/sh\n", 0o644)
	lost := write("lost", "#!/no/such/interpreter -x\n", 0o755)
	noise := write("noise", "\x00\x01\x02", 0o755)

	path := "PATH=" + dir
	long := strings.Repeat("/far", 30)
	tests := []struct {
		spec  reap.Spec
		cause error
		text  string
	}{
		{reap.Spec{}, syscall.EINVAL, "no program given"},
		{reap.Spec{Args: []string{"redis-serverr"}, Env: []string{path}, OwnPath: true}, fs.ErrNotExist, `program "redis-serverr" is in no folder of PATH (` + dir + `); install it, correct the command, or add its folder to PATH`},
		{reap.Spec{Args: []string{"redis-serverr"}, Env: []string{"PATH=/nowhere:" + long}, OwnPath: true}, fs.ErrNotExist, `program "redis-serverr" is in no folder of PATH (/nowhere:` + long + `); install it, correct the command, or add its folder to PATH`},
		{reap.Spec{Args: []string{"redis-serverr"}, Env: []string{"PATH=" + long}}, fs.ErrNotExist, `program "redis-serverr" is in no folder of PATH; install it, correct the command, or add its folder to PATH`},
		{reap.Spec{Args: []string{"redis-serverr"}, Env: []string{"PATH=/bin"}}, fs.ErrNotExist, `program "redis-serverr" is in no folder of PATH (/bin); install it, correct the command, or add its folder to PATH`},
		{reap.Spec{Args: []string{"lost"}, Env: []string{"PATH=/bin"}, Dir: dir}, fs.ErrNotExist, `program "lost" is in no folder of PATH (/bin); that of its working directory is called ./lost`},
		{reap.Spec{Args: []string{"sleep 1"}, Env: []string{"PATH=/bin"}}, fs.ErrNotExist, `program "sleep 1" is in no folder of PATH (/bin); arguments stand apart in a list, as in [program, argument]; a string is run by a shell`},
		{reap.Spec{Args: []string{"plain"}, Env: []string{path}}, fs.ErrPermission, `program "plain" is not executable: chmod +x ` + plain},
		{reap.Spec{Args: []string{"./plain"}, Dir: dir}, fs.ErrPermission, `program "./plain" is not executable: chmod +x ` + plain},
		{reap.Spec{Args: []string{"./gone"}, Dir: dir}, fs.ErrNotExist, `program ` + dir + `/gone does not exist; make it, or correct the command`},
		{reap.Spec{Args: []string{dir}}, fs.ErrPermission, `program ` + dir + ` is a folder; correct the command`},
		{reap.Spec{Args: []string{"/bin/sh"}, Dir: dir + "/none"}, fs.ErrNotExist, `working directory ` + dir + `/none does not exist; make it, or correct workdir`},
		{reap.Spec{Args: []string{"/bin/sh"}, Dir: plain}, syscall.ENOTDIR, `working directory ` + plain + ` is not a folder`},
		{reap.Spec{Args: []string{lost}}, fs.ErrNotExist, `program ` + lost + ` cannot run: its interpreter /no/such/interpreter does not exist`},
		{reap.Spec{Args: []string{noise}}, syscall.ENOEXEC, `program ` + noise + ` is neither a program of this machine nor a script that begins with #!`},
	}
	for _, test := range tests {
		_, err := r.Start(test.spec)
		var failed *reap.StartError
		if !errors.As(err, &failed) || !errors.Is(err, test.cause) {
			t.Errorf("%v: error %#v, want a StartError of %v", test.spec.Args, err, test.cause)
			continue
		}
		if err.Error() != test.text {
			t.Errorf("%v:\n got %s\nwant %s", test.spec.Args, err, test.text)
		}
	}
	if n := r.Orphans(); n != 0 {
		t.Errorf("%d failed children were taken for orphans", n)
	}
}

func TestProgramIsLookedUpInItsOwnPath(t *testing.T) {
	r := newReaper(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/only-here"), []byte("#!/bin/sh\nexit 5\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	// A folder in PATH that is not absolute is relative to the working directory.
	p := start(t, r, reap.Spec{Args: []string{"only-here"}, Dir: dir, Env: []string{"PATH=bin"}})
	if exit := waitFor(t, p); exit.Code != 5 {
		t.Error(exit)
	}
}

func TestOrphansAreAdoptedAndReaped(t *testing.T) {
	r := newReaper(t)
	var woken atomic.Int32
	cancel := r.OnOrphan(func() { woken.Add(1) })
	defer cancel()
	p := start(t, r, shell("for i in 1 2 3 4 5 6 7 8 9 10; do sleep 60 & done; exit 0"))
	waitFor(t, p)
	var strays []int
	eventually(t, "10 strays", func() bool {
		var err error
		if strays, err = r.Strays(); err != nil {
			t.Fatal(err)
		}
		return len(strays) == 10
	})
	for _, pid := range strays {
		if err := r.SignalStray(pid, syscall.SIGKILL, func() bool { return true }); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "10 reaped orphans", func() bool { return r.Orphans() == 10 })
	if woken.Load() == 0 {
		t.Error("nobody was told of the orphans")
	}
	if strays, err := r.Strays(); err != nil || len(strays) != 0 {
		t.Errorf("strays %v, error %v", strays, err)
	}
	if err := r.SignalStray(os.Getpid(), syscall.SIGKILL, func() bool { return false }); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signal to what is no stray any more: %v", err)
	}
}

func TestStraysLeaveOutWhatWasStarted(t *testing.T) {
	r := newReaper(t)
	p := start(t, r, shell("exec sleep 60"))
	strays, err := r.Strays()
	if err != nil || len(strays) != 0 {
		t.Errorf("strays %v, error %v", strays, err)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	waitFor(t, p)
}

// The first wake-ups of a storm are like any others: a Reaper is closed after
// more and more of them.
func TestCloseAsAStormBegins(t *testing.T) {
	for orphans := uint64(10); orphans < 200; orphans += 10 {
		closeAfter(t, orphans)
	}
}

func closeAfter(t *testing.T, orphans uint64) {
	r := newReaper(t)
	p := start(t, r, shell("i=0; while [ $i -lt 50000 ]; do (: &); i=$((i+1)); done"))
	eventually(t, "a storm rages", func() bool { return r.Orphans() > orphans })
	closed := make(chan struct{})
	go func() {
		r.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(time.Minute):
		t.Fatalf("it does not close after %d orphans", orphans)
	}
	if err := p.SignalGroup(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	// Nobody reaps any more, and the next Reaper is to find no children.
	for {
		if _, err := syscall.Wait4(-1, nil, 0, nil); err == syscall.ECHILD {
			return
		}
	}
}

func TestNothingIsLeftOpen(t *testing.T) {
	before := descriptors(t)
	r, err := reap.New(reap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		waitFor(t, start(t, r, shell("exit 0")))
		if _, err := r.Start(reap.Spec{Args: []string{"/no/such/program"}}); err == nil {
			t.Error("started")
		}
	}
	r.Close()
	r.Close() // twice does no harm
	if after := descriptors(t); !slices.Equal(before, after) {
		t.Errorf("open before: %v, after: %v", before, after)
	}
	if _, err := r.Start(shell("exit 0")); !errors.Is(err, reap.ErrClosed) {
		t.Errorf("start after close: %v", err)
	}
}

// descriptors lists what is open, but for Go's own poller and the folder being read.
func descriptors(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err == nil && !strings.HasPrefix(target, "anon_inode:[event") {
			open = append(open, target)
		}
	}
	slices.Sort(open)
	return open
}

func TestAsInitOfANamespace(t *testing.T) {
	testenv.RequireRoot(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helper+"=init")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := string(out); got != "pid 1, exit status 3, 50 orphans\n" {
		t.Error(got)
	}
}

// actAsInit is PID 1: it starts a program that leaves 50 orphans behind.
func actAsInit() {
	fail := func(err error) {
		if err != nil {
			println(err.Error())
			os.Exit(1)
		}
	}
	fail(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	fail(unix.Mount("proc", "/proc", "proc", 0, ""))
	r, err := reap.New(reap.Options{})
	fail(err)
	p, err := r.Start(shell("i=0; while [ $i -lt 50 ]; do (sleep 0.01 & ) ; i=$((i+1)); done; exit 3"))
	fail(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	exit, err := p.Wait(ctx)
	fail(err)
	for r.Orphans() < 50 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	fmt.Printf("pid %d, %s, %d orphans\n", os.Getpid(), exit, r.Orphans())
	os.Exit(0)
}

func TestAdoptAnOrphan(t *testing.T) {
	r := newReaper(t)
	file := filepath.Join(t.TempDir(), "pid")
	// The shell's child stays in the shell's process group, and outlives it.
	p := start(t, r, shell("(trap '' HUP; sleep 600; exit 5) & echo $! > "+file))
	waitFor(t, p)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan int, 1)
	orphan, err := r.Adopt(pid, func(p *reap.Process) { told <- p.PID() })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Adopt(pid, nil); !errors.Is(err, reap.ErrNotChild) {
		t.Errorf("twice: %v", err)
	}
	if strays, err := r.Strays(); err != nil || slices.Contains(strays, pid) {
		t.Errorf("it is a stray still: %v, %v", strays, err)
	}
	if err := orphan.SignalGroup(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if exit := waitFor(t, orphan); exit.Signal != syscall.SIGKILL {
		t.Errorf("%v", exit)
	}
	if got := <-told; got != pid {
		t.Errorf("the end of %d was told, not of %d", got, pid)
	}
	if _, err := r.Adopt(os.Getpid(), nil); !errors.Is(err, reap.ErrNotChild) {
		t.Errorf("one that is no child: %v", err)
	}
	// What the shell's child has started is an orphan now.
	strays, _ := r.Strays()
	for _, stray := range strays {
		_ = syscall.Kill(stray, syscall.SIGKILL)
	}
	eventually(t, "it is reaped", func() bool { strays, err := r.Strays(); return err == nil && len(strays) == 0 })
}
