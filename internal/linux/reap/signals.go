package reap

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// adoptIgnored makes programs start with default dispositions although this
// process was itself started with some signals ignored (under nohup(1), for
// one). What is ignored stays so through exec; what is caught is reset. So the
// ignored signals are caught instead, and thrown away.
func (r *Reaper) adoptIgnored() error {
	file, err := os.Open(filepath.Join(r.proc, "self/status"))
	if err != nil {
		return fmt.Errorf("cannot see which signals are ignored: %w", err)
	}
	defer file.Close()
	ignored, err := parseIgnored(file)
	if err != nil {
		return fmt.Errorf("cannot see which signals are ignored: %w", err)
	}
	if len(ignored) > 0 {
		signal.Notify(r.ignored, ignored...) // nobody receives: one is kept, the rest dropped
	}
	return nil
}

// parseIgnored reads the mask SigIgn of /proc/PID/status, of which bit 0 is
// signal 1 (proc_pid_status(5)).
func parseIgnored(status io.Reader) ([]os.Signal, error) {
	lines := bufio.NewScanner(status)
	for lines.Scan() {
		value, ok := strings.CutPrefix(lines.Text(), "SigIgn:")
		if !ok {
			continue
		}
		mask, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			return nil, err
		}
		var signals []os.Signal
		for n := range 64 {
			if mask&(1<<n) != 0 {
				signals = append(signals, syscall.Signal(n+1))
			}
		}
		return signals, nil
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("no SigIgn in status")
}
