package logfile

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Pump moves what a program writes into a pipe or a pseudo-terminal to its
// stream. While the program is silent it has neither a goroutine nor a block of
// memory: the Set's poller waits for all of them.
type Pump struct {
	source *os.File
	raw    syscall.RawConn
	stream *Stream
	poller *poller
	key    int32 // the descriptor, in the poller
	number int32 // of the pump, there
	pipe   bool
	done   chan struct{}
	tee    atomic.Pointer[func(block []byte)]

	idle  time.Time // the poller waits for the source since; of run alone, as is the next
	reads int       // how many in a row found something, without a pause between them

	mu     sync.Mutex // guards all below; held while a block is moved
	full   int        // how many times in a row the pipe was full
	hungry bool       // what was read last was much
	ended  bool
}

// Pipe makes a pipe. The reading end is non-blocking, for a Pump; the writing
// end is for a program. Both are close-on-exec.
func Pipe() (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	r, w = os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe")
	// Only now, and package os does not see it: its own poller would be woken
	// by each line too.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		r.Close()
		w.Close()
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return r, w, nil
}

// StartPump starts to move what comes out of source, which must be
// non-blocking, until its end. It then closes both.
func StartPump(source *os.File, stream *Stream) (*Pump, error) {
	raw, err := source.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &Pump{
		source: source,
		raw:    raw,
		stream: stream,
		poller: &stream.log.set.poller,
		pipe:   stream.name != StreamPTY,
		done:   make(chan struct{}),
	}
	if err := p.poller.add(p); err != nil {
		return nil, err
	}
	return p, nil
}

// Done is closed when the source has ended and all of it is in the log.
func (p *Pump) Done() <-chan struct{} { return p.done }

// Tee has fn see every block that is moved, as it came. fn must neither block
// nor keep the block. nil ends it.
func (p *Pump) Tee(fn func(block []byte)) {
	if fn == nil {
		p.tee.Store(nil)
		return
	}
	p.tee.Store(&fn)
}

// Drain moves all that is in the source at present. It is for the moment after
// a program's end, when others may still hold its output open and there is no
// end to wait for. While the log is closed it does nothing: what is there is
// moved when it is open again.
func (p *Pump) Drain() {
	for p.stream.log.isOpen() {
		if now := p.move(); now == empty || now == over {
			return
		}
	}
}

// Stop gives up on the source before its end, and returns when the pump has
// ended. What is still in it is lost.
func (p *Pump) Stop() {
	p.mu.Lock()
	first := !p.ended
	p.ended = true
	p.mu.Unlock()
	if first {
		p.finish()
	}
	<-p.done
}

// onAndOn is after how many reads in a row a program is taken to write on and
// on. The lines of others are moved at once, so that those of its two streams
// stay in order as well as they can.
const onAndOn = 16

// run moves all there is, and has the poller wait for more.
func (p *Pump) run() {
	if time.Since(p.idle) > napTime {
		p.reads = 0
	}
	for rested := false; ; {
		p.stream.log.await() // what cannot be written yet is best left where it is
		now := p.move()
		switch now {
		case moved, trickled:
			p.reads++
			rested = false
		case empty:
			if rested || p.reads < onAndOn {
				p.rest()
				return
			}
		case over:
			return
		}
		if now != moved && p.reads >= onAndOn {
			p.poller.nap()
			rested = true
		}
	}
}

// rest leaves the source to the poller.
func (p *Pump) rest() {
	p.idle = time.Now()
	p.rearm()
}

// rearm has the poller wait for more: at once, if there is more by now.
func (p *Pump) rearm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.poller.rearm(p)
}

// finish is for whoever has set ended.
func (p *Pump) finish() {
	p.poller.remove(p)
	p.stream.Close()
	p.source.Close()
	close(p.done)
}

// progress is what came of an attempt to move a block.
type progress int

const (
	moved    progress = iota // there may be more
	trickled                 // the same, and it was little: the program is not ahead of us
	empty                    // there is nothing now
	over                     // there will be nothing
)

// move moves one block.
func (p *Pump) move() progress {
	result, last := p.moveOne()
	if last {
		p.finish()
	}
	return result
}

// moveOne also says whether it was the one that saw the end.
func (p *Pump) moveOne() (result progress, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return over, false
	}
	blocks := &p.stream.log.set.blocks
	block := blocks.get(p.hungry)
	defer blocks.put(block)
	size := smallBlock
	if p.hungry {
		size = min(len(*block), largeRead)
	}
	buf := (*block)[:size]
	n, err := p.read(buf)
	switch {
	case errors.Is(err, unix.EINTR):
		return moved, false
	case errors.Is(err, unix.EAGAIN):
		return empty, false
	case err != nil || n == 0:
		p.ended = true // EIO is how a terminal ends, see pty(7)
		return over, true
	}
	buf = buf[:n]
	if tee := p.tee.Load(); tee != nil {
		(*tee)(buf)
	}
	p.hungry = n >= smallBlock
	p.stream.write(buf)
	p.growLocked(n)
	if p.pipe && n < min(size, muchRead) {
		return trickled, false
	}
	return moved, false
}

func (p *Pump) read(buf []byte) (n int, err error) {
	closed := p.raw.Control(func(fd uintptr) { n, err = unix.Read(int(fd), buf) })
	return n, errors.Join(closed, err)
}

// pipeSize is what a pipe holds at first, see pipe(7).
const pipeSize = 64 << 10

// muchRead is the least that a full pipe has in it, but for odd sizes: what is
// written does not share a page with what was before it unless all of it fits.
const muchRead = pipeSize / 2

// growLocked makes room in the pipe of a program that keeps filling it: larger
// blocks are fewer switches between the two.
func (p *Pump) growLocked(n int) {
	if !p.pipe {
		return
	}
	if n < muchRead {
		p.full = 0
		return
	}
	p.full++
	if p.full == 4 {
		// A user's pipes have a common limit. Beyond it this one stays as it is.
		_ = p.raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, largeRead) })
	}
}
