package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/seancehq/seance/internal/linux/procfs"
)

// A Tree without a name of its own is called seance-NAMESPACE-PID-START: its
// owner's PID namespace, number in it, and start in ticks since the machine's
// boot.
const prefix = "seance-"

type owner struct {
	namespace uint64
	pid       int
	start     uint64
}

func (o owner) name() string { return fmt.Sprintf("%s%d-%d-%d", prefix, o.namespace, o.pid, o.start) }

func parseOwner(name string) (o owner, ok bool) {
	n, err := fmt.Sscanf(name, prefix+"%d-%d-%d", &o.namespace, &o.pid, &o.start)
	return o, err == nil && n == 3 && o.name() == name
}

func ownName(proc string) (string, error) {
	namespace, err := ownNamespace(proc)
	if err != nil {
		return "", err
	}
	stat, err := procfs.New(proc).Stat(os.Getpid())
	if err != nil {
		return "", err
	}
	return owner{namespace, os.Getpid(), stat.Start}.name(), nil
}

// ownNamespace is the number of the caller's PID namespace (namespaces(7)).
func ownNamespace(proc string) (uint64, error) {
	link, err := os.Readlink(filepath.Join(proc, "self/ns/pid"))
	if err != nil {
		return 0, err
	}
	number := strings.TrimSuffix(strings.TrimPrefix(link, "pid:["), "]")
	return strconv.ParseUint(number, 10, 64)
}

// Sweep removes the Trees beside this one whose owners have died without
// closing them, as far as they are empty, and returns the groups that are not:
// processes of those owners live on in them.
func (t *Tree) Sweep() (left []*Group, err error) {
	if t == nil {
		return nil, nil
	}
	namespace, err := ownNamespace(t.proc)
	if err != nil {
		return nil, err
	}
	fs := procfs.New(t.proc)
	for _, dir := range subfolders(filepath.Dir(t.dir)) {
		o, ok := parseOwner(filepath.Base(dir))
		// Whether an owner in another PID namespace lives cannot be seen from here.
		if !ok || o.namespace != namespace || lives(fs, o) {
			continue
		}
		left = append(left, t.sweep(dir)...)
	}
	return left, nil
}

func lives(fs *procfs.FS, o owner) bool {
	stat, err := fs.Stat(o.pid)
	return err == nil && stat.Start == o.start && !stat.Zombie()
}

// sweep removes the groups of one Tree.
func (t *Tree) sweep(dir string) (left []*Group) {
	if remove(dir) == nil {
		return nil
	}
	for _, below := range subfolders(dir) {
		g := &Group{below, t.clone}
		// Its owner may have died while it held the group.
		_ = write(filepath.Join(below, "freezer.state"), "THAWED")
		_ = write(filepath.Join(below, "cgroup.freeze"), "0")
		if pids, err := g.PIDs(); err != nil || len(pids) > 0 {
			left = append(left, g)
		}
	}
	return left
}
