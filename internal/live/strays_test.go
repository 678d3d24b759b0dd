package live_test

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/pidfd"
	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/live"
)

// begin starts a sleep with a mark and an environment.
func begin(t *testing.T, mark uint64, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.Env = append(env, "PATH="+os.Getenv("PATH"))
	var err error
	reap.WithMark(mark, func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// killed says whether a program was.
func killed(cmd *exec.Cmd) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo == int32(syscall.SIGCHLD)
}

func TestStrays(t *testing.T) {
	marks, others := reap.NewMarks(), reap.NewMarks()
	const socket = "/nowhere/inside.sock"
	env := api.EnvSocket + "=" + socket
	for name, tt := range map[string]struct {
		strays live.Strays
		mark   uint64
		env    string
		ends   bool
	}{
		"a mark":                                 {live.Strays{Marks: marks}, marks.First() + 5, "", true},
		"a mark, and another environment":        {live.Strays{Marks: marks, Socket: socket}, marks.First(), "A=B", true},
		"no mark, and the environment":           {live.Strays{Marks: marks, Socket: socket}, 0, env, true},
		"no marks at all":                        {live.Strays{Socket: socket}, others.First(), env, true},
		"a mark of what may live on":             {live.Strays{Marks: marks, Socket: socket}, reap.MayLive(marks.First()), env, false},
		"another's mark":                         {live.Strays{Marks: marks}, others.First(), "", false},
		"another's mark, though the environment": {live.Strays{Marks: marks, Socket: socket}, others.First(), env, false},
		"no mark, and another environment":       {live.Strays{Marks: marks, Socket: socket}, 0, env + ".other", false},
		"nothing to be known by":                 {live.Strays{}, 0, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := begin(t, tt.mark, tt.env)
			if err := tt.strays.End(); err != nil {
				t.Error(err)
			}
			if got := killed(cmd); got != tt.ends {
				t.Errorf("it was killed: %v, want %v", got, tt.ends)
			}
		})
	}
}

func TestAwaitReturnsWhenNoneIsLeft(t *testing.T) {
	marks := reap.NewMarks()
	cmd := begin(t, marks.First())
	done := make(chan struct{})
	go func() {
		defer close(done)
		live.Strays{Marks: marks}.Await(time.Hour)
	}()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("it waits on, though the only one has ended") // not reaped yet, which is not ours to do
	}
}

// Whoever clears away after an image that has ended is waited for, and an image
// that lives is not.
func TestTakeWaitsForWhoeverClearsAway(t *testing.T) {
	dir, err := os.MkdirTemp("", "live-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l := api.Live{Name: "shop", Dir: dir}
	held, err := live.Lock(l)
	if err != nil {
		t.Fatal(err)
	}
	self, err := pidfd.Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := (live.Record{Name: "shop", Init: self}).Write(l); err != nil {
		t.Fatal(err)
	}
	if _, err := live.Take(l); !errors.Is(err, live.ErrLocked) {
		t.Errorf("of an image that lives: error %v, want %v", err, live.ErrLocked)
	}
	self.Start++ // nobody's
	if err := (live.Record{Name: "shop", Init: self}).Write(l); err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() {
		f, err := live.Take(l)
		if err == nil {
			f.Close()
		}
		got <- err
	}()
	time.Sleep(20 * time.Millisecond) // to let it find the lock taken
	held.Close()
	if err := <-got; err != nil {
		t.Errorf("of one that has ended: %v", err)
	}
}
