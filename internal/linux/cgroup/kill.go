package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Kill sends SIGKILL to every process of the group, to those that fork
// meanwhile too, and returns when none is left or ctx is done. Who is a child of
// the caller has to be reaped by somebody.
func (g *Group) Kill(ctx context.Context) error {
	if g == nil {
		return nil
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		if err := g.killOnce(); err != nil {
			return fmt.Errorf("cannot kill control group %s: %w", g.dir, err)
		}
		pids, err := g.PIDs()
		if err != nil || len(pids) == 0 {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("cannot kill control group %s: %d processes left: %w", g.dir, len(pids), ctx.Err())
		}
	}
}

func (g *Group) killOnce() error {
	err := write(filepath.Join(g.dir, "cgroup.kill"), "1")
	if err == nil || gone(g.dir) {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Version 1, or a kernel before 5.14.
	return g.killEach()
}

func gone(dir string) bool {
	_, err := os.Stat(dir)
	return errors.Is(err, fs.ErrNotExist)
}

// killEach kills process by process, while none can fork.
func (g *Group) killEach() error {
	release := hold(g.dir)
	defer release()
	pids, err := g.PIDs()
	if err != nil {
		return err
	}
	fds := make(map[int]int, len(pids))
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	var problems []error
	for _, pid := range pids {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			fds[pid] = fd
		} else if !errors.Is(err, unix.ESRCH) {
			problems = append(problems, os.NewSyscallError("pidfd_open", err))
		}
	}
	// A number may have become another process's before it was held on to. Who
	// is still listed is of the group.
	if pids, err = g.PIDs(); err != nil {
		return err
	}
	for pid, fd := range fds {
		if !slices.Contains(pids, pid) || pid == os.Getpid() {
			continue
		}
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			problems = append(problems, os.NewSyscallError("pidfd_send_signal", err))
		}
	}
	return errors.Join(problems...)
}

// holds are control files that keep a group's processes from forking. Which of
// them are there depends on the version and on the hierarchy. SIGKILL takes
// effect at the end of the hold at the latest.
var holds = []struct{ file, on, off string }{
	{"cgroup.freeze", "1", "0"},
	{"freezer.state", "FROZEN", "THAWED"},
	{"pids.max", "0", "max"},
}

// hold keeps the processes of a group from forking, as far as it can.
func hold(dir string) (release func()) {
	for _, h := range holds {
		file := filepath.Join(dir, h.file)
		if write(file, h.on) == nil {
			return func() { _ = write(file, h.off) } // it was written to a moment ago, or the group is gone
		}
	}
	return func() {}
}
