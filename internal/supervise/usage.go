package supervise

import (
	"context"
	"time"
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
	used := map[string]Usage{}
	for _, s := range sup.all() {
		if members := c.members[s.unit]; len(members) > 0 {
			used[s.spec().Name] = sum(members)
		}
	}
	return used, ctx.Err()
}

func sum(members []member) Usage {
	var u Usage
	for _, m := range members {
		u.Processes++
		u.Threads += m.threads
		u.CPU += m.cpu
		u.Memory += m.rss
	}
	return u
}
