package criu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	gocriu "github.com/checkpoint-restore/go-criu/v8"
)

// Restore says what to bring back.
type Restore struct {
	// Dir holds CRIU's files of the dump.
	Dir string
	// Own is the folder on the host that becomes the image's own.
	Own string
	// Groups is the folder that becomes that of its control groups, if it had
	// any when it was dumped.
	Groups string
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
	err = inPrivateMounts(func() error {
		if err := mountRoot(r.Root); err != nil {
			return err
		}
		return r.restore(c, dir, n)
	})
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
	o.External = []string{"mnt[" + ownMount + "]:" + r.Own, "mnt[" + groupsMount + "]:" + r.Groups, "mnt[]"}
	return c.run(nil, func(g *gocriu.Criu) error { return g.Restore(o, n) })
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
