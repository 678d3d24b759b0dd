package supervise

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seancehq/seance/internal/linux/procfs"
)

// Usage is what the processes of a service use at one moment.
type Usage struct {
	Processes, Threads int
	// CPU is the processor time of those that live.
	CPU time.Duration
	// Memory is their resident set, in bytes; shared pages count for each.
	Memory int64
	// Ports are the TCP ports they listen on and the UDP ports they are bound to,
	// such as "tcp 127.0.0.1:80", sorted.
	Ports []string
}

// Usage gives that of every service that has processes, by name.
func (sup *Supervisor) Usage(ctx context.Context) (map[string]Usage, error) {
	c := sup.tracker.take(true)
	if c.err != nil {
		return nil, c.err
	}
	listeners, err := sup.tracker.fs.Listeners(c.pids())
	if err != nil {
		return nil, fmt.Errorf("cannot find the ports of services: %w", err)
	}
	used := map[string]Usage{}
	for _, s := range sup.all() {
		if members := c.members[s.unit]; len(members) > 0 {
			used[s.spec().Name] = sum(members, listeners)
		}
	}
	return used, ctx.Err()
}

// pids are those of all services.
func (c *census) pids() []int {
	var pids []int
	for _, members := range c.members {
		for _, m := range members {
			pids = append(pids, m.pid)
		}
	}
	return pids
}

func sum(members []member, listeners map[int][]procfs.Listener) Usage {
	var u Usage
	for _, m := range members {
		u.Processes++
		u.Threads += m.threads
		u.CPU += m.cpu
		u.Memory += m.rss
		for _, l := range listeners[m.pid] {
			u.Ports = append(u.Ports, l.String())
		}
	}
	slices.Sort(u.Ports)
	u.Ports = slices.Compact(u.Ports) // processes share sockets
	return u
}
