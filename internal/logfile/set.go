// Package logfile writes and reads the logs of an image's services.
//
// A service has one log, DIR/SERVICE.log unless it is configured otherwise, one
// entry for each line of its output. When a log has grown to its limit it is
// renamed to SERVICE.log.1, that one to SERVICE.log.2, and so on.
//
// # Formats
//
// [CRI] is the format that the Kubernetes container runtime interface uses:
//
//	2026-11-22T02:02:02.123456789Z stdout F:2 listening on :8080
//
// the time in UTC with nine digits, the stream (stdout, stderr, pty, or seance
// for what the supervisor itself has to say), tags, and the text, which may be
// any bytes but a newline. The first tag is F for a full line or P for a part of
// one that goes on in the next entry of the same stream. The second is the
// instance, which start of the service it was; the supervisor's own lines have
// none.
//
// [JSON] has the same in an object with the members time, service, stream,
// instance, partial, text, and bytes: the text in base64 where it is not UTF-8,
// which a JSON string cannot hold.
//
// [Plain] is what the program wrote, and nothing else: no times, no streams, no
// lines of the supervisor's but those that report a loss. It is read back as
// lines without a time, which come before all others. An entry of CRI and one
// of JSON are told apart by their first byte, so that a log may change between
// the two; that a log is plain, and where one is that is not in the folder, is
// kept in DIR/index.json, for readers that have nothing but the folder. After a
// change to plain, entries from before it are read as text.
//
// # Writing
//
// A [Set] is the folder, a [Log] one service's log, a [Stream] one output of
// one instance of it, and a [Pump] moves what a program writes into a pipe or
// terminal to its stream. A [Tee] sees every line as it is written.
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
// Outermost first: Pump.mu, poller.mu, Stream.mu, Set.mu, Log.mu, Tee.mu, blocks.mu.
package logfile

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
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
	// be exceeded by one entry.
	MaxSize int64
	// MaxFiles is how many files a log has, the one being written included.
	MaxFiles int
	// Quiet is how long an unterminated line waits for its end before it is
	// written as it is.
	Quiet time.Duration
	// OnTrouble is told when entries of a service cannot be written any more, and
	// with nil when they can again. It runs in the writer with locks held: it must
	// be quick, and not use the log. May be nil.
	OnTrouble func(service string, err error)
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
	dir    string
	opts   Options
	blocks blocks
	poller poller
	tee    atomic.Pointer[Tee]

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
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeIndexLocked()
}

// Close closes every file and makes writers wait until Open. It returns when
// the writes in progress are done.
func (s *Set) Close() {
	s.become(closed)
	s.blocks.release() // what is held here is frozen with the image
}

// End closes every file for good. Writers go on, to no effect.
func (s *Set) End() {
	s.become(ended)
	s.blocks.release()
}

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

// path is the file of a service, the one being written.
func path(dir, service string) string {
	return filepath.Join(dir, service+".log")
}

// rotated is what a file is called after so many rotations.
func rotated(file string, n int) string {
	if n == 0 {
		return file
	}
	return fmt.Sprintf("%s.%d", file, n)
}
