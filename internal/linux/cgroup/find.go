package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seancehq/seance/internal/linux/procfs"
)

// hierarchy is a mounted one, as far as the caller's own group is in sight.
type hierarchy struct {
	version     int
	controllers []string // of version 1
	own         string   // the folder of the caller's own group
}

// usable are the hierarchies of version 1 that will do, the best first. Others
// have effects (cpuset, devices) or belong to somebody else (name=systemd).
var usable = []string{"freezer", "pids"}

// find lists the hierarchies in which groups could be made, the best first.
func find(proc string) ([]hierarchy, error) {
	groups, err := readWith(filepath.Join(proc, "self/cgroup"), parseOwn)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // a kernel without cgroups
	}
	if err != nil {
		return nil, err
	}
	mounts, err := readWith(filepath.Join(proc, "self/mountinfo"), parseMounts)
	if err != nil {
		return nil, err
	}
	return match(groups, mounts), nil
}

func readWith[T any](path string, parse func(io.Reader) ([]T, error)) ([]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := parse(f)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return all, nil
}

// ownGroup is one line of /proc/PID/cgroup: ID:CONTROLLERS:PATH.
type ownGroup struct {
	version     int
	controllers []string
	path        string
}

func parseOwn(r io.Reader) ([]ownGroup, error) {
	var all []ownGroup
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.SplitN(lines.Text(), ":", 3)
		if len(f) != 3 {
			return nil, fmt.Errorf("line %q is not as in cgroups(7)", lines.Text())
		}
		if f[0] == "0" && f[1] == "" {
			all = append(all, ownGroup{version: 2, path: f[2]})
			continue
		}
		all = append(all, ownGroup{1, strings.Split(f[1], ","), f[2]})
	}
	return all, lines.Err()
}

// mount is one line of mountinfo of a cgroup file system.
type mount struct {
	version int
	root    string // the group that is mounted
	point   string
	options []string // of the file system: its controllers are among them
}

// parseMounts reads proc_pid_mountinfo(5).
func parseMounts(r io.Reader) ([]mount, error) {
	var all []mount
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		before, after, _ := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) < 6 || len(right) < 3 {
			return nil, fmt.Errorf("line %q is not as in proc_pid_mountinfo(5)", lines.Text())
		}
		version := map[string]int{"cgroup": 1, "cgroup2": 2}[right[0]]
		if version == 0 {
			continue
		}
		all = append(all, mount{version, procfs.Unescape(left[3]), procfs.Unescape(left[4]), strings.Split(right[2], ",")})
	}
	return all, lines.Err()
}

// match finds where the caller's own groups are mounted, the best first.
func match(groups []ownGroup, mounts []mount) []hierarchy {
	var all []hierarchy
	for _, m := range mounts {
		for _, g := range groups {
			if g.version != m.version || g.version == 1 && !slices.ContainsFunc(g.controllers, m.has) {
				continue
			}
			if own, ok := m.folder(g.path); ok {
				all = append(all, hierarchy{g.version, g.controllers, own})
			}
		}
	}
	all = slices.DeleteFunc(all, func(h hierarchy) bool { return h.rank() < 0 })
	slices.SortStableFunc(all, func(a, b hierarchy) int { return a.rank() - b.rank() })
	return all
}

func (m mount) has(controller string) bool { return slices.Contains(m.options, controller) }

// folder is where a group is mounted. ok is false when it is not: it is above
// what is mounted, or outside the cgroup namespace (cgroup_namespaces(7)).
func (m mount) folder(group string) (dir string, ok bool) {
	rel, ok := strings.CutPrefix(group, strings.TrimSuffix(m.root, "/"))
	if !ok || rel != "" && rel[0] != '/' || strings.HasPrefix(rel, "/..") {
		return "", false
	}
	return filepath.Join(m.point, rel), true
}

// rank orders hierarchies, the best first; those of no use are negative.
func (h hierarchy) rank() int {
	if h.version == 2 {
		return 0
	}
	for i, controller := range usable {
		if slices.Contains(h.controllers, controller) {
			return 1 + i
		}
	}
	return -1
}
