package initd

import (
	"github.com/seancehq/seance/internal/linux/cgroup"
	"github.com/seancehq/seance/internal/live"
)

// groups is where the image's control groups are, nil where it has none. It is
// looked up anew after a boot: they are another machine's by then.
func (in *Init) groups() *cgroup.Tree {
	dir := in.spec.Groups
	if dir == "" {
		return nil
	}
	if in.spec.Own {
		dir = live.GroupsDir(in.place)
	}
	tree, err := cgroup.At(dir)
	if err != nil {
		return nil // all goes on without
	}
	return tree
}
