package reap

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// marker gives this process a mark while it forks: the child inherits it. The
// limit is the whole process's, and a fork does not return before the program has
// been executed. But the child has its mark as soon as it exists, and then the
// next one may be given the process, for another thread that forks meanwhile.
type marker struct {
	mu    sync.Mutex // guards all below
	under *forking   // whose mark, or lack of one, the process has; nil: nobody forks
	old   unix.Rlimit
}

// forking is one fork under way. It can be seen from another thread that the
// child exists: its pidfd does, in the table of the thread that forks
// (CLONE_PIDFD, clone(2)).
type forking struct {
	tid   int
	pidfd int // its number, -1: it cannot be known
}

// lookAgain is how long to wait before it is looked again whether a child exists.
const lookAgain = 20 * time.Microsecond

// newForking foresees the number of the next pidfd of a thread that has a table
// of descriptors of its own: the third that is free, after the two ends of the
// pipe that [syscall.ForkExec] makes.
func newForking(own bool, null int) *forking {
	f := &forking{tid: unix.Gettid(), pidfd: -1}
	if !own {
		return f
	}
	var free [3]int
	for i := range free {
		fd, err := unix.FcntlInt(uintptr(null), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			closeAll(free[:i], null)
			return f
		}
		free[i] = fd
	}
	closeAll(free[:], null)
	f.pidfd = free[2]
	return f
}

// attach has the kernel make a pidfd.
func (f *forking) attach(attr *syscall.ProcAttr) (detach func()) {
	if f.pidfd < 0 {
		return func() {}
	}
	made := -1
	attr.Sys.PidFD = &made
	return func() {
		if made >= 0 {
			unix.Close(made)
		}
	}
}

// made says that the child exists. false means that it is not known.
func (f *forking) made(proc string) bool {
	if f.pidfd < 0 {
		return false
	}
	kind, err := os.Readlink(proc + "/self/task/" + strconv.Itoa(f.tid) + "/fd/" + strconv.Itoa(f.pidfd))
	return err == nil && (strings.HasPrefix(kind, "anon_inode:[pidfd]") || strings.HasPrefix(kind, "pidfd:"))
}

// begin gives the process a mark for a fork, none if it is 0, once the child of
// the fork before exists. Where the hard limit is in the way there is none, and
// all goes on without.
func (m *marker) begin(f *forking, mark uint64, proc string) {
	for !m.take(f, mark, proc) {
		pause := unix.NsecToTimespec(int64(lookAgain))
		_ = unix.Nanosleep(&pause, nil)
	}
}

func (m *marker) take(f *forking, mark uint64, proc string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.under != nil && !m.under.made(proc):
		return false
	case m.under == nil && unix.Prlimit(0, unix.RLIMIT_RTTIME, nil, &m.old) != nil:
		return true // there are no marks
	}
	limit := m.old
	if mark != 0 {
		limit.Cur = mark
	}
	_ = unix.Prlimit(0, unix.RLIMIT_RTTIME, &limit, nil)
	m.under = f
	return true
}

// end takes the mark off, unless another fork has been given one.
func (m *marker) end(f *forking) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.under == f {
		_ = unix.Prlimit(0, unix.RLIMIT_RTTIME, &m.old, nil) // the same was valid before
		m.under = nil
	}
}
