// Package logfile writes and reads the logs of an image's services.
//
// A service has one log, DIR/SERVICE.log, one line for each line of its
// output, in the format that the Kubernetes container runtime interface uses:
//
//	2026-11-22T02:02:02.123456789Z stdout F listening on :8080
//
// the time in UTC with nine digits, the stream (stdout, stderr, pty, or seance
// for what the supervisor itself has to say), F for a full line or P for a part
// of one that goes on in the next entry of the same stream, and the text, which
// may be any bytes but a newline. When a log has grown to its limit it is
// renamed to SERVICE.log.1, that one to SERVICE.log.2, and so on.
//
// # Writing
//
// A [Set] is the folder, a [Log] one service's log, a [Stream] one output of
// one instance of it, and a [Pump] moves what a program writes into a pipe or
// terminal to its stream.
//
// While a Set is closed, as it is around a freeze, writers wait: the pipes fill
// and the programs wait in their turn, and nothing is lost. A disk that is full
// makes nobody wait: lines are dropped, counted, and the log says so when there
// is space again.
//
// # Reading
//
// [Read] gives the lines of several services in the order of their times, and
// follows them through rotation. It needs nothing but the folder.
//
// # Locks
//
// Outermost first: Pump.mu, Stream.mu, Set.mu, Log.mu.
package logfile

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Defaults of Options. One million lines of 100 bytes are kept whole.
const (
	DefaultMaxSize  = 50 << 20
	DefaultMaxFiles = 4
	DefaultQuiet    = 250 * time.Millisecond
)

// Options are the choices of a Set. A zero value means its default.
type Options struct {
	// MaxSize is how large a file grows, in bytes, before it is rotated. It may
	// be exceeded by one block of output.
	MaxSize int64
	// MaxFiles is how many files a log has, the one being written included.
	MaxFiles int
	// Quiet is how long an unterminated line waits for its end before it is
	// written as it is.
	Quiet time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.MaxSize <= 0 {
		o.MaxSize = DefaultMaxSize
	}
	if o.MaxFiles <= 0 {
		o.MaxFiles = DefaultMaxFiles
	}
	if o.Quiet <= 0 {
		o.Quiet = DefaultQuiet
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Set is a folder of logs. It starts closed.
type Set struct {
	dir     string
	opts    Options
	buffers buffers

	mu    sync.Mutex // guards all below
	state state
	logs  map[string]*Log
}

// state is whether a log may be written.
type state int

const (
	closed state = iota // writers wait
	open
	ended // writers drop
)

// NewSet makes a Set of the logs in dir. Nothing is touched before Open.
func NewSet(dir string, opts Options) *Set {
	return &Set{dir: dir, opts: opts.withDefaults(), logs: map[string]*Log{}}
}

// Dir is the folder.
func (s *Set) Dir() string { return s.dir }

// Log is the log of the service of that name. It is always the same one.
func (s *Set) Log(service string) *Log {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[service]
	if l == nil {
		l = newLog(s, service)
		l.state = s.state
		s.logs[service] = l
	}
	return l
}

// Open makes the folder if it is missing and lets writers go on. Files are
// opened by the first line that is written to each. When the folder cannot be
// made, lines are dropped and counted until it can.
func (s *Set) Open() error {
	err := os.MkdirAll(s.dir, 0o700)
	s.become(open)
	if err != nil {
		return fmt.Errorf("cannot open logs: %w", err)
	}
	return nil
}

// Close closes every file and makes writers wait until Open. It returns when
// the writes in progress are done.
func (s *Set) Close() { s.become(closed) }

// End closes every file for good. Writers go on, to no effect.
func (s *Set) End() { s.become(ended) }

func (s *Set) become(next state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == ended {
		return
	}
	s.state = next
	for _, l := range s.logs {
		l.become(next)
	}
}

// path is the file of a service; n counts rotations, 0 is being written.
func path(dir, service string, n int) string {
	name := service + ".log"
	if n > 0 {
		name = fmt.Sprintf("%s.%d", name, n)
	}
	return filepath.Join(dir, name)
}

// buffers lends blocks of memory, so that they cost nothing while a service is
// silent.
type buffers struct {
	in  sync.Pool // *[]byte of blockSize
	out sync.Pool // *[]byte, formatted
}

// blockSize is how much is read at once: what a grown pipe holds.
const blockSize = 256 << 10

func (b *buffers) getIn() *[]byte {
	if buf, ok := b.in.Get().(*[]byte); ok {
		return buf
	}
	buf := make([]byte, blockSize)
	return &buf
}

func (b *buffers) putIn(buf *[]byte) { b.in.Put(buf) }

func (b *buffers) getOut() *[]byte {
	if buf, ok := b.out.Get().(*[]byte); ok {
		return buf
	}
	return new([]byte)
}

func (b *buffers) putOut(buf *[]byte) {
	if cap(*buf) > 8*blockSize {
		return
	}
	*buf = (*buf)[:0]
	b.out.Put(buf)
}
