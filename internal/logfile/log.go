package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Log is the log of one service.
type Log struct {
	set     *Set
	service string

	lines, bytes, dropped atomic.Int64 // see Counters

	mu       sync.Mutex // guards all below
	config   Config     // with its defaults
	changed  sync.Cond  // state has changed
	state    state
	fd       int     // -1: none is open
	size     int64   // of the open file
	midline  *Stream // whose line is not ended yet at the end of a plain file
	lost     loss
	trouble  error     // why the last entry could not be written, nil if it was
	retry    time.Time // no file could be opened: not again before
	refused  error     // why it could not
	verified time.Time // the open file was found under its name
}

// loss is what could not be written.
type loss struct {
	lines, bytes int64
	cause        error
}

func newLog(s *Set, service string) *Log {
	l := &Log{set: s, service: service, config: Config{}.withDefaults(s, service), fd: -1}
	l.changed.L = &l.mu
	return l
}

func (l *Log) configure(c Config) {
	l.mu.Lock()
	defer l.mu.Unlock()
	moved := c.File != l.config.File
	if moved {
		l.closeLocked()
		l.retry = time.Time{}
	}
	l.config = c
	if moved && l.state == open && l.trouble != nil {
		l.troubledLocked(l.openLocked())
	}
}

// place says what the index has to say of the log.
func (l *Log) place() (p Place, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.config.special(l.set.dir, l.service)
}

// Stream makes a stream of that name, one word without spaces. Each instance
// of a service takes its own; instances count from 1, 0 is none.
func (l *Log) Stream(name string, instance int) *Stream {
	return &Stream{log: l, name: name, instance: instance, trimCR: name == StreamPTY}
}

// Note writes a line of the supervisor's own. A plain log has none of these, a
// Tee has.
func (l *Log) Note(text string) {
	s := l.Stream(StreamSeance, 0)
	s.write([]byte(text + "\n"))
}

// Lost is how many lines could not be written and have not yet been reported
// in the log itself.
func (l *Log) Lost() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost.lines
}

func (l *Log) become(next state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if next != open {
		l.closeLocked()
	}
	l.retry = time.Time{}
	l.state = next
	l.changed.Broadcast()
}

// isOpen says whether a write would go through without waiting.
func (l *Log) isOpen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state != closed
}

// await returns when a write would go through without waiting.
func (l *Log) await() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.state == closed {
		l.changed.Wait()
	}
}

// commitLocked writes a block of so many entries, and counts as lost what it
// cannot.
func (l *Log) commitLocked(block []byte, entries int64) {
	for len(block) > 0 {
		piece, err := l.pieceLocked(block)
		block = block[len(piece):]
		count := entries
		if len(block) > 0 {
			count = min(int64(bytes.Count(piece, newline)), entries)
		}
		entries -= count
		if err == nil {
			err = l.appendLocked(piece)
		}
		if err != nil {
			l.lost.lines += count
			l.lost.bytes += int64(len(piece))
			l.lost.cause = err
			l.dropped.Add(count)
		}
		l.troubledLocked(err)
	}
}

// pieceLocked opens the file that is to be written, and is as much of a block
// as goes there: up to the line that reaches the limit of its size. It is the
// whole block when none can be opened.
func (l *Log) pieceLocked(block []byte) ([]byte, error) {
	l.verifyLocked()
	if l.fd >= 0 && l.size >= l.config.Size {
		l.rotateLocked()
	}
	if err := l.openLocked(); err != nil {
		return block, err
	}
	room := l.config.Size - l.size
	if room <= 0 || room >= int64(len(block)) {
		return block, nil // no room: a file that cannot be renamed is not cut line by line
	}
	end := bytes.IndexByte(block[room-1:], '\n')
	if end < 0 {
		return block, nil
	}
	return block[:int(room)+end], nil
}

func (l *Log) appendLocked(piece []byte) error {
	if l.lost.lines == 0 {
		return l.writeLocked(piece)
	}
	// The two go out together: a report that fits where the lines do not would
	// be written again and again while the disk is all but full.
	if err := l.writeLocked(append(l.reportLocked(), piece...)); err != nil {
		return err
	}
	l.lost = loss{}
	return nil
}

// reportLocked is the entry that says what was lost. It is in a plain log too.
func (l *Log) reportLocked() []byte {
	text := fmt.Sprintf("%d lines (%d bytes) were lost here: %v", l.lost.lines, l.lost.bytes, l.lost.cause)
	h := heads(l.config.Format, ownLine(l.service, l.set.opts.Now()))
	if l.config.Format == Plain {
		text = "seance: " + text
	}
	return h.append(nil, []byte(text), true)
}

// writeLocked writes all of the lines or none.
func (l *Log) writeLocked(lines []byte) error {
	for rest := lines; len(rest) > 0; {
		n, err := unix.Write(l.fd, rest)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			// Best effort: what cannot be cut off is a broken line, which readers bear.
			_ = unix.Ftruncate(l.fd, l.size)
			return err
		}
		rest = rest[n:]
	}
	l.size += int64(len(lines))
	return nil
}

// verifyLocked closes the file if it is no longer the one that readers see,
// because somebody has deleted it or, which is looked for once a second, has
// moved it. It may also have been emptied.
func (l *Log) verifyLocked() {
	if l.fd < 0 {
		return
	}
	var mine, named unix.Stat_t
	if unix.Fstat(l.fd, &mine) != nil || mine.Nlink == 0 {
		l.closeLocked()
		return
	}
	l.size = mine.Size
	now := time.Now()
	if now.Sub(l.verified) < time.Second {
		return
	}
	l.verified = now
	if unix.Stat(l.config.File, &named) != nil || named.Dev != mine.Dev || named.Ino != mine.Ino {
		l.closeLocked()
	}
}

// openLocked opens the file unless it is open. After a failure it waits for a
// second before it tries again, so that a lost folder costs little.
func (l *Log) openLocked() error {
	if l.fd >= 0 {
		return nil
	}
	now := time.Now()
	if now.Before(l.retry) {
		return l.refused
	}
	fd, size, err := openAppend(l.config.File)
	if err != nil {
		l.retry, l.refused = now.Add(time.Second), err
		return err
	}
	l.fd, l.size, l.retry, l.verified = fd, size, time.Time{}, now
	return nil
}

// openAppend opens a log for writing. One that ends within a line, because the
// machine died while it was written, gets its newline first.
func openAppend(path string) (fd int, size int64, err error) {
	for {
		fd, err = unix.Open(path, unix.O_RDWR|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return -1, 0, &os.PathError{Op: "open", Path: path, Err: err}
	}
	size, err = unix.Seek(fd, 0, unix.SEEK_END)
	if err == nil && size > 0 {
		size, err = endLine(fd, size)
	}
	if err != nil {
		unix.Close(fd)
		return -1, 0, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, size, nil
}

func endLine(fd int, size int64) (int64, error) {
	var last [1]byte
	if _, err := unix.Pread(fd, last[:], size-1); err != nil {
		return 0, err
	}
	if last[0] == '\n' {
		return size, nil
	}
	if _, err := unix.Write(fd, newline); err != nil {
		return 0, err
	}
	return size + 1, nil
}

// rotateLocked moves each file one number up; the last one goes.
func (l *Log) rotateLocked() {
	l.closeLocked()
	file := func(n int) string { return rotated(l.config.File, n) }
	last := l.config.Count - 1
	if last == 0 {
		_ = os.Remove(file(0)) // if it stays, it is appended to: nothing is lost
		return
	}
	for n := last; n > 0; n-- {
		_ = os.Rename(file(n-1), file(n)) // a gap in the numbers is none in the log
	}
}

func (l *Log) closeLocked() {
	if l.fd < 0 {
		return
	}
	unix.Close(l.fd)
	l.fd, l.size, l.midline = -1, 0, nil
}

// Counters are how much a service has written since its log was made.
type Counters struct {
	Lines int64 // that have ended, those below included
	Bytes int64 // of their text
	Lost  int64 // entries that could not be written
}

// Counters are those of every service that has a log.
func (s *Set) Counters() map[string]Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]Counters, len(s.logs))
	for name, l := range s.logs {
		all[name] = Counters{Lines: l.lines.Load(), Bytes: l.bytes.Load(), Lost: l.dropped.Load()}
	}
	return all
}
