package reap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/procfs"
)

// Inherited are the children that the process has had since before its execve(2):
// `exec seance run > >(tee log)` in a shell makes the shell's tee one. They are
// those of whoever was this process before, and no leftovers of what it starts.
func Inherited(proc string) (map[int]bool, error) {
	err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if err == unix.ECHILD {
		return nil, nil
	}
	children, err := readChildren(proc)
	if err != nil {
		return nil, err
	}
	inherited := map[int]bool{}
	for _, pid := range children {
		inherited[pid] = true
	}
	return inherited, nil
}

// Strays are the children that this Reaper did not start and the process has not
// inherited: orphans that were re-parented to it, ended ones that are still to be
// reaped among them. A program that was started here and has been reaped has left nothing
// behind when no stray is of its making, for whatever descends from it and
// lives hangs below a child of this process.
//
// The list is exact: /proc/PID/task/TID/children may skip a child only while
// another one is being reaped (proc_tid_children(5)), and the lock keeps that
// from happening.
func (r *Reaper) Strays() ([]int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	children, err := readChildren(r.proc)
	if err != nil {
		return nil, err
	}
	strays := children[:0]
	for _, pid := range children {
		if r.procs[pid] == nil && !r.inherited[pid] {
			strays = append(strays, pid)
		}
	}
	return strays, nil
}

// SignalStray sends sig to a child that this Reaper did not start. still is
// asked under the lock, when the number can no longer change hands, whether
// pid is what the caller thinks it is.
func (r *Reaper) SignalStray(pid int, sig syscall.Signal, still func() bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !still() {
		return os.ErrProcessDone
	}
	return syscall.Kill(pid, sig)
}

// readChildren lists the children of this process.
func readChildren(proc string) ([]int, error) {
	for range 3 {
		children, err := readChildrenOfThreads(proc)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
			return children, err
		}
		// A thread of ours has ended, and another has its children now.
	}
	// Or the kernel was made without CONFIG_PROC_CHILDREN.
	return scanForChildren(proc)
}

func readChildrenOfThreads(proc string) ([]int, error) {
	dir := filepath.Join(proc, "self/task")
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list threads: %w", err)
	}
	var children []int
	for _, task := range tasks {
		text, err := os.ReadFile(filepath.Join(dir, task.Name(), "children"))
		if err != nil {
			return nil, fmt.Errorf("cannot list children: %w", err)
		}
		for field := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				return nil, fmt.Errorf("cannot list children: %w", err)
			}
			children = append(children, pid)
		}
	}
	return children, nil
}

// scanForChildren looks at every process there is.
func scanForChildren(proc string) ([]int, error) {
	stats, err := procfs.New(proc).Stats()
	if err != nil {
		return nil, fmt.Errorf("cannot list children: %w", err)
	}
	var children []int
	for _, s := range stats {
		if s.PPID == os.Getpid() {
			children = append(children, s.PID)
		}
	}
	return children, nil
}
