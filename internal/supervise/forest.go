package supervise

import "github.com/seancehq/seance/internal/linux/procfs"

// forest is the processes by their parents.
type forest struct {
	stats    map[int]procfs.Stat
	children map[int][]int
}

func newForest(stats []procfs.Stat) *forest {
	f := &forest{stats: make(map[int]procfs.Stat, len(stats)), children: make(map[int][]int, len(stats))}
	for _, s := range stats {
		f.stats[s.PID] = s
		f.children[s.PPID] = append(f.children[s.PPID], s.PID)
	}
	return f
}

// below appends the process and all its descendants that have not ended.
func (f *forest) below(members []member, pid int) []member {
	if s, ok := f.stats[pid]; ok && !s.Zombie() {
		members = append(members, member{
			pid: pid, pgid: s.PGID, sid: s.SID, start: s.Start, comm: s.Comm, state: s.State,
			threads: s.Threads, cpu: s.CPU, rss: s.RSS,
		})
	}
	for _, child := range f.children[pid] {
		members = f.below(members, child)
	}
	return members
}
