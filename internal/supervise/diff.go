package supervise

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	"github.com/seancehq/seance/manifest"
)

// roster is who there is: the services and hooks of a manifest.
type roster struct {
	services []manifest.Service
	hooks    []manifest.Hook
	// categories are all, in start-up order.
	categories []string
}

func rosterOf(m *manifest.Manifest) roster {
	return roster{m.Services, m.Hooks, m.CategoryOrder()}
}

// diff is what has to be done to make of one roster the other. idle says of a
// service that it is not to run now, as one that the user has stopped: nothing
// is started of it.
func diff(from, to roster, idle func(name string) bool) *Reload {
	d := differ{idle: idle, was: byName(from), will: byName(to)}
	for _, e := range slices.Backward(entriesOf(from)) {
		d.ends(e)
	}
	for _, e := range entriesOf(to) {
		d.begins(e)
	}
	return &d.plan
}

// entry is a service or a hook in start-up order; one of them is nil.
type entry struct {
	service *manifest.Service
	hook    *manifest.Hook
}

func (e entry) name() string {
	if e.hook != nil {
		return e.hook.Name
	}
	return e.service.Name
}

func (e entry) kind() Kind {
	if e.hook != nil {
		return KindHook
	}
	return KindService
}

func (e entry) rank() (category string, priority int) {
	if e.hook != nil {
		return e.hook.Category, e.hook.Priority
	}
	return e.service.Category, e.service.Priority
}

// entriesOf is the start-up list: in one rank services come first.
func entriesOf(r roster) []entry {
	list := make([]entry, 0, len(r.services)+len(r.hooks))
	for _, s := range startupOrder(r.categories, r.services) {
		list = append(list, entry{service: &s})
	}
	for i := range r.hooks {
		list = append(list, entry{hook: &r.hooks[i]})
	}
	category := positions(r.categories)
	slices.SortStableFunc(list, func(a, b entry) int {
		aCategory, aPriority := a.rank()
		bCategory, bPriority := b.rank()
		return cmp.Or(cmp.Compare(category[aCategory], category[bCategory]), cmp.Compare(aPriority, bPriority))
	})
	return list
}

func byName(r roster) map[string]entry {
	all := map[string]entry{}
	for _, e := range entriesOf(r) {
		all[e.name()] = e
	}
	return all
}

type differ struct {
	idle      func(string) bool
	was, will map[string]entry
	plan      Reload
}

// ends adds the step with which an entry of the old roster ends.
func (d *differ) ends(e entry) {
	next, stays := d.will[e.name()]
	if !stays || next.kind() != e.kind() {
		d.add(StepStop, e, nil)
	}
}

// begins adds the step with which an entry of the new roster begins, or takes
// what is new.
func (d *differ) begins(e entry) {
	old, was := d.was[e.name()]
	if !was || old.kind() != e.kind() {
		d.isNew(e)
		return
	}
	keys := changedKeys(old, e)
	switch {
	case len(keys) == 0:
		d.plan.Unchanged++
	case e.hook != nil:
		d.add(StepUpdate, e, keys)
	case slices.ContainsFunc(keys, needsRestart) && !d.idle(e.name()):
		d.add(StepRestart, e, keys)
	case old.service.Disabled && !e.service.Disabled:
		d.add(StepStart, e, keys)
	default:
		d.add(StepUpdate, e, keys)
	}
}

func (d *differ) isNew(e entry) {
	if e.service != nil && e.service.Disabled {
		d.add(StepUpdate, e, []string{"disabled"})
		return
	}
	d.add(StepStart, e, nil)
}

func (d *differ) add(action string, e entry, keys []string) {
	d.plan.Steps = append(d.plan.Steps, Step{Action: action, Name: e.name(), Kind: e.kind(), Keys: keys})
}

// needsRestart says that a key of a service tells how its program is started,
// or when it is ready: what runs was not started so.
func needsRestart(key string) bool {
	switch key {
	case "restart", "probe", "priority", "category", "needs", "shutdown", "log", "disabled", "detached":
		return false
	}
	return true
}

// changedKeys are the keys of the manifest in which two entries of one kind and
// name differ, sorted.
func changedKeys(a, b entry) []string {
	if a.hook != nil {
		return differing(hookKeys(a.hook), hookKeys(b.hook))
	}
	return differing(serviceKeys(a.service), serviceKeys(b.service))
}

func differing(a, b map[string]any) []string {
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(a)) {
		if !same(reflect.ValueOf(a[key]), reflect.ValueOf(b[key])) {
			keys = append(keys, key)
		}
	}
	return keys
}

// same is reflect.DeepEqual, but that what is empty is the same as what is not
// there.
func same(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Map, reflect.Slice:
		if a.Len() == 0 && b.Len() == 0 {
			return true
		}
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// serviceKeys are the values of a service by their keys in the file.
func serviceKeys(s *manifest.Service) map[string]any {
	return map[string]any{
		"command": s.Command, "workdir": s.Workdir, "env": s.Env, "category": s.Category, "priority": s.Priority,
		"terminal": s.Terminal, "replicas": [2]any{s.Of, s.Replica}, "needs": s.Needs, "user": s.User, "group": s.Group,
		"umask": s.Umask, "nice": s.Nice, "limits": s.Limits, "stdin": s.Stdin, "detached": s.Detached,
		"disabled": s.Disabled, "ready": s.Ready, "probe": s.Probe, "log": s.Log, "restart": s.Restart, "shutdown": s.Shutdown,
	}
}

func hookKeys(h *manifest.Hook) map[string]any {
	return map[string]any{
		"startup": h.Startup, "shutdown": h.Shutdown, "workdir": h.Workdir, "env": h.Env,
		"category": h.Category, "priority": h.Priority, "timeout": h.Timeout,
	}
}
