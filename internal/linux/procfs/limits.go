package procfs

import (
	"bytes"
	"errors"
	"math"
	"strconv"
)

// Unlimited is a limit that there is none of.
const Unlimited = uint64(math.MaxUint64)

var errLimits = errors.New("not in the format of proc_pid_limits(5)")

// SoftLimit is one of the soft resource limits of a process, by the name that
// proc_pid_limits(5) gives it, such as "Max open files". Everybody may read it.
func (f *FS) SoftLimit(pid int, name string) (limit uint64, err error) {
	err = f.with(pid, "limits", func(text []byte) (err error) {
		limit, err = parseSoftLimit(text, name)
		return err
	})
	return limit, err
}

func parseSoftLimit(text []byte, name string) (uint64, error) {
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if !ok || len(rest) == 0 || rest[0] != ' ' {
			continue
		}
		fields := bytes.Fields(rest)
		if len(fields) < 2 {
			return 0, errLimits
		}
		if string(fields[0]) == "unlimited" {
			return Unlimited, nil
		}
		n, err := strconv.ParseUint(string(fields[0]), 10, 64)
		if err != nil {
			return 0, errLimits
		}
		return n, nil
	}
	return 0, errLimits
}
