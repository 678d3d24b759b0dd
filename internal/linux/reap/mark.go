package reap

import (
	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/procfs"
)

// A mark is a number that a program has from its start, and all that it starts
// in turn, through fork and exec, whatever they do with their parents, sessions
// and environments. It is the soft limit RLIMIT_RTTIME (getrlimit(2)), the time
// in microseconds that a process with a real-time policy may run at a stretch:
// one of many thousand years is none, and nobody sets it but those few who want a
// short one. It takes no privilege, and everybody may read it.

// MinMark is the least number that a mark can be.
const MinMark = uint64(1) << 62

// MaxMark is the greatest.
const MaxMark = uint64(1)<<63 - 1

// CanMark says whether programs can be marked: the hard limit may forbid it.
func CanMark() bool {
	var limit unix.Rlimit
	err := unix.Prlimit(0, unix.RLIMIT_RTTIME, nil, &limit)
	return err == nil && limit.Max >= MaxMark
}

// WithMark calls fn with a mark on this process, which a child that is forked
// meanwhile inherits. Nobody else may fork then. 0, or a hard limit that forbids it:
// there is none.
func WithMark(mark uint64, fn func()) {
	var old unix.Rlimit
	if mark == 0 || unix.Prlimit(0, unix.RLIMIT_RTTIME, nil, &old) != nil {
		fn()
		return
	}
	_ = unix.Prlimit(0, unix.RLIMIT_RTTIME, &unix.Rlimit{Cur: mark, Max: old.Max}, nil)
	fn()
	_ = unix.Prlimit(0, unix.RLIMIT_RTTIME, &old, nil) // the same was valid before
}

// ReadMark reads the mark of a process; 0 when it has none.
func ReadMark(fs *procfs.FS, pid int) (uint64, error) {
	limit, err := fs.SoftLimit(pid, "Max realtime timeout")
	if err != nil || limit < MinMark || limit > MaxMark {
		return 0, err
	}
	return limit, nil
}
