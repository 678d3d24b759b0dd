// Package procfs reads processes from proc(5).
//
// Reading is kept apart from parsing: what takes bytes or an io.Reader is a
// function parse… that is tested on text, and a method of [FS] opens the file.
// A process may end at any moment while it is read. Reading one that has ended
// gives [ErrGone]; a scan leaves it out.
//
//	fs := procfs.New("/proc")
//	for _, stat := range fs.Stats() { … }
package procfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrGone says that the process has ended.
var ErrGone = errors.New("no such process")

// FS is a mounted proc file system. The numbers in it are those of the PID
// namespace it was mounted for.
type FS struct {
	root    string
	buffers sync.Pool // *[]byte
}

// New makes an FS of the proc file system mounted at root.
func New(root string) *FS { return &FS{root: root} }

// Root is where the file system is mounted.
func (f *FS) Root() string { return f.root }

// PIDs lists all processes, zombies included, in ascending order.
func (f *FS) PIDs() ([]int, error) {
	dir, err := os.Open(f.root)
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if name[0] < '1' || name[0] > '9' {
			continue
		}
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func (f *FS) path(pid int, name string) string {
	return f.root + "/" + strconv.Itoa(pid) + "/" + name
}

// with calls fn with the content of a process's file, in a buffer that is lent.
func (f *FS) with(pid int, name string, fn func([]byte) error) error {
	buf, _ := f.buffers.Get().(*[]byte)
	if buf == nil {
		b := make([]byte, 0, 4096)
		buf = &b
	}
	defer f.buffers.Put(buf)
	var err error
	*buf, err = readFile(f.path(pid, name), (*buf)[:0])
	if err == nil {
		err = fn(*buf)
	}
	return describe(pid, name, err)
}

// readFile reads a whole file without package os, which would try to poll it:
// a scan of a thousand processes reads thousands of files.
func readFile(path string, buf []byte) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return buf, err
	}
	defer unix.Close(fd)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return buf, err
		}
		if n == 0 {
			return buf, nil
		}
		buf = buf[:len(buf)+n]
	}
}

// describe names the process in an error. ENOENT and ESRCH are how the file
// system says that a process is gone.
func describe(pid int, name string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("cannot read %s of process %d: %w", name, pid, ErrGone)
	}
	return fmt.Errorf("cannot read %s of process %d: %w", name, pid, err)
}

// names lists a process's folder of numbered entries.
func (f *FS) numbers(pid int, name string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(f.root, strconv.Itoa(pid), name))
	if err != nil {
		return nil, describe(pid, name, err)
	}
	numbers := make([]int, 0, len(entries))
	for _, entry := range entries {
		if n, err := strconv.Atoi(entry.Name()); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers, nil
}
