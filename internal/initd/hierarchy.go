package initd

import (
	"context"
	"fmt"
	"os"

	"github.com/seancehq/seance/internal/linux/mirror"
	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/process"
)

// hierarchy shows the image's processes, which are init and all below it.
func (in *Init) hierarchy(context.Context) (any, error) {
	seen, err := processes()
	if err != nil {
		return nil, fmt.Errorf("cannot see the image's processes: %w", err)
	}
	table, err := process.Mirror(seen)
	if err != nil {
		return nil, err
	}
	return table.State(), nil
}

// processes observes init and all below it.
func processes() ([]process.Observed, error) { return mirror.Below(procfs.New("/proc"), os.Getpid()) }
