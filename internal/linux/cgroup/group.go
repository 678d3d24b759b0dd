// Package cgroup keeps programs in control groups, see cgroups(7).
package cgroup

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Group is one control group: a folder of a cgroup file system.
type Group struct {
	dir     string
	version int
}

// Path is the group's folder.
func (g *Group) Path() string { return g.dir }

// Version is that of its hierarchy: 1 or 2.
func (g *Group) Version() int { return g.version }

// Procs is the file that lists the group's processes. A process that writes 0
// to it becomes one of them.
func (g *Group) Procs() string { return filepath.Join(g.dir, "cgroup.procs") }

// Open opens the folder, for CLONE_INTO_CGROUP (clone(2)). Only a group of
// version 2 can be cloned into.
func (g *Group) Open() (fd int, err error) {
	fd, err = unix.Open(g.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: g.dir, Err: err}
	}
	return fd, nil
}
