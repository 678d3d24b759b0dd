package monitor

import (
	"path/filepath"

	"github.com/seancehq/seance/api"
)

// checkedPath keeps the result of the last check of CRIU.
func checkedPath(h api.Home) string { return filepath.Join(h.Dir, "criu.json") }
