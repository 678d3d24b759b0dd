package supervise

import (
	"errors"
	"slices"

	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// become makes the supervisor one of another manifest, and the lists of a
// session manager what they would be had it been made of that. Nothing is called.
// Services that are kept stay as they are, whatever the manifest says of them.
func (sup *Supervisor) become(m *session.Manager, to *manifest.Manifest, kept map[string]bool) error {
	if err := arrangeCategories(m, to); err != nil {
		return err
	}
	before := sup.Manifest()
	was := sup.kindsOfNames()
	goneServices := sup.adopt(to, kept)
	sup.linkNeeds()
	goneHooks := sup.adoptHooks(to)
	for _, s := range sup.ordered() {
		if err := s.register(m, asBefore(was[s.spec().Name] == KindService)...); err != nil {
			return err
		}
	}
	sup.mu.Lock() // as AddHook and RemoveHook do: the lists and the supervisor agree
	defer sup.mu.Unlock()
	for _, h := range sup.hooks {
		if err := h.register(m, asBefore(was[h.spec.Name] == KindHook)...); err != nil {
			return err
		}
	}
	for _, name := range slices.Concat(goneServices, goneHooks) {
		if sup.byName[name] != nil || sup.hookLocked(name) >= 0 {
			continue // it is of the other kind now
		}
		if err := m.Unregister(name); err != nil && !errors.Is(err, session.ErrNotFound) {
			return err
		}
	}
	removeCategories(m, before, to)
	return nil
}

func asBefore(yes bool) []session.RegisterOption {
	if yes {
		return []session.RegisterOption{session.AsBefore()}
	}
	return nil
}

func (sup *Supervisor) kindsOfNames() map[string]Kind {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	kinds := map[string]Kind{}
	for _, s := range sup.services {
		kinds[s.spec().Name] = KindService
	}
	for _, h := range sup.hooks {
		kinds[h.spec.Name] = KindHook
	}
	return kinds
}

// adopt makes the services those of a manifest, and gives the names of those
// that are gone. A service that stays is the same one, with what is new.
func (sup *Supervisor) adopt(to *manifest.Manifest, kept map[string]bool) (names []string) {
	gone := sup.exchange(to, kept)
	for _, s := range gone {
		names = append(names, s.spec().Name)
		s.retire(sup.ctx)
	}
	sup.mu.Lock()
	all := append(sup.gone, gone...) // a reload alone changes it
	sup.mu.Unlock()
	flowing := slices.DeleteFunc(slices.Clone(all), func(s *service) bool { return !s.flowing() })
	sup.mu.Lock()
	sup.gone = flowing
	sup.mu.Unlock()
	return names
}

func (sup *Supervisor) exchange(to *manifest.Manifest, kept map[string]bool) (gone []*service) {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	var services []*service
	byName := map[string]*service{}
	add := func(s *service) {
		services = append(services, s)
		byName[s.spec().Name] = s
	}
	for _, spec := range to.Services {
		s := sup.byName[spec.Name]
		if s == nil {
			s = newService(sup, spec)
		} else if !kept[spec.Name] {
			s.current.Store(&spec)
		}
		add(s)
	}
	for _, s := range sup.services {
		name := s.spec().Name
		switch {
		case byName[name] != nil:
		case kept[name]:
			add(s)
		default:
			gone = append(gone, s)
		}
	}
	sup.services, sup.byName, sup.manifest = services, byName, to
	return gone
}

// adoptHooks makes the hooks those of the supervisor's manifest and those that
// were added, and gives the names of those that are gone.
func (sup *Supervisor) adoptHooks(to *manifest.Manifest) (gone []string) {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	old := map[string]*hook{}
	for _, h := range sup.hooks {
		old[h.spec.Name] = h
	}
	var hooks []*hook
	for _, spec := range to.Hooks {
		h := old[spec.Name]
		delete(old, spec.Name)
		if h == nil || h.added || len(changedKeys(entry{hook: &h.spec}, entry{hook: &spec})) > 0 {
			if h != nil {
				sup.former = append(sup.former, h)
			}
			h = newHook(sup, spec)
		}
		hooks = append(hooks, h)
	}
	for _, h := range sup.hooks {
		name := h.spec.Name
		switch {
		case old[name] == nil: // dealt with
		case h.added && sup.byName[name] == nil:
			hooks = append(hooks, h)
		default:
			sup.former = append(sup.former, h)
			gone = append(gone, name)
		}
	}
	sup.former = slices.DeleteFunc(sup.former, func(h *hook) bool { return !h.flowing() })
	sup.hooks = hooks
	return gone
}

// arrangeCategories makes the user's own categories that are missing, and puts
// those of the manifest into its order.
func arrangeCategories(m *session.Manager, to *manifest.Manifest) error {
	at := map[string]int{}
	for i, c := range m.Categories() {
		at[c.Name()] = i
	}
	before, last := "", -1
	for _, name := range to.CategoryOrder() {
		i, exists := at[name]
		switch {
		case !exists:
			if _, err := m.CreateCategoryAfter(name, before); err != nil {
				return err
			}
		case i < last:
			if err := m.MoveCategoryAfter(name, before); err != nil {
				return err
			}
		default:
			last = i
		}
		before = name
	}
	return nil
}

// removeCategories removes those that only the old manifest has, unless hooks
// stand there that were added to the live image.
func removeCategories(m *session.Manager, before, to *manifest.Manifest) {
	for _, c := range before.Categories {
		if !slices.Contains(to.CategoryOrder(), c.Name) {
			_ = m.RemoveCategory(c.Name) // in use, or removed by the user
		}
	}
}
