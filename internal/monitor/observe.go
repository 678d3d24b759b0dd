package monitor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/image"
	"github.com/seancehq/seance/internal/linux/ns"
	"github.com/seancehq/seance/internal/linux/procfs"
)

// inside is the proc file system of the image's own PID namespace, with the
// numbers that processes have in there. Reading it asks nothing of init, so
// that it works while the image is frozen.
func (m *Monitor) inside() *procfs.FS {
	return procfs.New(fmt.Sprintf("/proc/%d/root/proc", m.record.Init.PID))
}

// observe notes, while all programs stand still, what a later boot has to
// compare and what a reader wants to see without booting.
func (s *save) observe() (err error) {
	fs := s.m.inside()
	pids, err := fs.PIDs()
	if err != nil {
		return err
	}
	seen := fileSet{}
	for _, pid := range pids {
		if err := seen.add(fs, pid); err != nil && !errors.Is(err, procfs.ErrGone) {
			return fmt.Errorf("cannot see which files the image uses: %w", err)
		}
	}
	s.config.Files = seen.files()
	if s.config.Listeners, err = s.m.listeners(); err != nil {
		return err
	}
	if s.config.Mounts, err = ns.Shared(s.m.record.Init.PID, api.InsideDir); err != nil {
		return err
	}
	return s.observeProcesses()
}

func (s *save) observeProcesses() error {
	frozen, err := s.m.processes()
	if err != nil {
		return fmt.Errorf("cannot see the image's processes: %w", err)
	}
	unfreeze(frozen, s.before.processes)
	s.config.Hierarchy, err = hierarchyOf(frozen)
	return err
}

// fileSet collects the files that processes have open or mapped.
type fileSet map[string]*image.File

func (set fileSet) add(fs *procfs.FS, pid int) error {
	open, err := fs.Descriptors(pid)
	if err != nil {
		return err
	}
	for _, d := range open {
		if d.Kind == procfs.KindFile && !d.Deleted {
			set.note(d.Name, pid, d.Write, false)
		}
	}
	mapped, err := fs.Maps(pid)
	for _, m := range mapped {
		if !m.Deleted {
			set.note(m.Path, pid, m.Shared && m.Write, true)
		}
	}
	return err
}

func (set fileSet) note(path string, pid int, writable, mapped bool) {
	if !filepath.IsAbs(path) || ofImage(path) {
		return
	}
	f := set[path]
	if f == nil {
		f = &image.File{Path: image.Text(path)}
		set[path] = f
	}
	f.Writable = f.Writable || writable
	f.Mapped = f.Mapped || mapped
	if !slices.Contains(f.Processes, pid) {
		f.Processes = append(f.Processes, pid)
	}
}

// ofImage tells paths that are the image's own, and are made or brought back
// with it.
func ofImage(path string) bool {
	for _, dir := range []string{"/dev", "/proc", "/sys", api.InsideDir} {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}

// files are the regular files of the set with their state, sorted. What is no
// regular file has no content that could change; what cannot be looked at has
// gone already.
func (set fileSet) files() []image.File {
	var all []image.File
	for path, f := range set {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		state, err := image.StatFile(path)
		if err != nil {
			continue
		}
		f.FileState = state
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b image.File) int { return strings.Compare(string(a.Path), string(b.Path)) })
	return all
}
