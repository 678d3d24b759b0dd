package cgroup

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Of is the name of the group that a process is in; "" when it is in none of
// this Tree, or has ended. A process in a group that has one of ours above it is
// in that.
func (t *Tree) Of(pid int) (name string, err error) {
	if t == nil {
		return "", nil
	}
	groups, err := readWith(filepath.Join(t.proc, strconv.Itoa(pid), "cgroup"), parseOwn)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	// Paths begin at the root of the reader's cgroup namespace, wherever that is
	// mounted. What the Tree is called tells it from all others.
	own := "/" + filepath.Base(t.dir) + "/"
	for _, g := range groups {
		if _, below, ok := strings.Cut(g.path, own); ok && g.version == t.version {
			name, _, _ := strings.Cut(below, "/")
			return name, nil
		}
	}
	return "", nil
}

// KillNow sends SIGKILL to every process of the group, and does not wait for
// their end. Where the kernel cannot do it at once, one that forks meanwhile may
// escape: whoever calls looks who is left.
func (g *Group) KillNow() error {
	if g == nil {
		return nil
	}
	return g.killOnce()
}
