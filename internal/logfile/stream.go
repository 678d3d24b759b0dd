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
	log    *Log
	name   string
	trimCR bool // a terminal ends its lines with CR LF
	tap    atomic.Pointer[func(line []byte)]

	mu    sync.Mutex // guards all below
	tail  []byte     // of a line that has not ended
	begun bool       // a part of the present line is in the log
	timer *time.Timer
	moved bool // since the timer was set
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

// Write appends a block of output to the log in one write(2), every line that
// ends in it with the present time. It waits while the log is closed, and
// never fails.
func (s *Stream) Write(block []byte) (int, error) {
	s.write(block)
	return len(block), nil
}

func (s *Stream) write(block []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.log.set.buffers.getOut()
	defer s.log.set.buffers.putOut(out)
	*out = s.formatLocked((*out)[:0], block)
	if len(*out) > 0 {
		s.log.write(*out)
	}
	s.watchLocked()
}

// Close writes the line that has not ended, if there is one.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	if len(s.tail) > 0 || s.begun {
		s.writeTailLocked(true)
	}
}

// formatLocked appends the entries of all lines that end in block to out.
func (s *Stream) formatLocked(out, block []byte) []byte {
	now := s.log.set.opts.Now()
	full, part := prefix(now, s.name), []byte(nil)
	tap := s.tap.Load()
	for len(block) > 0 {
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
			if part == nil {
				part = partial(full)
			}
			out = s.entryLocked(out, part, line[:maxText], tap)
			s.begun = true
			line = line[maxText:]
		}
		if end < 0 {
			s.tail = append(s.tail[:0], line...)
			break
		}
		if s.trimCR {
			line = bytes.TrimSuffix(line, []byte{'\r'})
		}
		out = s.entryLocked(out, full, line, tap)
		s.tail = s.tail[:0]
		s.begun = false
	}
	if cap(s.tail) > maxText/4 && len(s.tail) == 0 {
		s.tail = nil
	}
	return out
}

func (s *Stream) entryLocked(out, prefix, text []byte, tap *func([]byte)) []byte {
	if tap != nil {
		(*tap)(text)
	}
	out = append(out, prefix...)
	out = append(out, text...)
	return append(out, '\n')
}

// watchLocked sees to it that an unterminated line is written when nothing
// more comes.
func (s *Stream) watchLocked() {
	s.moved = true
	if len(s.tail) == 0 {
		return
	}
	if s.timer == nil {
		s.timer = time.AfterFunc(s.log.set.opts.Quiet, s.quiet)
		s.moved = false
		return
	}
	s.timer.Reset(s.log.set.opts.Quiet)
	s.moved = false
}

// quiet runs when the timer does. It must not wait for a closed log: it would
// keep the goroutine, and the tail is safe where it is.
func (s *Stream) quiet() {
	if !s.mu.TryLock() {
		return // a writer is at it, and sets the timer again
	}
	defer s.mu.Unlock()
	if s.moved || len(s.tail) == 0 {
		return
	}
	if !s.log.isOpen() {
		s.timer.Reset(s.log.set.opts.Quiet)
		return
	}
	s.writeTailLocked(false)
}

func (s *Stream) writeTailLocked(full bool) {
	if tap := s.tap.Load(); tap != nil && len(s.tail) > 0 {
		(*tap)(s.tail)
	}
	head := prefix(s.log.set.opts.Now(), s.name)
	s.log.write(appendLine(nil, head, s.tail, full))
	s.tail = nil
	s.begun = !full
}

// timeLayout is RFC 3339 with all nine digits, so that times have one length
// and sort as text.
const timeLayout = "2006-01-02T15:04:05.000000000Z"

// prefix is what stands before the text of a full line.
func prefix(now time.Time, stream string) []byte {
	b := make([]byte, 0, len(timeLayout)+len(stream)+4)
	b = now.UTC().AppendFormat(b, timeLayout)
	b = append(b, ' ')
	b = append(b, stream...)
	return append(b, " F "...)
}

// partial makes a full line's prefix that of a part.
func partial(prefix []byte) []byte {
	b := bytes.Clone(prefix)
	b[len(b)-2] = 'P'
	return b
}

func appendLine(out, prefix, text []byte, full bool) []byte {
	if !full {
		prefix = partial(prefix)
	}
	out = append(out, prefix...)
	out = append(out, text...)
	return append(out, '\n')
}
