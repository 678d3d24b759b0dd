package monitor

import (
	"os"
	"path/filepath"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
)

// specPath is where init finds what to run.
func specPath(l api.Live) string { return filepath.Join(l.Dir, link.SpecFile) }

// rootDir is the empty folder that serves as mount point in the namespace of
// the image, or of a restore.
func rootDir(l api.Live) string { return filepath.Join(l.Dir, "root") }

// workDir makes a new folder for CRIU's files on the way to the store, or from
// it. It is another one each time: a CRIU whose monitor was killed may still
// write to the last.
func workDir(l api.Live) (string, error) { return os.MkdirTemp(l.Dir, "criu-") }

// workDirs are all such folders.
func workDirs(l api.Live) []string {
	dirs, _ := filepath.Glob(filepath.Join(l.Dir, "criu-*"))
	return dirs
}

// checkedPath keeps the result of the last check of CRIU.
func checkedPath(h api.Home) string { return filepath.Join(h.Dir, "criu.json") }
