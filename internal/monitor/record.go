package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/netlock"
	"github.com/seancehq/seance/internal/linux/pidfd"
)

// record is what a monitor has to know of its image, on disk for the next
// one. It exists while the image is live.
type record struct {
	Name     string    `json:"name"`
	Init     pidfd.ID  `json:"init"`
	Freezer  string    `json:"freezer"`
	WhyCold  string    `json:"why_cold,omitempty"`
	From     string    `json:"from,omitempty"`     // digest of the saved image
	FromRef  string    `json:"from_ref,omitempty"` // what was asked for
	Manifest string    `json:"manifest"`           // path
	Source   []byte    `json:"source"`             // the manifest as it was read
	Program  string    `json:"program"`            // key of the init binary in Programs
	Began    time.Time `json:"began"`
	// Reviving is set until a revived init has been told that it is one.
	Reviving bool `json:"reviving,omitempty"`
	// Saving is set while a save is under way.
	Saving *saving `json:"saving,omitempty"`
}

// saving tells a later monitor what became of a save whose monitor was lost:
// it is in the store, or it never happened.
type saving struct {
	Snapshot string `json:"snapshot"`
	Ref      string `json:"ref"`
	// Locked are the connections that CRIU locks for it.
	Locked []netlock.Connection `json:"locked,omitempty"`
}

func readRecord(l api.Live) (record, error) {
	var r record
	raw, err := os.ReadFile(l.Record())
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("cannot read record %q: %w", l.Record(), err)
	}
	return r, nil
}

// write replaces the record. It is not synced: the image it speaks of does
// not survive a crash of the machine either.
func (r record) write(l api.Live) error {
	if err := writeFile(l.Record(), r); err != nil {
		return fmt.Errorf("cannot record image %q: %w", r.Name, err)
	}
	return nil
}

// writeFile puts a value as JSON in a file, whole or not at all.
func writeFile(path string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, raw, 0o600); err != nil {
		os.Remove(tmp)
		return err
	}
	return os.Rename(tmp, path)
}

// socketLimit is how long the path of a unix socket may be, see unix(7).
const socketLimit = 107

// checkPlace says whether the sockets of a live image can be made in its
// folder.
func checkPlace(l api.Live) error {
	for _, path := range []string{l.Socket(), l.Link(), l.Inside()} {
		if len(path) > socketLimit {
			return fmt.Errorf("cannot keep image %q in %s: a socket's path may have %d bytes, and %s has %d; choose a shorter name or a shorter %s",
				l.Name, l.Dir, socketLimit, path, len(path), api.EnvHome)
		}
	}
	return nil
}

// errLocked says that another monitor keeps the image.
var errLocked = errors.New("another monitor keeps this image")

// lock makes the caller the only monitor of a live image, until it ends.
func lock(l api.Live) (*os.File, error) {
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
			return nil, errLocked
		}
		return nil, os.NewSyscallError("flock", err)
	}
	return f, nil
}

// sweep removes what a live image leaves in its folder, all but its logs.
func sweep(l api.Live) error {
	var errs []error
	paths := []string{
		l.Record(), l.Record() + ".new", l.Socket(), l.Link(), l.Inside(), specPath(l), specPath(l) + ".new",
		rootDir(l), filepath.Dir(l.Program()),
	}
	for _, path := range append(paths, workDirs(l)...) {
		if err := removeAll(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// removeAll removes a folder to which somebody may still be writing: a CRIU
// whose monitor was killed goes on for a moment.
func removeAll(path string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := os.RemoveAll(path)
		if !errors.Is(err, unix.ENOTEMPTY) || time.Now().After(deadline) {
			return err
		}
	}
}

// alive says whether the image that a record speaks of still lives.
func alive(l api.Live) bool {
	r, err := readRecord(l)
	if err != nil {
		return false
	}
	h, err := pidfd.Find(r.Init)
	if err != nil {
		return !errors.Is(err, pidfd.ErrGone)
	}
	h.Close()
	return true
}
