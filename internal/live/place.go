package live

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/linux/pidfd"
)

// SpecPath is where init finds what to run.
func SpecPath(l api.Live) string { return filepath.Join(l.Dir, link.SpecFile) }

// RootDir is the empty folder that serves as mount point in the namespace of
// the image, or of a restore.
func RootDir(l api.Live) string { return filepath.Join(l.Dir, "root") }

// WorkDir makes a new folder for CRIU's files on the way to the store, or from
// it. It is another one each time: a CRIU whose monitor was killed may still
// write to the last.
func WorkDir(l api.Live) (string, error) { return os.MkdirTemp(l.Dir, "criu-") }

// WorkDirs are all such folders.
func WorkDirs(l api.Live) []string {
	dirs, _ := filepath.Glob(filepath.Join(l.Dir, "criu-*"))
	return dirs
}

// socketLimit is how long the path of a unix socket may be, see unix(7).
const socketLimit = 107

// CheckPlace says whether the sockets of a live image can be made in its
// folder.
func CheckPlace(l api.Live) error {
	for _, path := range []string{l.Socket(), l.Link(), l.Inside()} {
		if len(path) > socketLimit {
			return fmt.Errorf("cannot keep image %q in %s: a socket's path may have %d bytes, and %s has %d; choose a shorter name or a shorter %s",
				l.Name, l.Dir, socketLimit, path, len(path), api.EnvHome)
		}
	}
	return nil
}

// ErrLocked says that another process keeps the image.
var ErrLocked = errors.New("another process keeps this image")

// Lock makes the caller the only keeper of a live image, until it closes the
// file or ends.
func Lock(l api.Live) (*os.File, error) {
	const tries = 100
	for try := 1; ; try++ {
		f, err := lockFile(l)
		switch {
		case err == nil && isStill(f, l.Lock()):
			return f, nil
		case err == nil && try == tries:
			f.Close()
			return nil, ErrLocked
		case err != nil && (try == tries || !isRemoved(err)):
			return nil, err
		}
		f.Close() // the folder was removed meanwhile
	}
}

// isRemoved says that an error may be that of a folder which is being removed. It
// may as well be that of one that can never be made, as in /proc, or of a file.
func isRemoved(err error) bool {
	// os.MkdirAll says that there is something where there was a folder just before.
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist)
}

func lockFile(l api.Live) (*os.File, error) {
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(l.Lock(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, os.NewSyscallError("flock", err)
	}
	return f, nil
}

func isStill(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(open, now)
}

// Remove removes the folder of an image that is not live, with its logs. One
// that somebody keeps, or that is on record, is [ErrLocked].
func Remove(l api.Live) error {
	lock, err := Lock(l)
	if err != nil {
		return err
	}
	defer lock.Close()
	if l.Recorded() {
		return ErrLocked
	}
	entries, err := os.ReadDir(l.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries { // the lock last: until then nobody begins anew here
		if path := filepath.Join(l.Dir, e.Name()); path != l.Lock() {
			if err := RemoveAll(path); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(l.Lock()); err != nil {
		return err
	}
	_ = os.Remove(l.Dir) // unless somebody has begun anew by now
	return nil
}

// takeLimit is how long whoever clears away after an image may take to let go of
// its name, and one who starts to put his own on record.
const takeLimit = 2 * time.Second

// Take is Lock for whoever wants the name: where another holds it whose image does
// not live, because he clears away after it, it is free in a moment.
func Take(l api.Live) (*os.File, error) {
	for end := time.Now().Add(takeLimit); ; time.Sleep(2 * time.Millisecond) {
		lock, err := Lock(l)
		if !errors.Is(err, ErrLocked) || Alive(l) || time.Now().After(end) {
			return lock, err
		}
	}
}

// ClearAway does what a `seance run` that was killed cannot do any more: it ends its
// programs and sweeps its folder. One of the name that has begun since is left alone;
// while it lives, or another clears away, that is [ErrLocked].
func ClearAway(l api.Live, killed pidfd.ID) error {
	if _, err := os.Stat(l.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock, err := Take(l)
	if err != nil {
		return err
	}
	defer lock.Close()
	// Without a record he has died before there was one, or others were faster.
	if r, err := ReadRecord(l); err == nil && r.Init != killed {
		return nil
	}
	return errors.Join(EndStrays(l), Sweep(l))
}

// Sweep removes what a live image leaves in its folder, all but its logs.
func Sweep(l api.Live) error {
	var errs []error
	if r, err := ReadRecord(l); err == nil {
		errs = append(errs, EndGroups(r.Groups()))
		if r.Sockets != "" {
			errs = append(errs, os.RemoveAll(r.Sockets))
		}
	}
	if said, err := os.Stat(l.InitLog()); err == nil && said.Size() == 0 {
		errs = append(errs, os.Remove(l.InitLog()))
	}
	paths := []string{
		l.Record(), l.Record() + ".new", l.Socket(), l.Link(), l.Inside(), SpecPath(l), SpecPath(l) + ".new",
		RootDir(l), GroupsDir(l), filepath.Dir(l.Program()),
	}
	sockets, _ := filepath.Glob(filepath.Join(l.Dir, "notify-*"))
	for _, path := range slices.Concat(paths, WorkDirs(l), sockets) {
		if err := RemoveAll(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// RemoveAll removes a folder to which somebody may still be writing: a CRIU
// whose monitor was killed goes on for a moment.
func RemoveAll(path string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := os.RemoveAll(path)
		if !errors.Is(err, unix.ENOTEMPTY) || time.Now().After(deadline) {
			return err
		}
	}
}
