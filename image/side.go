package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// side is a folder of its own under tmp, for what is not yet part of the
// store. Its owner holds a lock on it for as long as it lives, so that others
// can tell an abandoned one.
type side struct {
	dir  string
	lock *os.File
}

func (s *Store) newSide() (*side, error) {
	for {
		dir, err := os.MkdirTemp(filepath.Join(s.dir, tmpName), "")
		if err != nil {
			return nil, err
		}
		f, err := claim(dir)
		if err != nil {
			return nil, err
		}
		if f != nil {
			return &side{dir, f}, nil
		}
		// A sweep came between mkdir and flock. It is rare, and it has
		// removed or will remove the folder: try another.
	}
}

// claim locks the folder dir. It returns nil when another has the lock, or
// the folder is gone.
func claim(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ok, err := tryFlock(f)
	if !ok || err != nil || unlinked(f) {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// unlinked reports whether the open folder has been removed: rmdir(2) leaves
// it without links.
func unlinked(dir *os.File) bool {
	var st unix.Stat_t
	err := unix.Fstat(int(dir.Fd()), &st)
	return err != nil || st.Nlink == 0
}

func (d *side) path(name string) string { return filepath.Join(d.dir, name) }

// remove deletes the folder, then lets go of the lock.
func (d *side) remove() error {
	err := os.RemoveAll(d.dir)
	return errors.Join(err, d.lock.Close())
}

// sweep removes the folders whose owners have died.
func (s *Store) sweep() error {
	tmp := filepath.Join(s.dir, tmpName)
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dead := &side{dir: filepath.Join(tmp, e.Name())}
		if dead.lock, err = claim(dead.dir); err != nil {
			return err
		}
		if dead.lock == nil {
			continue
		}
		if err := dead.remove(); err != nil {
			return fmt.Errorf("cannot remove what a dead writer left in %q: %w", dead.dir, err)
		}
	}
	return nil
}

// syncDir makes renames in a folder durable, see fsync(2).
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// writeSynced writes a new file and makes its content durable.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
