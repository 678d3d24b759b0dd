package logfile

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// poller waits for the sources of all pumps of a Set in one goroutine, which
// runs while there are any. What a goroutine and package os take for each
// source would be most of the memory of an image with many silent services.
//
// The waiting itself is done by Go's own poller: an epoll instance is ready when
// one of its descriptors is, see epoll(7). Each source is reported once and then
// left alone until its pump has moved all there was.
type poller struct {
	napping sync.Mutex // held by the pump whose thread sleeps

	mu    sync.Mutex // guards all below
	epoll *os.File   // nil: there are no pumps
	fd    int        // of epoll
	pumps map[int32]*Pump
	added int32 // how many pumps there have been
}

// armed is what a pump waits for. The kernel gives back its number with the descriptor:
// what was reported of a pump that has ended is not taken for another's, whose source
// has the same descriptor.
func (p *Pump) armed() *unix.EpollEvent {
	return &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: p.key, Pad: p.number}
}

// add has a pump run when there is something for it to move.
func (w *poller) add(p *Pump) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.startLocked(); err != nil {
		return err
	}
	var err error
	closed := p.raw.Control(func(fd uintptr) {
		w.added++
		p.key, p.number = int32(fd), w.added
		w.pumps[p.key] = p
		err = unix.EpollCtl(w.fd, unix.EPOLL_CTL_ADD, int(fd), p.armed())
	})
	if closed != nil {
		err = closed
	}
	if err != nil {
		w.forgetLocked(p)
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

func (w *poller) startLocked() error {
	if w.epoll != nil {
		return nil
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or package os would not poll it
		unix.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	w.epoll, w.fd, w.pumps = os.NewFile(uintptr(fd), "epoll"), fd, map[int32]*Pump{}
	go w.run(w.epoll)
	return nil
}

// run ends when epoll is closed.
func (w *poller) run(epoll *os.File) {
	raw, err := epoll.SyscallConn()
	if err != nil {
		return // closed already
	}
	events := make([]unix.EpollEvent, 64)
	for {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), events, 0)
			return n > 0 // an interrupted call has been woken up for another reason
		})
		if err != nil {
			return
		}
		w.dispatch(events[:n])
	}
}

func (w *poller) dispatch(events []unix.EpollEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		if p := w.pumps[e.Fd]; p != nil && p.number == e.Pad {
			go p.run() // until there is no more: its owner waits for Done
		}
	}
}

// napTime is for how long a program that writes on and on is left alone between
// two reads: a few large blocks cost much less than many small ones. In that time
// the fastest does not fill a grown pipe, and so never waits.
const napTime = 200 * time.Microsecond

// nap lets a pump's program write more. It does not sleep as goroutines do,
// which takes a millisecond at least when there is nothing else to do, but in
// nanosleep(2), and that in one thread for all: a pump that comes later sleeps
// for what is left.
func (w *poller) nap() {
	if w.napping.TryLock() {
		short := unix.NsecToTimespec(int64(napTime))
		_ = unix.Nanosleep(&short, nil) // interrupted, it is shorter still
	} else {
		w.napping.Lock()
	}
	w.napping.Unlock()
}

// rearm is called while the pump has not been removed.
func (w *poller) rearm(p *Pump) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.epoll != nil {
		_ = unix.EpollCtl(w.fd, unix.EPOLL_CTL_MOD, int(p.key), p.armed())
	}
}

// remove is called before the source is closed.
func (w *poller) remove(p *Pump) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pumps[p.key] == p && w.epoll != nil {
		_ = unix.EpollCtl(w.fd, unix.EPOLL_CTL_DEL, int(p.key), nil)
	}
	w.forgetLocked(p)
}

func (w *poller) forgetLocked(p *Pump) {
	if w.pumps[p.key] == p {
		delete(w.pumps, p.key)
	}
	if len(w.pumps) == 0 && w.epoll != nil {
		w.epoll.Close()
		w.epoll = nil
	}
}
