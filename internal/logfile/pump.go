package logfile

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// Pump moves what a program writes into a pipe or a pseudo-terminal to its
// stream. Its goroutine waits in Go's poller and holds no memory while the
// program is silent.
type Pump struct {
	source *os.File
	raw    syscall.RawConn
	stream *Stream
	pipe   bool
	done   chan struct{}
	tee    atomic.Pointer[func(block []byte)]

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
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe"), nil
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
		pipe:   stream.name != StreamPTY,
		done:   make(chan struct{}),
	}
	go p.run()
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
// end to wait for. While the log is closed it does nothing: the pump itself
// goes on when it is open again.
func (p *Pump) Drain() {
	if !p.stream.log.isOpen() {
		return
	}
	// Control, unlike Read, does not wait for the goroutine that waits in Read.
	_ = p.raw.Control(func(fd uintptr) {
		for !errors.Is(p.move(int(fd)), unix.EAGAIN) {
			p.mu.Lock()
			ended := p.ended
			p.mu.Unlock()
			if ended {
				return
			}
		}
	})
}

func (p *Pump) run() {
	defer close(p.done)
	defer p.source.Close()
	defer p.stream.Close()
	for {
		err := p.raw.Read(func(fd uintptr) bool {
			return !errors.Is(p.move(int(fd)), unix.EAGAIN)
		})
		p.mu.Lock()
		ended := p.ended
		p.mu.Unlock()
		if err != nil || ended {
			return
		}
	}
}

// move moves one block. It returns EAGAIN when there is none.
func (p *Pump) move(fd int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	blocks := &p.stream.log.set.blocks
	block := blocks.get(p.hungry)
	defer blocks.put(block)
	buf := (*block)[:min(len(*block), largeRead)]
	n, err := unix.Read(fd, buf)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return err
	case err != nil || n == 0:
		p.ended = true // EIO is how a terminal ends, see pty(7)
		return nil
	}
	if tee := p.tee.Load(); tee != nil {
		(*tee)(buf[:n])
	}
	p.hungry = n >= smallBlock
	p.stream.write(buf[:n])
	p.growLocked(fd, n)
	return nil
}

// pipeSize is what a pipe holds at first, see pipe(7).
const pipeSize = 64 << 10

// growLocked makes room in the pipe of a program that keeps filling it: larger
// blocks are fewer switches between the two.
func (p *Pump) growLocked(fd, n int) {
	if !p.pipe {
		return
	}
	if n < pipeSize {
		p.full = 0
		return
	}
	p.full++
	if p.full == 4 {
		// A user's pipes have a common limit. Beyond it this one stays as it is.
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, largeRead)
	}
}

// Stop gives up on the source before its end, and returns when the pump has
// ended. What is still in it is lost.
func (p *Pump) Stop() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.source.Close()
	<-p.done
}
