package live

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/internal/linux/reap"
)

// Strays are the programs of somebody who has died, and all that they have
// started, but for those that may live on. Those with a PID namespace of their own
// have ended with its init; the others are known by their marks. What has no mark
// at all is known by its environment.
type Strays struct {
	Marks  reap.Marks // 0: nobody was marked
	Socket string     // [api.EnvSocket] in the environment; "": nobody's
}

// EndStrays ends the programs of an image whose keepers are gone, until none is
// left.
func EndStrays(l api.Live) error {
	r, _ := ReadRecord(l) // without one there are no marks
	return Strays{Marks: r.Marks, Socket: l.Inside()}.End()
}

// End kills them, until none is left: whoever forks meanwhile is looked for
// again.
func (s Strays) End() error {
	pause := time.Millisecond
	for deadline := time.Now().Add(endLimit); ; time.Sleep(pause) {
		left, err := s.each(kill)
		if err != nil || len(left) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("still there after SIGKILL: %s", strings.Join(left, ", "))
		}
		pause = min(2*pause, 50*time.Millisecond)
	}
}

// Await waits until none is left, and no longer than a limit.
func (s Strays) Await(limit time.Duration) {
	pause := 5 * time.Millisecond
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(pause) {
		left, err := s.each(func(int) error { return nil })
		if err != nil || len(left) == 0 {
			return
		}
		pause = min(2*pause, 50*time.Millisecond)
	}
}

// each does something to each of them, and names those that live then. One that
// nothing can be done to, for it is another user's, is not among them.
func (s Strays) each(do func(fd int) error) (left []string, err error) {
	fs := procfs.New("/proc")
	pids, err := fs.PIDs()
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		if pid == os.Getpid() || !s.has(fs, pid) {
			continue
		}
		if name, lives := s.one(fs, pid, do); lives {
			left = append(left, name)
		}
	}
	return left, nil
}

// one does it to one of them, unless the number has become another's.
func (s Strays) one(fs *procfs.FS, pid int, do func(fd int) error) (name string, lives bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return "", false
	}
	defer unix.Close(fd)
	if !s.has(fs, pid) {
		return "", false
	}
	stat, err := fs.Stat(pid)
	if err != nil || stat.Zombie() && stat.Threads <= 1 || do(fd) != nil {
		return "", false
	}
	return fmt.Sprintf("%d (%s)", pid, stat.Comm), true
}

func kill(fd int) error {
	if err := unix.PidfdSendSignal(fd, syscall.SIGKILL, nil, 0); !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

func (s Strays) has(fs *procfs.FS, pid int) bool {
	mark, err := reap.ReadMark(fs, pid)
	switch {
	case err != nil:
		return false
	case s.Marks.Has(mark):
		return !reap.LivesOn(mark)
	case s.Socket == "" || s.Marks != 0 && mark != 0: // it is another's
		return false
	}
	socket, ok, err := fs.Getenv(pid, api.EnvSocket)
	return err == nil && ok && socket == s.Socket
}
