package criu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	gocriu "github.com/checkpoint-restore/go-criu/v8"
	"golang.org/x/sys/unix"
)

// Restore says what to bring back.
type Restore struct {
	// Dir holds CRIU's files of the dump.
	Dir string
	// Own is the folder on the host that becomes the image's own.
	Own string
	// Root is an empty folder on which the host's root is mounted for the
	// time of the restore, in a namespace that nobody else sees.
	Root string
	// Restored is called when all processes exist but do not run yet, with
	// the PID of the first. When it returns an error, they are killed.
	Restored func(pid int) error
}

// Run brings the tree back. Its first process is a child of the caller, who
// waits for it.
func (r Restore) Run(c *CRIU) (pid int, err error) {
	dir, err := os.Open(r.Dir)
	if err != nil {
		return 0, fmt.Errorf("cannot revive the image: %w", err)
	}
	defer dir.Close()
	n := &restoreNotes{restored: r.Restored}
	err = inPrivateRoot(r.Root, func() error { return r.restore(c, dir, n) })
	switch {
	case n.err != nil:
		return 0, n.err
	case err != nil:
		return 0, explainLog(filepath.Join(r.Dir, RestoreLog), err)
	}
	return n.pid, nil
}

func (r Restore) restore(c *CRIU, dir *os.File, n *restoreNotes) error {
	o := common(dir, RestoreLog)
	o.Root = ptr(r.Root)
	o.RstSibling = ptr(true)
	o.External = []string{"mnt[" + ownMount + "]:" + r.Own, "mnt[]"}
	return c.new().Restore(o, n)
}

// inPrivateRoot calls f in a thread with a mount namespace of its own, in
// which the host's root is mounted a second time at dir: CRIU wants a root
// that is a mount point and not its own. The thread ends with f, the
// namespace with whatever f started.
func inPrivateRoot(dir string, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread must not be used again
		done <- func() error {
			if err := privateRoot(dir); err != nil {
				return err
			}
			return f()
		}()
	}()
	return <-done
}

func privateRoot(dir string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("cannot make a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("cannot make the mounts private: %w", err)
	}
	if err := unix.Mount("/", dir, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cannot mount the root on %q: %w", dir, err)
	}
	return nil
}

// restoreNotes hears of CRIU's progress.
type restoreNotes struct {
	gocriu.NoNotify
	restored func(pid int) error
	pid      int
	err      error // what Restored said
}

func (n *restoreNotes) PostRestore(pid int32) error {
	n.pid = int(pid)
	if n.pid <= 0 {
		n.err = errors.New("cannot revive the image: CRIU did not say which process is its first")
	} else if n.restored != nil {
		n.err = n.restored(n.pid)
	}
	return n.err
}
