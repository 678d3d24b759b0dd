package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrUnavailable says that no groups can be made here; the error around it
// says why. All goes on without them.
var ErrUnavailable = errors.New("no control groups can be made here")

// Options say where a Tree is.
type Options struct {
	// Proc is where proc(5) is mounted. Default: /proc.
	Proc string
	// Name is the Tree's folder in the caller's own group; one that exists is
	// used. Default: a name that tells whose it is, so that [Tree.Sweep] of
	// another finds it when its owner has died.
	Name string
}

// Tree is a folder for groups. A nil Tree is one where no groups can be made.
type Tree struct {
	dir     string
	version int
	clone   bool // a program can be cloned into a group
	proc    string
}

// Open makes a folder for groups in the caller's own group, in the best
// hierarchy that lets it. When there is none the error is [ErrUnavailable].
func Open(opts Options) (*Tree, error) {
	if opts.Proc == "" {
		opts.Proc = "/proc"
	}
	if opts.Name == "" {
		name, err := ownName(opts.Proc)
		if err != nil {
			return nil, err
		}
		opts.Name = name
	}
	candidates, err := find(opts.Proc)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	why := errors.New("no cgroup file system of version 2, and no freezer or pids one of version 1, is mounted with this process's own group in it")
	for _, h := range candidates {
		if why = h.make(opts.Name); why == nil {
			return at(filepath.Join(h.own, opts.Name), h.version, opts.Proc), nil
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrUnavailable, why)
}

// At is a Tree in a folder that somebody else has made.
func At(dir string) (*Tree, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return nil, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	switch st.Type {
	case unix.CGROUP2_SUPER_MAGIC:
		return at(dir, 2, "/proc"), nil
	case unix.CGROUP_SUPER_MAGIC:
		return at(dir, 1, "/proc"), nil
	}
	return nil, fmt.Errorf("%w: %s is in no cgroup file system", ErrUnavailable, dir)
}

func at(dir string, version int, proc string) *Tree {
	return &Tree{dir: dir, version: version, clone: version == 2 && canClone(), proc: proc}
}

// canClone says whether clone3(2) is there: it refuses a size of 0 then.
// Container engines hide it from those without privileges.
func canClone() bool {
	_, _, errno := unix.Syscall(unix.SYS_CLONE3, 0, 0, 0)
	return errno == unix.EINVAL
}

// make makes the folder of a Tree.
func (h hierarchy) make(name string) error {
	// To put a process into a group takes the right to write to cgroup.procs of
	// the group above both (cgroups(7), "Delegation containment").
	if err := unix.Access(filepath.Join(h.own, "cgroup.procs"), unix.W_OK); err != nil {
		return &os.PathError{Op: "write to", Path: filepath.Join(h.own, "cgroup.procs"), Err: err}
	}
	err := os.Mkdir(filepath.Join(h.own, name), 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Path is the Tree's folder, "" for a nil one.
func (t *Tree) Path() string {
	if t == nil {
		return ""
	}
	return t.dir
}

// Version is that of the cgroups it is in, 1 or 2; 0 for a nil Tree.
func (t *Tree) Version() int {
	if t == nil {
		return 0
	}
	return t.version
}

// Group makes a group, unless it exists. A nil Tree gives a nil one. Its name
// cannot be that of a control file: those begin with cgroup or the name of a
// controller, and a dot.
func (t *Tree) Group(name string) (*Group, error) {
	if t == nil {
		return nil, nil
	}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\n") {
		return nil, fmt.Errorf("cannot make control group %q: not a name for one", name)
	}
	dir := filepath.Join(t.dir, name)
	// An empty one is made anew: where cgroup.kill was used before, Linux (6.18 at
	// least) kills at once what is cloned into the group, because the fork compares
	// how often the group was killed with how often the caller's own was.
	_ = unix.Rmdir(dir)
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(dir, 0o755) // somebody has removed the Tree's own folder
	}
	if errors.Is(err, fs.ErrExist) && isFolder(dir) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make control group %q: %w", name, err)
	}
	return &Group{dir, t.clone}, nil
}

// All is the group of all processes in the Tree.
func (t *Tree) All() *Group {
	if t == nil {
		return nil
	}
	return &Group{t.dir, t.clone}
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Close removes the Tree with the groups that are empty. It is an error that
// some are not: those, and the Tree, stay.
func (t *Tree) Close() error {
	if t == nil {
		return nil
	}
	return remove(t.dir)
}

// remove removes a group and all below it, as far as they are empty. To remove
// one that is not is an error (EBUSY), and changes nothing.
func remove(dir string) error {
	var problems []error
	for _, below := range subfolders(dir) {
		problems = append(problems, remove(below))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	err := unix.Rmdir(dir)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	if err == unix.EBUSY {
		return fmt.Errorf("cannot remove control group %s: processes are in it", dir)
	}
	return &os.PathError{Op: "rmdir", Path: dir, Err: err}
}

// subfolders are the groups in a group. There are none in one that is gone.
func subfolders(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(dir, e.Name()))
		}
	}
	return dirs
}
