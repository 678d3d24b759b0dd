package supervise

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// ErrService says that a service has the name: it can be neither replaced nor
// removed as a hook can.
var ErrService = errors.New("it is a service")

// ErrNoHook says that there is no hook of that name.
var ErrNoHook = errors.New("no such hook")

// AddHook registers one more hook with a session manager that the Supervisor's
// handlers are registered with. From the next list on it behaves as one of the
// manifest; nothing is run now. A hook of the same name is replaced, wherever
// it stood.
//
// The error wraps [ErrService], or is that of [session.Manager.Register]; then
// nothing has changed.
func (sup *Supervisor) AddHook(m *session.Manager, spec manifest.Hook) error {
	h := newHook(sup, spec)
	h.added = true
	sup.mu.Lock()
	defer sup.mu.Unlock()
	if sup.byName[spec.Name] != nil {
		return fmt.Errorf("cannot add hook %q: %w", spec.Name, ErrService)
	}
	if err := h.register(m); err != nil {
		return err
	}
	if i := sup.hookLocked(spec.Name); i >= 0 {
		sup.retireLocked(i)
	}
	sup.hooks = append(sup.hooks, h)
	return nil
}

// RemoveHook takes a hook off the lists of a session manager. Neither of its
// commands is run; a list that is running still runs them. What they started
// and left running lives on.
//
// The error wraps [ErrService] or [ErrNoHook].
func (sup *Supervisor) RemoveHook(m *session.Manager, name string) error {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	if sup.byName[name] != nil {
		return fmt.Errorf("cannot remove hook %q: %w", name, ErrService)
	}
	i := sup.hookLocked(name)
	if i < 0 {
		return fmt.Errorf("cannot remove hook %q: %w", name, ErrNoHook)
	}
	if err := m.Unregister(name); err != nil {
		return err
	}
	sup.retireLocked(i)
	return nil
}

func (sup *Supervisor) allHooks() []*hook {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	return slices.Clone(sup.hooks)
}

// hook is the hook of that name, nil when there is none.
func (sup *Supervisor) hook(name string) *hook {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	if i := sup.hookLocked(name); i >= 0 {
		return sup.hooks[i]
	}
	return nil
}

func (sup *Supervisor) hookLocked(name string) int {
	return slices.IndexFunc(sup.hooks, func(h *hook) bool { return h.spec.Name == name })
}

// retireLocked takes a hook out of the list, and keeps it for as long as
// something may still write to its log.
func (sup *Supervisor) retireLocked(i int) {
	h := sup.hooks[i]
	sup.hooks = slices.Delete(sup.hooks, i, i+1)
	sup.former = slices.DeleteFunc(append(sup.former, h), func(h *hook) bool { return !h.flowing() })
}

// keep takes note of a hook that runs though it was retired: a list that was
// running called it.
func (sup *Supervisor) keep(h *hook) {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	if !slices.Contains(sup.hooks, h) && !slices.Contains(sup.former, h) {
		sup.former = append(sup.former, h)
	}
}

// register puts the hook on the lists of a session manager.
func (h *hook) register(m *session.Manager, more ...session.RegisterOption) error {
	k := hookHandler{h}
	opts := []session.RegisterOption{
		session.InCategory(h.spec.Category), session.AtPriority(h.spec.Priority),
		session.WithTimeout(k.timeLimit()), session.WithUndoTime(k.undoTime()),
	}
	return m.Register(k, append(opts, more...)...)
}

// instances are the runs of the hook's commands that may not be over.
func (h *hook) instances() []*instance {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append(slices.Clone(h.old), h.inst)
}

// flowing says that a command of the hook runs, or that its output has not
// ended.
func (h *hook) flowing() bool {
	return slices.ContainsFunc(h.instances(), func(in *instance) bool {
		return in != nil && (in.alive() || in.flowing())
	})
}
