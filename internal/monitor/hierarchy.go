package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/mirror"
	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/process"
)

// hierarchy shows the image's processes as they are now. It asks nothing of
// init, and so works whatever state the image is in.
func (m *Monitor) hierarchy(context.Context) (api.Hierarchy, error) {
	seen, err := m.processes()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, m.errGone()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot see the processes of image %q: %w", m.live.Name, err)
	}
	state, err := hierarchyOf(seen)
	if err != nil {
		return nil, err
	}
	return json.Marshal(state)
}

// processes observes the image's processes: all of its PID namespace, or all
// below an init that has none of its own.
func (m *Monitor) processes() ([]process.Observed, error) {
	if m.record.Freezer == api.FreezerCRIU {
		return mirror.All(m.inside())
	}
	return mirror.Below(procfs.New("/proc"), m.record.Init.PID)
}

func hierarchyOf(seen []process.Observed) (*process.State, error) {
	table, err := process.Mirror(seen)
	if err != nil {
		return nil, err
	}
	state := table.State()
	return &state, nil
}

// unfreeze gives frozen processes the states they had a moment before: to the
// kernel, each one is stopped by a tracer now.
func unfreeze(frozen, before []process.Observed) {
	states := make(map[process.PID]byte, len(before))
	for _, o := range before {
		states[o.PID] = o.State
	}
	for i := range frozen {
		o := &frozen[i]
		if o.State != 't' {
			continue
		}
		o.State = 'S'
		if was := states[o.PID]; was == 'T' {
			o.State = was
		}
	}
}
