package reap

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// apart is a table of descriptors that one thread has for itself (CLONE_FILES,
// unshare(2)), and the socket on which the thread gets what it needs from the
// table of all others (SCM_RIGHTS, unix(7)).
//
// The runtime may wake up its poller from this thread too, so that what belongs
// to the poller is in both tables. It does not make threads from a locked one,
// of which it cannot know what is strange about it.
type apart struct {
	ours   int // in the table of all
	theirs int // in the thread's own
	clear  sync.Once
}

// newApart gives the calling thread a table of its own, in which there are 0, 1,
// 2, null and the runtime's poller. It is nil where that cannot be done.
func newApart(null int) *apart {
	keep, err := pollers()
	if err != nil {
		return nil
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	a := &apart{ours: pair[0], theirs: pair[1]}
	if unix.Unshare(unix.CLONE_FILES) != nil {
		unix.Close(pair[0])
		unix.Close(pair[1])
		return nil
	}
	closeAllBut(append(keep, 0, 1, 2, null, a.theirs))
	return a
}

// pollers are the descriptors of the runtime's poller, among others of their
// kinds. It was made early, and so has low numbers.
func pollers() (fds []int, err error) {
	const last = 63
	found := map[string]bool{}
	for fd := 3; fd <= last; fd++ {
		kind, err := os.Readlink("/proc/thread-self/fd/" + strconv.Itoa(fd))
		if err == nil && (kind == "anon_inode:[eventpoll]" || kind == "anon_inode:[eventfd]") {
			found[kind] = true
			fds = append(fds, fd)
		}
	}
	if len(found) < 2 {
		return nil, errors.New("the runtime's poller is not to be seen")
	}
	return fds, nil
}

// closeAllBut closes all other descriptors in the table of the calling thread.
func closeAllBut(keep []int) {
	slices.Sort(keep)
	from := 0
	for _, fd := range keep {
		if fd > from {
			_ = unix.CloseRange(uint(from), uint(fd-1), 0) // what stays open does no harm but cost
		}
		from = fd + 1
	}
	_ = unix.CloseRange(uint(from), ^uint(0), 0)
}

// send hands descriptors over to the thread. null it has.
func (a *apart) send(fds []int, null int) error {
	// The thread's end was made in the table of all.
	a.clear.Do(func() { unix.Close(a.theirs) })
	others := slices.DeleteFunc(slices.Clone(fds), func(fd int) bool { return fd == null })
	var rights []byte
	if len(others) > 0 {
		rights = unix.UnixRights(others...)
	}
	if err := unix.Sendmsg(a.ours, []byte{0}, rights, nil, 0); err != nil {
		return fmt.Errorf("cannot hand over descriptors: %w", err)
	}
	return nil
}

// receive takes what send has handed over, under the thread's own numbers.
func (a *apart) receive(fds []int, null int) (own []int, err error) {
	var data [1]byte
	rights := make([]byte, unix.CmsgSpace(4*len(fds)))
	_, n, _, _, err := unix.Recvmsg(a.theirs, data[:], rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot receive descriptors: %w", err)
	}
	var got []int
	if n > 0 {
		if got, err = parseRights(rights[:n]); err != nil {
			return nil, err
		}
	}
	for _, fd := range fds {
		switch {
		case fd == null:
			own = append(own, null)
		case len(got) == 0: // there are too many open
			closeAll(own, null)
			return nil, fmt.Errorf("cannot receive descriptors: %w", unix.EMFILE)
		default:
			own, got = append(own, got[0]), got[1:]
		}
	}
	return own, nil
}

func parseRights(raw []byte) ([]int, error) {
	messages, err := unix.ParseSocketControlMessage(raw)
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("cannot receive descriptors: %w", errors.Join(err, unix.EBADMSG))
	}
	return unix.ParseUnixRights(&messages[0])
}

func closeAll(fds []int, null int) {
	for _, fd := range fds {
		if fd != null {
			unix.Close(fd)
		}
	}
}

// close is for after the thread's end.
func (a *apart) close() {
	a.clear.Do(func() { unix.Close(a.theirs) })
	unix.Close(a.ours)
}
