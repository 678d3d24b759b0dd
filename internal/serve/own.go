package serve

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/seancehq/seance/internal/linux/procfs"
)

// own are the figures of the process that serves the API.
type own struct {
	cpu                              time.Duration
	memory                           int64
	threads, descriptors, goroutines int
}

func readOwn() (own, error) {
	stat, err := procfs.New("/proc").Stat(os.Getpid())
	if err != nil {
		return own{}, fmt.Errorf("cannot read the server's own figures: %w", err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return own{}, fmt.Errorf("cannot read the server's own figures: %w", err)
	}
	return own{
		cpu: stat.CPU, memory: stat.RSS, threads: stat.Threads,
		descriptors: len(open) - 1, // one is of the folder itself
		goroutines:  runtime.NumGoroutine(),
	}, nil
}
