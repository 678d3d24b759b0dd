package logfile

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"
)

// Names of streams.
const (
	StreamStdout = "stdout"
	StreamStderr = "stderr"
	StreamPTY    = "pty"
	StreamSeance = "seance" // the supervisor's own words
)

// maxText is how long the text of one entry gets. A longer line is written in
// parts.
const maxText = 16 << 10

var newline = []byte{'\n'}

// Stream is one output of one instance of a service.
type Stream struct {
	log      *Log
	name     string
	instance int
	trimCR   bool // a terminal ends its lines with CR LF
	tap      atomic.Pointer[func(line []byte)]

	mu    sync.Mutex // guards all below
	tail  []byte     // of a line that has not ended
	begun bool       // a part of the present line is in the log
	timer *time.Timer
}

// line is what the stream's lines of one moment have in common.
func (s *Stream) line(now time.Time) Line {
	return Line{Service: s.log.service, Time: now, Stream: s.name, Instance: s.instance}
}

// Tap has fn see every line from now on, without its newline: long ones in
// parts, an unterminated one when it is written. fn runs in the writer with
// locks held: it must be quick, keep nothing of line, and not use the log. nil
// ends it.
func (s *Stream) Tap(fn func(line []byte)) {
	if fn == nil {
		s.tap.Store(nil)
		return
	}
	s.tap.Store(&fn)
}

// Write appends a block of output to the log, every line that ends in it with
// the present time. It waits while the log is closed, and never fails.
func (s *Stream) Write(block []byte) (int, error) {
	s.write(block)
	return len(block), nil
}

func (s *Stream) write(block []byte) {
	if timer := s.add(block); timer != nil {
		timer.Reset(s.log.set.opts.Quiet)
	}
}

// add writes a block, and returns the timer to set when its last line has not ended:
// not before mu is let go, for quiet gives way to who holds that.
func (s *Stream) add(block []byte) (quiet *time.Timer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.log.begin(s, len(block) > smallBlock, true)
	if !ok {
		return nil
	}
	s.formatLocked(&b, block)
	b.end()
	if len(s.tail) == 0 {
		return nil
	}
	if s.timer == nil {
		s.timer = time.AfterFunc(time.Hour, s.quiet)
	}
	return s.timer
}

// Close writes the line that has not ended, if there is one.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	if len(s.tail) > 0 || s.begun {
		s.writeTailLocked(true, true)
	}
}

// formatLocked adds the entries of all lines that end in block.
func (s *Stream) formatLocked(b *batch, block []byte) {
	for len(block) > 0 {
		if len(s.tail) == 0 && !s.trimCR && b.isSimple() {
			rest := b.simpleLines(block)
			s.begun = s.begun && len(rest) == len(block)
			if block = rest; len(block) == 0 {
				break
			}
		}
		end := bytes.IndexByte(block, '\n')
		line := block
		if end >= 0 {
			line, block = block[:end], block[end+1:]
		} else {
			block = nil
		}
		if len(s.tail) > 0 {
			s.tail = append(s.tail, line...)
			line = s.tail
		}
		for len(line) > maxText {
			n := partEnd(line, maxText)
			b.entry(line[:n], false)
			s.begun = true
			line = line[n:]
		}
		if end < 0 {
			s.tail = append(s.tail[:0], line...)
			break
		}
		if s.trimCR {
			// More than one: what waits in a terminal when that is frozen, CRIU puts
			// back through the terminal's own making of CR LF.
			line = bytes.TrimRight(line, "\r")
		}
		b.entry(line, true)
		s.tail = s.tail[:0]
		s.begun = false
	}
	if cap(s.tail) > maxText/4 && len(s.tail) == 0 {
		s.tail = nil
	}
}

// quiet writes an unterminated line after which nothing more has come. It must not wait for a closed log: it would
// keep the goroutine, and the tail is safe where it is.
func (s *Stream) quiet() {
	if !s.mu.TryLock() {
		return // a writer is at it, and sets the timer when it is done, if need be
	}
	defer s.mu.Unlock()
	if len(s.tail) == 0 {
		return
	}
	if !s.writeTailLocked(false, false) {
		s.timer.Reset(s.log.set.opts.Quiet)
	}
}

// writeTailLocked writes the line that has not ended. false: the log is closed.
func (s *Stream) writeTailLocked(full, wait bool) bool {
	b, ok := s.log.begin(s, false, wait)
	if !ok {
		return s.log.isOpen() // it may have ended
	}
	b.entry(s.tail, full)
	b.end()
	s.tail = nil
	s.begun = !full
	return true
}
