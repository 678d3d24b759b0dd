package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Group is one control group with all groups below it: a program may make some
// of its own. A nil Group has no processes.
type Group struct {
	dir   string
	clone bool // a program can be cloned into it
}

// Path is the group's folder, "" for a nil one.
func (g *Group) Path() string {
	if g == nil {
		return ""
	}
	return g.dir
}

// Procs is the file that lists the group's processes. A process that writes 0
// to it becomes one of them.
func (g *Group) Procs() string { return filepath.Join(g.dir, "cgroup.procs") }

// CanClone says that a program can be cloned into the group (clone(2),
// CLONE_INTO_CGROUP). Else it must enter by itself.
func (g *Group) CanClone() bool { return g.clone }

// Open opens the folder for CLONE_INTO_CGROUP.
func (g *Group) Open() (fd int, err error) {
	fd, err = unix.Open(g.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: g.dir, Err: err}
	}
	return fd, nil
}

// Add moves a process into the group, with all its threads. What it has
// started already stays where it is.
func (g *Group) Add(pid int) error {
	if g == nil {
		return nil
	}
	if err := write(g.Procs(), strconv.Itoa(pid)); err != nil {
		return fmt.Errorf("cannot move process %d into its control group: %w", pid, err)
	}
	return nil
}

// PIDs lists the processes of the group, in ascending order; of a group that
// has been removed, none. Processes of PID namespaces that the caller cannot
// see into are left out.
func (g *Group) PIDs() ([]int, error) {
	if g == nil {
		return nil, nil
	}
	pids, err := pidsBelow(nil, g.dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list the processes of control group %s: %w", g.dir, err)
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

func pidsBelow(pids []int, dir string) ([]int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV):
		return pids, nil // it has been removed
	case errors.Is(err, unix.EOPNOTSUPP):
		// A threaded group (cgroups(7)): its processes are those of a group above.
	case err != nil:
		return nil, err
	}
	for line := range bytes.Lines(text) {
		pid, err := strconv.Atoi(string(bytes.TrimSpace(line)))
		if err != nil {
			return nil, err
		}
		if pid > 0 {
			pids = append(pids, pid)
		}
	}
	for _, below := range subfolders(dir) {
		if pids, err = pidsBelow(pids, below); err != nil {
			return nil, err
		}
	}
	return pids, nil
}

// Remove removes the group with what is below it. It is an error that
// processes are in it; a group that is gone already is none.
func (g *Group) Remove() error {
	if g == nil {
		return nil
	}
	return remove(g.dir)
}

// write writes to a control file with one system call.
func write(file, text string) error {
	fd, err := unix.Open(file, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: file, Err: err}
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(text)); err != nil {
		return &os.PathError{Op: "write", Path: file, Err: err}
	}
	return nil
}
