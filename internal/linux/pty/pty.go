// Package pty opens pseudo-terminals (pty(7)).
package pty

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Size is a terminal's size in character cells.
type Size struct{ Rows, Cols uint16 }

// DefaultSize is what a terminal has before anybody looks at it. A size of
// zero makes full-screen programs fail or draw nothing.
var DefaultSize = Size{Rows: 24, Cols: 80}

// PTY is the master side of a pseudo-terminal.
type PTY struct {
	master *os.File
	name   string
}

// Open opens a pseudo-terminal of the given size. dev is the folder that holds
// ptmx and pts, /dev as a rule. The second result is the terminal itself: it is
// handed to the program and then closed here, for as long as anybody has it
// open the master does not see the end.
//
// Both descriptors are close-on-exec. The master is non-blocking, so that a
// reader waits in Go's poller and not in a thread; a write to the terminal
// never waits for longer than it takes somebody to read the master.
func Open(dev string, size Size) (*PTY, *os.File, error) {
	path := filepath.Join(dev, "ptmx")
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open a pseudo-terminal: %w", &os.PathError{Op: "open", Path: path, Err: err})
	}
	p, terminal, err := setUp(fd, dev, size)
	if err != nil {
		unix.Close(fd)
		return nil, nil, fmt.Errorf("cannot open a pseudo-terminal: %w", err)
	}
	p.master = os.NewFile(uintptr(fd), path)
	return p, terminal, nil
}

func setUp(fd int, dev string, size Size) (*PTY, *os.File, error) {
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, os.NewSyscallError("TIOCSPTLCK", err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, os.NewSyscallError("TIOCGPTN", err)
	}
	winsize := &unix.Winsize{Row: size.Rows, Col: size.Cols}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, winsize); err != nil {
		return nil, nil, os.NewSyscallError("TIOCSWINSZ", err)
	}
	name := filepath.Join(dev, "pts", strconv.FormatUint(uint64(n), 10))
	terminal, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	return &PTY{name: name}, terminal, nil
}

// Master is where the program's output is read and its input written. Reading
// returns EIO once nobody has the terminal open.
func (p *PTY) Master() *os.File { return p.master }

// Name is the terminal's path, such as /dev/pts/0.
func (p *PTY) Name() string { return p.name }

// Size is the terminal's present size.
func (p *PTY) Size() (Size, error) {
	var size Size
	err := p.control(func(fd int) error {
		winsize, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		if err == nil {
			size = Size{winsize.Row, winsize.Col}
		}
		return err
	})
	return size, err
}

// Resize changes the size. The foreground process group gets SIGWINCH.
func (p *PTY) Resize(size Size) error {
	return p.control(func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Cols})
	})
}

// Foreground is the terminal's foreground process group.
func (p *PTY) Foreground() (pgid int, err error) {
	err = p.control(func(fd int) error {
		n, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		pgid = n
		return err
	})
	return pgid, err
}

// Close closes the master. The terminal hangs up: its Unix session's leader
// gets SIGHUP.
func (p *PTY) Close() error { return p.master.Close() }

func (p *PTY) control(fn func(fd int) error) error {
	raw, err := p.master.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return err
	}
	if inner != nil {
		return fmt.Errorf("cannot control terminal %s: %w", p.name, inner)
	}
	return nil
}
