package initd

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/seancehq/seance/internal/guard"
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

// processes observes init and all below it, but for the guard: that is none of the
// image's.
func processes() ([]process.Observed, error) {
	self := os.Getpid()
	all, err := mirror.Below(procfs.New("/proc"), self)
	return slices.DeleteFunc(all, func(o process.Observed) bool {
		return o.PPID == process.PID(self) && len(o.Args) > 1 && o.Args[1] == guard.Command
	}), err
}
