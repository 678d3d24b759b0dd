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
// reverse. With wait it returns when all are ready, or stopped; what ends right
// after its start with a failure has not been started. Else it returns at once, and tells of those that change the state they come to next. It goes on
// when ctx ends, which ends only the wait.
//
// In the time in which a snapshot holds a service it is changed after that; when
// the image is quitting, not at all ([ErrQuitting]).
//
// The error is of the request as a whole; it wraps [ErrNotFound] or [ErrAction],
// or is ctx's.
func (sup *Supervisor) Change(ctx context.Context, action string, names []string, wait bool) ([]Change, error) {
	c, err := sup.change(ctx, action, names, wait)
	if c == nil {
		return nil, err
	}
	if wait && err == nil {
		err = c.prove(ctx)
	}
	return c.result(), err
}

// change is Change without that last look at what was started.
func (sup *Supervisor) change(ctx context.Context, action string, names []string, wait bool) (*changing, error) {
	if action != ActionStart && action != ActionStop && action != ActionRestart {
		return nil, fmt.Errorf("cannot %q services: %w: there are %s, %s and %s", action, ErrAction, ActionStart, ActionStop, ActionRestart)
	}
	meant, err := sup.meant(action, names)
	if err != nil {
		return nil, err
	}
	c := newChanging(sup, action, meant)
	c.begin()
	finished := make(chan struct{})
	if !sup.background(func() { defer close(finished); c.run(sup.ctx) }) {
		return nil, ErrClosed
	}
	if !wait {
		return c, nil
	}
	select {
	case <-finished:
		return c, nil
	case <-ctx.Done():
		return c, ctx.Err()
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
	done    map[*service]bool
	started map[*service]*instance
}

func newChanging(sup *Supervisor, action string, meant map[string]bool) *changing {
	c := &changing{
		action: action, meant: meant,
		changes: map[*service]*Change{}, done: map[*service]bool{}, started: map[*service]*instance{},
	}
	all := sup.ordered()
	wanted := meant
	if action != ActionStop {
		wanted = withNeeds(sup, meant)
	}
	for _, s := range all {
		name := s.spec().Name
		if !wanted[name] || !meant[name] && s.isReady() {
			continue
		}
		c.list = append(c.list, s)
		c.changes[s] = &Change{Name: name, Changed: c.isChange(s)}
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

// begin takes note of the starts to come; end, of each of them that is over.
func (c *changing) begin() {
	if c.action == ActionStop {
		return
	}
	for _, s := range c.list {
		s.comes()
	}
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

// isChange says that the action changes something of a service.
func (c *changing) isChange(s *service) bool {
	switch {
	case c.action == ActionStop:
		return !s.isStopped()
	case c.action == ActionRestart && c.meant[s.spec().Name]:
		return true
	}
	return !s.isLive()
}

// start starts a service that is meant, or that one that is meant needs.
func (c *changing) start(ctx context.Context, s *service) {
	err := c.lostNeed(s)
	if err == nil {
		err = s.startForUser(ctx)
	}
	c.end(s, err)
}

func (c *changing) stop(ctx context.Context, s *service) { c.end(s, s.stopForUser(ctx)) }

// lostNeed is the error of a service one of whose needed ones failed to start.
func (c *changing) lostNeed(s *service) error {
	for _, n := range s.needed() {
		if err := c.failure(n); err != nil {
			return &NeedError{Name: n.spec().Name, Why: "failed: " + firstLine(Cause(err)), Err: err}
		}
	}
	return nil
}

// restart stops those that are meant and starts them again. One that is being
// restarted already is not restarted twice: a request that is made again, as
// after a freeze, does no harm.
func (c *changing) restart(ctx context.Context) {
	var stopped []*service
	others := map[*service]<-chan struct{}{}
	for _, s := range c.list {
		if !c.meant[s.spec().Name] {
			continue
		}
		done, first := s.beginRestart()
		if !first {
			others[s] = done
			continue
		}
		defer s.endRestart()
		stopped = append(stopped, s)
	}
	inReverse(stopped, func(s *service) {
		if err := s.stopForUser(ctx); err != nil {
			c.end(s, err)
		}
	})
	inOrder(c.list, func(s *service) {
		if others[s] == nil && c.failure(s) == nil {
			c.start(ctx, s)
		}
	})
	for s, done := range others {
		<-done
		c.end(s, nil)
	}
}

func (c *changing) fail(s *service, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes[s].Err = failure(c.action, "service", s.spec().Name, err)
}

// end takes note that the service is done with.
func (c *changing) end(s *service, err error) {
	if err != nil {
		c.fail(s, err)
	}
	in := s.instance()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done[s] = true
	if err == nil && c.action != ActionStop && c.changes[s].Changed {
		c.started[s] = in
	}
	if c.action != ActionStop {
		s.went()
	}
}

func (c *changing) failure(s *service) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if change := c.changes[s]; change != nil {
		return change.Err
	}
	return nil
}

// result is how things are now, in start-up order.
func (c *changing) result() []Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]Change, 0, len(c.list))
	for _, s := range c.list {
		one := *c.changes[s]
		one.State, one.Survivors = s.stateNow()
		if one.Changed && !c.done[s] {
			one.State = c.next()
		}
		list = append(list, one)
	}
	return list
}

// next is the state that a service comes to first.
func (c *changing) next() State {
	if c.action == ActionStart {
		return Starting
	}
	return Stopping
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
	c, err := sup.change(ctx, action, []string{name}, true)
	if c == nil {
		return err
	}
	for _, one := range c.result() {
		err = errors.Join(err, one.Err)
	}
	return err
}
