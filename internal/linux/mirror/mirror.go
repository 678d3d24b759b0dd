// Package mirror sees the processes of a live system the way package process
// wants them: as observations that a process table can be brought in line
// with.
package mirror

import (
	"errors"

	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/process"
)

// All observes every process of a PID namespace.
func All(fs *procfs.FS) ([]process.Observed, error) {
	stats, err := fs.Stats()
	if err != nil {
		return nil, err
	}
	return observe(fs, stats)
}

// Below observes a process and all that descend from it.
func Below(fs *procfs.FS, root int) ([]process.Observed, error) {
	stats, err := fs.Stats()
	if err != nil {
		return nil, err
	}
	return observe(fs, descendants(stats, root))
}

// descendants picks a process and all below it. A parent may have a higher
// number than its child, so that one pass over the list is not enough.
func descendants(stats []procfs.Stat, root int) []procfs.Stat {
	parent := make(map[int]int, len(stats))
	for _, s := range stats {
		parent[s.PID] = s.PPID
	}
	below := map[int]bool{0: false, root: true}
	var isBelow func(pid int) bool
	isBelow = func(pid int) bool {
		if known, ok := below[pid]; ok {
			return known
		}
		below[pid] = false // a parent that changed while it was read may lead back here
		below[pid] = isBelow(parent[pid])
		return below[pid]
	}
	var picked []procfs.Stat
	for _, s := range stats {
		if isBelow(s.PID) {
			picked = append(picked, s)
		}
	}
	return picked
}

func observe(fs *procfs.FS, stats []procfs.Stat) ([]process.Observed, error) {
	all := make([]process.Observed, 0, len(stats))
	for _, s := range stats {
		o, err := one(fs, s)
		if errors.Is(err, procfs.ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	tellTerminalsApart(all)
	return all, nil
}

func one(fs *procfs.FS, s procfs.Stat) (process.Observed, error) {
	o := process.Observed{
		PID: process.PID(s.PID), PPID: process.PID(s.PPID), PGID: process.PID(s.PGID), SID: process.PID(s.SID),
		State: s.State, Status: exitStatus(s.Exit), Start: s.Start, Comm: s.Comm,
		TTY: process.Device(s.TTY), TTYName: procfs.TerminalName(s.TTY), Foreground: process.PID(s.TPGID),
	}
	args, err := fs.Cmdline(s.PID)
	if err != nil {
		return o, err
	}
	o.Args = args
	if s.Threads <= 1 {
		return o, nil
	}
	threads, err := fs.Threads(s.PID)
	for _, t := range threads {
		o.TIDs = append(o.TIDs, process.PID(t.TID))
	}
	return o, err
}

// exitStatus takes a status as the kernel has it, with whatever a part of the kernel
// has made of it. What no program can end with counts as not known.
func exitStatus(raw int) process.ExitStatus {
	status := process.ExitStatus(raw)
	switch sig := status.Signal(); {
	case sig == 0:
		return process.Exited(status.Code())
	case sig > 64: // the last one of Linux, see signal(7)
		return 0
	}
	return status & 0xff
}
