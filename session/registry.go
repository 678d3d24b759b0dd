package session

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Entry is a handler's place in the start-up list.
type Entry struct {
	ID       string `json:"id"`
	Category string `json:"category"`
	// Priority: within a category the lower number is started first.
	Priority int `json:"priority"`
	// Timeout is the time limit of each call.
	Timeout time.Duration `json:"timeout_ns"`
	Handler Handler       `json:"-"`
}

// entry is an Entry as the manager keeps it: one per registration, never changed but for last.
type entry struct {
	handler  Handler
	id       string
	category *Category
	priority int
	limit    time.Duration
	undo     time.Duration // see WithUndoTime
	up       func() bool   // see WithOthers; nil: nobody else starts it
	seq      uint64        // order of registration

	last [2]Record // by Action; guarded by Manager.mu
}

func (e *entry) public() Entry {
	return Entry{ID: e.id, Category: e.category.name, Priority: e.priority, Timeout: e.limit, Handler: e.handler}
}

// RegisterOption says where a handler is to stand, and how long it may take.
type RegisterOption func(*registration)

type registration struct {
	category string
	priority int
	limit    time.Duration
	undo     time.Duration
	up       func() bool
	same     bool
}

// InCategory puts the handler in the category of that name; without it, it stands in [User].
func InCategory(name string) RegisterOption {
	return func(r *registration) { r.category = name }
}

// AtPriority sets the priority inside the category. The lower number is started first and shut down
// last; the default is [DefaultPriority].
func AtPriority(n int) RegisterOption {
	return func(r *registration) { r.priority = n }
}

// WithTimeout sets how long each call of the handler may take; 0 means the manager's default.
func WithTimeout(d time.Duration) RegisterOption {
	return func(r *registration) { r.limit = d }
}

// WithUndoTime sets how long a Startup whose context has ended may take to return: it may have to
// stop in good order what it had begun. It is at least the manager's grace time, see [WithGrace].
func WithUndoTime(d time.Duration) RegisterOption {
	return func(r *registration) { r.undo = d }
}

// WithOthers says that others than the manager may start what the handler stands for, and up whether
// it is started now. When a start-up is undone that has not come to the handler, it is shut down all
// the same, in its place, if it is up. up must be quick and must not call the manager.
func WithOthers(up func() bool) RegisterOption {
	return func(r *registration) { r.up = up }
}

// AsBefore says that the handler is the one that it replaces, if it replaces one, at another place
// perhaps: [Manager.LastRuns] tells what that did as what this one did last.
func AsBefore() RegisterOption {
	return func(r *registration) { r.same = true }
}

// Register puts a handler on the start-up list, and so on the shut-down list. A handler of the same
// ID is replaced wherever it stood: the new one takes the place it is given here, as the last of its
// rank. The category must exist ([ErrNotFound]).
//
// A list that is running is not changed by it: registering, replacing and unregistering count from
// the next list on. Nothing is called: see [Manager.StartHandler].
func (m *Manager) Register(h Handler, opts ...RegisterOption) error {
	if h == nil {
		return fmt.Errorf("cannot register handler: nil: %w", ErrInvalid)
	}
	id := h.ID() // before the lock: it is the caller's code
	if id == "" {
		return fmt.Errorf("cannot register handler: empty ID: %w", ErrInvalid)
	}
	r := registration{category: User, priority: DefaultPriority}
	for _, o := range opts {
		o(&r)
	}
	if r.limit < 0 {
		return fmt.Errorf("cannot register handler %q: time limit %v: %w", id, r.limit, ErrInvalid)
	}
	if r.limit == 0 {
		r.limit = m.limit
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.categoryLocked(r.category)
	if err != nil {
		return fmt.Errorf("cannot register handler %q: %w", id, err)
	}
	m.seq++
	e := &entry{
		handler: h, id: id, category: c, priority: r.priority,
		limit: min(r.limit, maxLimit), undo: min(r.undo, maxLimit), up: r.up, seq: m.seq,
	}
	if old := m.entries[id]; old != nil && r.same {
		e.last = old.last
	}
	m.entries[id] = e
	m.order = nil
	return nil
}

// Unregister takes the handler of that ID off both lists without calling it; [ErrNotFound] if there
// is none. A list that is running still calls it.
func (m *Manager) Unregister(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.entries[id]; !ok {
		return fmt.Errorf("cannot unregister handler %q: %w", id, ErrNotFound)
	}
	delete(m.entries, id)
	m.order = nil
	return nil
}

// StartupList returns all handlers in the order in which they are started.
func (m *Manager) StartupList() []Entry {
	order := m.startupOrder()
	list := make([]Entry, len(order))
	for i, e := range order {
		list[i] = e.public()
	}
	return list
}

// ShutdownList returns all handlers in the order in which they are shut down: the start-up list
// reversed, always.
func (m *Manager) ShutdownList() []Entry {
	list := m.StartupList()
	slices.Reverse(list)
	return list
}

func (m *Manager) startupOrder() []*entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.orderLocked()
}

// orderLocked sorts on demand and keeps the result until a registration: registering n handlers thus
// costs one sort and not n. The slice is never changed once made, so callers may keep it.
func (m *Manager) orderLocked() []*entry {
	if m.order != nil {
		return m.order
	}
	order := make([]*entry, 0, len(m.entries))
	for _, e := range m.entries {
		order = append(order, e)
	}
	slices.SortFunc(order, func(a, b *entry) int {
		return cmp.Or(
			cmp.Compare(a.category.rank, b.category.rank),
			cmp.Compare(a.priority, b.priority),
			cmp.Compare(a.seq, b.seq),
		)
	})
	m.order = order
	return order
}

// LastRun is what a handler did at its last start-up and its last shut-down, nil where it was not
// called yet.
type LastRun struct {
	Entry
	Startup  *Record `json:"startup,omitempty"`
	Shutdown *Record `json:"shutdown,omitempty"`
}

// LastRuns returns, in start-up order, what each registered handler did last.
func (m *Manager) LastRuns() []LastRun {
	m.mu.Lock()
	defer m.mu.Unlock()
	order := m.orderLocked()
	runs := make([]LastRun, len(order))
	for i, e := range order {
		runs[i] = LastRun{Entry: e.public(), Startup: e.lastLocked(Startup), Shutdown: e.lastLocked(Shutdown)}
	}
	return runs
}

// Ran takes note of a call of a registered handler that the caller has made by itself, a start-up or
// a shut-down, for LastRuns to tell. Where the handler stands is known, whatever r says of it.
func (m *Manager) Ran(r Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.entries[r.ID]; e != nil && int(r.Action) < len(e.last) {
		r.Category, r.Priority = e.category.name, e.priority
		e.last[r.Action] = r
	}
}

func (e *entry) lastLocked(a Action) *Record {
	if e.last[a].ID == "" {
		return nil
	}
	r := e.last[a]
	return &r
}
