package session

import (
	"fmt"
	"slices"
)

// The categories every manager begins with, in this order.
const (
	System  = "system"
	Network = "network"
	GUI     = "gui"
	Tools   = "tools"
	User    = "user"
)

// DefaultPriority is the priority of a handler registered without one.
const DefaultPriority = 100

// Category is a stretch of the start-up list. Within it, handlers stand by priority, the lower
// number first, and among equals in the order of their registration.
type Category struct {
	m    *Manager
	name string
	rank int // position among the categories; guarded by m.mu
}

// Name returns the category's name.
func (c *Category) Name() string { return c.name }

// DefaultPriority returns the priority of handlers registered here without one.
func (c *Category) DefaultPriority() int { return DefaultPriority }

// Register is [Manager.Register] in this category, whatever the options say.
func (c *Category) Register(h Handler, opts ...RegisterOption) error {
	return c.m.Register(h, append(slices.Clip(opts), InCategory(c.name))...)
}

// Category returns the category of that name, or [ErrNotFound].
func (m *Manager) Category(name string) (*Category, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.categoryLocked(name)
}

func (m *Manager) categoryLocked(name string) (*Category, error) {
	for _, c := range m.categories {
		if c.name == name {
			return c, nil
		}
	}
	return nil, fmt.Errorf("cannot find category %q: %w", name, ErrNotFound)
}

// Categories returns the categories in start-up order.
func (m *Manager) Categories() []*Category {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.categories)
}

// CreateCategory adds a category after all others. The name must be new ([ErrExists]).
func (m *Manager) CreateCategory(name string) (*Category, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.createLocked(name, len(m.categories))
}

// CreateCategoryAfter adds a category right after the one named other, which must exist
// ([ErrNotFound]). The name must be new ([ErrExists]).
func (m *Manager) CreateCategoryAfter(name, other string) (*Category, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, err := m.categoryLocked(other)
	if err != nil {
		return nil, fmt.Errorf("cannot create category %q after %q: %w", name, other, ErrNotFound)
	}
	return m.createLocked(name, o.rank+1)
}

func (m *Manager) createLocked(name string, at int) (*Category, error) {
	if name == "" {
		return nil, fmt.Errorf("cannot create category: empty name: %w", ErrInvalid)
	}
	if _, err := m.categoryLocked(name); err == nil {
		return nil, fmt.Errorf("cannot create category %q: %w", name, ErrExists)
	}
	c := &Category{m: m, name: name}
	m.categories = slices.Insert(m.categories, at, c)
	m.rankLocked()
	return c, nil
}

// MoveCategoryAfter puts a category, with the handlers that stand in it, right after the one named
// other. Both must exist ([ErrNotFound]), and not be the same ([ErrInvalid]).
func (m *Manager) MoveCategoryAfter(name, other string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.categoryLocked(name)
	if err != nil {
		return fmt.Errorf("cannot move category %q: %w", name, ErrNotFound)
	}
	if name == other {
		return fmt.Errorf("cannot move category %q after itself: %w", name, ErrInvalid)
	}
	if _, err := m.categoryLocked(other); err != nil {
		return fmt.Errorf("cannot move category %q after %q: %w", name, other, ErrNotFound)
	}
	m.categories = slices.Delete(m.categories, c.rank, c.rank+1)
	at := slices.IndexFunc(m.categories, func(each *Category) bool { return each.name == other })
	m.categories = slices.Insert(m.categories, at+1, c)
	m.rankLocked()
	return nil
}

// RemoveCategory removes a category that no handler stands in ([ErrInUse]). A removed category
// takes no registrations any more ([ErrNotFound]).
func (m *Manager) RemoveCategory(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.categoryLocked(name)
	if err != nil {
		return fmt.Errorf("cannot remove category %q: %w", name, ErrNotFound)
	}
	for _, e := range m.entries {
		if e.category == c {
			return fmt.Errorf("cannot remove category %q: %w, such as %q", name, ErrInUse, e.id)
		}
	}
	m.categories = slices.Delete(m.categories, c.rank, c.rank+1)
	m.rankLocked()
	return nil
}

// rankLocked numbers the categories anew.
func (m *Manager) rankLocked() {
	for i, each := range m.categories {
		each.rank = i
	}
	m.order = nil
}
