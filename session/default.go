package session

import "sync/atomic"

// The one piece of package state, for programs that want one manager and no wiring, as log/slog has
// its default logger. Nothing in this package uses it.
var defaultManager atomic.Pointer[Manager]

// Default returns the program's manager: the one given to [SetDefault], or else one made with [New]
// at the first call.
func Default() *Manager {
	if m := defaultManager.Load(); m != nil {
		return m
	}
	defaultManager.CompareAndSwap(nil, New())
	return defaultManager.Load()
}

// SetDefault makes m the program's manager. Nil means that the next call of [Default] makes a new one.
func SetDefault(m *Manager) { defaultManager.Store(m) }
