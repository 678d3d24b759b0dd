package procfs

import "time"

// Usage is what some processes use together at one moment.
type Usage struct {
	Processes int
	Threads   int
	// CPU is the time they have spent on a processor. What has ended is not in
	// it: it may become less.
	CPU time.Duration
	// RSS is the memory that is resident, in bytes. What they share counts for
	// each of them.
	RSS int64
}

// Add adds one process. One that has ended counts for nothing but its time,
// for as long as it has not been reaped.
func (u *Usage) Add(s Stat) {
	u.CPU += s.CPU
	if s.Zombie() {
		return
	}
	u.Processes++
	u.Threads += s.Threads
	u.RSS += s.RSS
}
