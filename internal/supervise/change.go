package supervise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/seancehq/seance/manifest"
)

// The actions of [Supervisor.Change].
const (
	ActionStart   = "start"   // with those they need; one that runs stays
	ActionStop    = "stop"    // one that does not run stays so
	ActionRestart = "restart" // stop, and start again
)

// ErrAction says that there is no such action.
var ErrAction = errors.New("no such action")

// Change is what was done with one service.
type Change struct {
	Name  string
	State State // now
	// Changed is false when there was nothing to do.
	Changed bool
	Err     error
	// Survivors are processes of a detached service that live on, as
	// "PID (NAME)".
	Survivors []string
}

// Change starts, stops or restarts services: those of the names given, of which
// that of a service with replicas stands for all of them. They are started in
// the order of the start-up list, after those that they need, and stopped in the
// reverse. With wait it returns when all are ready, or stopped; else when that
// is under way. It goes on when ctx ends, which ends only the wait.
//
// In the time in which a snapshot holds a service it is changed after that; when
// the image is quitting, not at all ([ErrQuitting]).
//
// The error is of the request as a whole; it wraps [ErrNotFound] or [ErrAction],
// or is ctx's.
func (sup *Supervisor) Change(ctx context.Context, action string, names []string, wait bool) ([]Change, error) {
	if action != ActionStart && action != ActionStop && action != ActionRestart {
		return nil, fmt.Errorf("cannot %q services: %w: there are %s, %s and %s", action, ErrAction, ActionStart, ActionStop, ActionRestart)
	}
	meant, err := sup.meant(action, names)
	if err != nil {
		return nil, err
	}
	c := newChanging(sup, action, meant)
	finished := make(chan struct{})
	if !sup.background(func() { defer close(finished); c.run(sup.ctx) }) {
		return nil, ErrClosed
	}
	under := finished
	if !wait {
		under = c.underWay(finished)
	}
	select {
	case <-under:
		return c.result(), nil
	case <-ctx.Done():
		return c.result(), ctx.Err()
	}
}

// meant finds services by the names that a user gives.
func (sup *Supervisor) meant(action string, names []string) (map[string]bool, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("cannot %s services: no service is named%s", action, sup.known())
	}
	meant := map[string]bool{}
	for _, name := range names {
		found := sup.replicas(name)
		if len(found) == 0 {
			return nil, fmt.Errorf("cannot %s service %q: %w%s", action, name, ErrNotFound, sup.known())
		}
		for _, s := range found {
			meant[s.spec().Name] = true
		}
	}
	return meant, nil
}

// replicas is the service of that name, or all replicas of that which the
// manifest calls so.
func (sup *Supervisor) replicas(name string) []*service {
	if s := sup.named(name); s != nil {
		return []*service{s}
	}
	var found []*service
	for _, s := range sup.all() {
		if s.spec().Of == name {
			found = append(found, s)
		}
	}
	return found
}

// known lists the names that there are, as the end of an error.
func (sup *Supervisor) known() string {
	var names []string
	for _, s := range sup.all() {
		name := s.spec().Name
		if of := s.spec().Of; of != "" {
			name = of
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	const shown = 20
	switch {
	case len(names) == 0:
		return "; there are no services"
	case len(names) > shown:
		return fmt.Sprintf("; there are %s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return "; there are " + strings.Join(names, ", ")
}

// ordered is the services in start-up order.
func (sup *Supervisor) ordered() []*service {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	specs := make([]manifest.Service, 0, len(sup.services))
	for _, s := range sup.services {
		specs = append(specs, *s.spec())
	}
	list := make([]*service, 0, len(specs))
	for _, spec := range startupOrder(sup.manifest.CategoryOrder(), specs) {
		list = append(list, sup.byName[spec.Name])
	}
	return list
}

// changing is one call of Change.
type changing struct {
	action string
	meant  map[string]bool
	list   []*service // those meant and those they need, in start-up order

	mu      sync.Mutex // guards all below
	changes map[*service]*Change
}

func newChanging(sup *Supervisor, action string, meant map[string]bool) *changing {
	c := &changing{action: action, meant: meant, changes: map[*service]*Change{}}
	all := sup.ordered()
	wanted := meant
	if action != ActionStop {
		wanted = withNeeds(sup, meant)
	}
	for _, s := range all {
		if name := s.spec().Name; wanted[name] {
			c.list = append(c.list, s)
		}
	}
	return c
}

// withNeeds adds what services need, and what that needs.
func withNeeds(sup *Supervisor, meant map[string]bool) map[string]bool {
	all := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		if s := sup.named(name); s != nil && !all[name] {
			all[name] = true
			for _, needed := range s.spec().Needs {
				add(needed)
			}
		}
	}
	for name := range meant {
		add(name)
	}
	return all
}

func (c *changing) run(ctx context.Context) {
	switch c.action {
	case ActionStop:
		inReverse(c.list, func(s *service) { c.stop(ctx, s) })
	case ActionStart:
		inOrder(c.list, func(s *service) { c.start(ctx, s) })
	case ActionRestart:
		c.restart(ctx)
	}
}

// underWay is closed when each of the services that need not wait for others has
// begun to change, or cannot yet.
func (c *changing) underWay(finished <-chan struct{}) chan struct{} {
	// A first form: the state is told as it is.
	under := make(chan struct{})
	close(under)
	return under
}

// start starts a service that is meant, or that one that is meant needs.
func (c *changing) start(ctx context.Context, s *service) {
	if !c.meant[s.spec().Name] && s.isReady() {
		return
	}
	changed := !s.isLive()
	c.note(s, changed, nil)
	err := c.lostNeed(s)
	if err == nil {
		err = s.startForUser(ctx)
	}
	if err != nil {
		c.note(s, changed, fmt.Errorf("cannot start service %q: %w", s.spec().Name, err))
	}
}

// lostNeed is the error of a service one of whose needed ones failed to start.
func (c *changing) lostNeed(s *service) error {
	for _, n := range s.needed() {
		c.mu.Lock()
		change := c.changes[n]
		c.mu.Unlock()
		if change != nil && change.Err != nil {
			return &NeedError{change.Name, "failed: " + firstLine(change.Err), change.Err}
		}
	}
	return nil
}

func (c *changing) stop(ctx context.Context, s *service) {
	changed := !s.isStopped()
	c.note(s, changed, nil)
	if err := s.stopForUser(ctx); err != nil {
		c.note(s, changed, fmt.Errorf("cannot stop service %q: %w", s.spec().Name, err))
	}
}

// restart stops those that are meant and starts them again. One that is being
// restarted already is not restarted twice: a request that is made again, as
// after a freeze, does no harm.
func (c *changing) restart(ctx context.Context) {
	var mine []*service
	var others []<-chan struct{}
	for _, s := range c.list {
		if !c.meant[s.spec().Name] {
			continue
		}
		done, first := s.beginRestart()
		c.note(s, true, nil)
		if !first {
			others = append(others, done)
			continue
		}
		defer s.endRestart()
		mine = append(mine, s)
	}
	inReverse(mine, func(s *service) { c.stop(ctx, s) })
	inOrder(c.list, func(s *service) {
		if c.meant[s.spec().Name] && !slices.Contains(mine, s) || c.failed(s) {
			return
		}
		c.start(ctx, s)
	})
	for _, done := range others {
		<-done
	}
}

func (c *changing) note(s *service, changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.changes[s]
	if one == nil {
		one = &Change{Name: s.spec().Name}
		c.changes[s] = one
	}
	one.Changed = one.Changed || changed
	one.Err = err
}

func (c *changing) failed(s *service) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes[s] != nil && c.changes[s].Err != nil
}

// result is how things are now, in start-up order.
func (c *changing) result() []Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Change
	for _, s := range c.list {
		one := Change{Name: s.spec().Name}
		if noted := c.changes[s]; noted != nil {
			one = *noted
		} else if !c.meant[one.Name] {
			continue // needed, and there
		}
		one.State, one.Survivors = s.stateNow()
		list = append(list, one)
	}
	return list
}

// Start has a service running and ready.
func (sup *Supervisor) Start(ctx context.Context, name string) error {
	return sup.changeOne(ctx, ActionStart, name)
}

// Stop ends all processes of a service, and returns the moment the last one is
// gone.
func (sup *Supervisor) Stop(ctx context.Context, name string) error {
	return sup.changeOne(ctx, ActionStop, name)
}

// Restart stops a service and starts it again.
func (sup *Supervisor) Restart(ctx context.Context, name string) error {
	return sup.changeOne(ctx, ActionRestart, name)
}

func (sup *Supervisor) changeOne(ctx context.Context, action, name string) error {
	changes, err := sup.Change(ctx, action, []string{name}, true)
	for _, c := range changes {
		err = errors.Join(err, c.Err)
	}
	return err
}
