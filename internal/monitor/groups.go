package monitor

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/criu"
	"github.com/seancehq/seance/internal/linux/cgroup"
	"github.com/seancehq/seance/internal/linux/mirror"
	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/internal/live"
	"github.com/seancehq/seance/process"
)

// initGroup is the control group of what is no service's.
const initGroup = "init"

// makeGroups makes the folder of the image's control groups, where there can be
// such a thing, and the folder in which the image finds it.
func (m *Monitor) makeGroups() error {
	if err := os.MkdirAll(live.GroupsDir(m.live), 0o755); err != nil {
		return err
	}
	groups, err := live.OpenGroups(m.live)
	if errors.Is(err, cgroup.ErrUnavailable) {
		m.log.Info("the image has no control groups", "why", err)
		return nil
	}
	if err != nil {
		return err
	}
	m.groups, m.record.GroupsPath = groups, groups.Path()
	return nil
}

// enterGroups puts init and all below it into the image's control groups, before
// any of them runs. From there init puts each service's into one of its own.
func (m *Monitor) enterGroups() error {
	if m.groups == nil {
		return nil
	}
	group, err := m.groups.Group(initGroup)
	if err != nil {
		return err
	}
	all := []process.Observed{{PID: process.PID(m.record.Init.PID)}}
	if m.record.Reviving {
		if all, err = mirror.Below(procfs.New("/proc"), m.record.Init.PID); err != nil {
			return fmt.Errorf("cannot see the image's processes: %w", err)
		}
	}
	for _, p := range all {
		if err := group.Add(int(p.PID)); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// groupsInside is where the image finds its control groups.
func (m *Monitor) groupsInside() string {
	if m.groups == nil {
		return ""
	}
	return live.GroupsDir(api.Live{Dir: api.InsideDir})
}

// halter keeps the image from running on after a save, nil where that is not
// possible.
func (m *Monitor) halter() criu.Halter {
	if !m.groups.CanFreeze() {
		return nil
	}
	return m.groups
}

// warn logs what went wrong and is no reason to fail.
func (m *Monitor) warn(err error) {
	if err != nil {
		m.log.Warn("not all is as it should be", "error", err)
	}
}
