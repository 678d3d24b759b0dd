package monitor

import (
	"path/filepath"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
)

// specPath is where init finds what to run.
func specPath(l api.Live) string { return filepath.Join(l.Dir, link.SpecFile) }

// rootDir is the empty folder that serves as mount point in the namespace of
// the image, or of a restore.
func rootDir(l api.Live) string { return filepath.Join(l.Dir, "root") }

// dumpDir receives CRIU's files on the way to the store, reviveDir those from
// it.
func dumpDir(l api.Live) string   { return filepath.Join(l.Dir, "dump") }
func reviveDir(l api.Live) string { return filepath.Join(l.Dir, "revive") }

// checkedPath keeps the result of the last check of CRIU.
func checkedPath(h api.Home) string { return filepath.Join(h.Dir, "criu.json") }
