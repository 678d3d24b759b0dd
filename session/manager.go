package session

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync"
	"sync/atomic"
	"time"
)

// The manager's defaults.
const (
	// DefaultTimeout is the time limit of a handler registered without one.
	DefaultTimeout = 30 * time.Second
	// DefaultGrace is how long the manager still waits, when a handler's context has ended, for the
	// handler to return.
	DefaultGrace = time.Second
)

// maxLimit keeps sums of a time and a limit from overflowing.
const maxLimit = time.Duration(1) << 61

// Policy says what becomes of a list in which a handler fails.
type Policy uint8

const (
	// Collect goes on with the other handlers and keeps the error with the handler's name.
	Collect Policy = iota
	// Abort calls no further handler and undoes what was done: a start-up list gives up those that
	// are still starting, and shuts down, in reverse, the handlers it had started; a shut-down list starts again, in start-up order and
	// not booting, the handlers it had called, the failed one included.
	Abort
)

func (p Policy) String() string {
	if p == Abort {
		return "abort"
	}
	return "collect"
}

// Manager keeps the categories, the handlers and the current session, and runs the lists. Make one
// with [New]. It is safe for concurrent use.
type Manager struct {
	freezer    Freezer
	observers  []func(Event)
	concurrent bool
	policy     Policy
	bootPolicy Policy // of Boot
	limit      time.Duration
	grace      time.Duration
	access     AccessMode
	newID      func() string

	left atomic.Int32 // len(leftovers)

	mu         sync.Mutex
	categories []*Category
	entries    map[string]*entry
	seq        uint64
	order      []*entry // the start-up list, nil when it has to be sorted anew
	current    *Session
	running    bool      // the current session is booted and not ended
	underway   *progress // of the boot, the snapshot or the single call that runs; nil when none does
	leftovers  map[string]*leftover
}

// Option changes what [New] makes.
type Option func(*Manager)

// WithFreezer sets what saves the image and quits it. Without one a save is refused, and to quit is
// only to shut down: the program then ends by itself.
func WithFreezer(f Freezer) Option { return func(m *Manager) { m.freezer = f } }

// WithObserver adds a function that is told of every event, before and after each handler. It is
// called in the goroutine that does the work, so it should be quick; with [WithConcurrency] that may
// be several goroutines at a time. It may call the manager, but not boot or snapshot.
func WithObserver(f func(Event)) Option {
	return func(m *Manager) { m.observers = append(m.observers, f) }
}

// WithConcurrency lets handlers of equal category and priority run at the same time, each in a
// goroutine of its own. The next rank begins when all of one are done. When one fails under
// [Abort], those that have begun are waited for: in a start-up list with their contexts ended, as if
// the caller had given up; in a shut-down list with their contexts as they are.
func WithConcurrency() Option { return func(m *Manager) { m.concurrent = true } }

// WithPolicy sets what becomes of a list in which a handler fails; the default is [Collect].
func WithPolicy(p Policy) Option { return func(m *Manager) { m.policy, m.bootPolicy = p, p } }

// WithBootPolicy sets what becomes of the start-up list of [Manager.Boot] when a handler fails, and
// of no other list. Given after [WithPolicy], it has the last word.
func WithBootPolicy(p Policy) Option { return func(m *Manager) { m.bootPolicy = p } }

// WithDefaultTimeout sets the time limit of handlers registered without one. There is always a limit:
// what is not positive leaves it at [DefaultTimeout].
func WithDefaultTimeout(d time.Duration) Option {
	return func(m *Manager) {
		if d > 0 {
			m.limit = min(d, maxLimit)
		}
	}
}

// WithGrace sets how long the manager waits for a handler to return after its context has ended,
// before it goes on without it. A negative time means none; the default is [DefaultGrace].
func WithGrace(d time.Duration) Option {
	return func(m *Manager) { m.grace = max(0, min(d, maxLimit)) }
}

// WithAccess sets the access mode that sessions begin with; the default is [ReadWrite].
func WithAccess(a AccessMode) Option { return func(m *Manager) { m.access = a } }

// WithSessionID sets where the identities of new sessions come from. It is called once per boot, in
// the booted copy, and must not answer the same twice, there or in another copy of the image.
func WithSessionID(f func() string) Option { return func(m *Manager) { m.newID = f } }

// New returns a manager with the five default categories, no handlers and no session.
func New(opts ...Option) *Manager {
	m := &Manager{
		limit:     DefaultTimeout,
		grace:     DefaultGrace,
		newID:     newID,
		entries:   make(map[string]*entry),
		leftovers: make(map[string]*leftover),
	}
	for i, name := range []string{System, Network, GUI, Tools, User} {
		m.categories = append(m.categories, &Category{m: m, name: name, rank: i})
	}
	for _, o := range opts {
		o(m)
	}
	return m
}

// newID returns 16 bytes in hex, the wall-clock time first. The time is not there for the order alone:
// a random generator that keeps state in the process's memory may answer the same in two copies booted
// from one image, as getrandom(2) in the vDSO may for as long as the kernel has not reseeded.
func newID() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(time.Now().UnixNano()))
	rand.Read(b[8:]) // never fails, see its documentation
	return hex.EncodeToString(b[:])
}

// Current returns the session that was installed last; it may have ended. It is nil before the first
// Boot.
func (m *Manager) Current() *Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current
}

// Running reports whether the current session is booted and has not ended.
func (m *Manager) Running() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.running
}

// claim makes the caller the only one that runs lists, until release.
func (m *Manager) claim(p *progress) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.underway != nil {
		return ErrBusy
	}
	m.underway = p
	return nil
}

func (m *Manager) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.underway = nil
}

// install ends the current session, if there is one, and makes a new one the current. Actions that
// still waited in the old session go over to the new one.
func (m *Manager) install() *Session {
	s := newSession(m.newID(), m.access)
	if old := m.Current(); old != nil {
		s.deferred = old.finish()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current, m.running = s, true
	return s
}

// finish ends the current session.
func (m *Manager) finish(s *Session) {
	m.mu.Lock()
	m.running = false
	m.mu.Unlock()
	s.finish()
}
