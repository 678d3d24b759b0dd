package live

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/cgroup"
)

// GroupsDir is where an image finds its control groups in its own folder.
func GroupsDir(l api.Live) string { return filepath.Join(l.Dir, "cgroup") }

// OpenGroups makes the folder for an image's control groups. Where there can be
// none the error is [cgroup.ErrUnavailable].
func OpenGroups(l api.Live) (*cgroup.Tree, error) {
	// Images of one name may live in several homes.
	name := fmt.Sprintf("seance-image-%s-%08x", l.Name, crc32.ChecksumIEEE([]byte(l.Dir)))
	return cgroup.Open(cgroup.Options{Name: name})
}

// Groups are the control groups of an image on record, nil if it has none.
func (r Record) Groups() *cgroup.Tree {
	if r.GroupsPath == "" {
		return nil
	}
	t, err := cgroup.At(r.GroupsPath)
	if err != nil {
		return nil // they are gone
	}
	return t
}

// endLimit is how long processes may take to be gone that were killed.
const endLimit = 5 * time.Second

// EndGroups ends what is left in the control groups of an image whose init has
// ended, and removes them.
func EndGroups(t *cgroup.Tree) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	err := t.Thaw()
	return errors.Join(err, t.All().Kill(ctx), t.Close())
}
