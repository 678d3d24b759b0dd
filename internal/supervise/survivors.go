package supervise

import "github.com/seancehq/seance/internal/linux/cgroup"

// Survivors are the processes that detached services have left running, by the
// service's name, each as "PID (NAME)".
func (sup *Supervisor) Survivors() (map[string][]string, error) {
	detached := sup.detached()
	if len(detached) == 0 {
		return nil, nil
	}
	c := sup.tracker.take(false)
	if c.err != nil {
		return nil, c.err
	}
	all := map[string][]string{}
	for _, s := range sup.all() {
		if detached[s.unit] && len(c.members[s.unit]) > 0 {
			all[s.spec().Name] = namesOf(c.members[s.unit])
		}
	}
	return all, nil
}

// detached are the units whose processes may live on.
func (sup *Supervisor) detached() map[*unit]bool {
	units := map[*unit]bool{}
	for _, s := range sup.all() {
		if s.spec().Detached {
			units[s.unit] = true
		}
	}
	return units
}

// Regroup gives each service a control group in another tree, and moves its
// processes there. It is for an image that was booted where its groups are not:
// whoever restores processes puts them into a group of his own.
func (sup *Supervisor) Regroup(groups *cgroup.Tree) error { return sup.tracker.regroup(groups) }
