package supervise

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// Reload is the plan of a reload and, unless that was all that was wanted, what
// came of it.
type Reload struct {
	// Steps are those that end something, in the order of the shut-down list,
	// then those that begin or change something, in that of the start-up list. In
	// this order they are taken; what is restarted ends with the first.
	Steps []Step
	// Unchanged is how many services and hooks stay as they are.
	Unchanged int
	Done      bool // false after a dry run
}

// The actions of a Step.
const (
	StepStop    = "stop"    // of one that is to go; a hook's shut-down command is run
	StepStart   = "start"   // of one that is new; a hook's start-up command is run
	StepRestart = "restart" // stopped and started with what is new
	StepUpdate  = "update"  // takes what is new without being started or stopped
)

// Step is one step of a reload.
type Step struct {
	Action string
	Name   string
	Kind   Kind
	// Keys of the manifest that have changed, such as command.
	Keys []string
	Err  error
}

// Reload makes the supervisor one of another manifest, and m a manager with its
// handlers in their order. Only what has changed is stopped and started:
// services first end, in the order of the shut-down list, then the lists are
// those of the new manifest, then services begin in the order of the start-up
// list. A service that the user has stopped stays so. Hooks that were added to
// the live image stay, unless the manifest has something of that name.
//
// A step that fails is reported with it, and the others are taken all the same:
// what could not be stopped stays on the lists as it was, what could not be
// started has failed, and another Reload goes on from there. Reloads wait for
// each other, and for a snapshot; when the image is quitting there is none
// ([ErrQuitting]). What has begun goes on when ctx ends, which ends only the
// wait.
//
// progress, which may be nil, is told of each step as it is taken, by several
// goroutines one at a time.
func (sup *Supervisor) Reload(ctx context.Context, m *session.Manager, to *manifest.Manifest, dryRun bool, progress func(string)) (*Reload, error) {
	for _, spec := range to.Services {
		if unix.SignalNum("SIG"+spec.Shutdown.Signal) == 0 {
			return nil, fmt.Errorf("cannot reload service %q: unknown signal %q", spec.Name, spec.Shutdown.Signal)
		}
	}
	if dryRun {
		return sup.planReload(to), nil
	}
	if progress == nil {
		progress = func(string) {}
	}
	r := &reloading{sup: sup, manager: m, to: to, progress: progress}
	if err := r.begin(ctx); err != nil {
		return nil, fmt.Errorf("cannot reload: %w", err)
	}
	done := make(chan error, 1)
	if !sup.background(func() {
		defer func() { <-sup.reloading }()
		done <- r.run(sup.ctx)
	}) {
		<-sup.reloading
		return nil, ErrClosed
	}
	select {
	case err := <-done:
		return r.result(), err
	case <-ctx.Done():
		return r.result(), ctx.Err()
	}
}

// planReload is what a reload would do now.
func (sup *Supervisor) planReload(to *manifest.Manifest) *Reload {
	return diff(sup.roster(to), rosterOf(to), sup.isIdle)
}

// isIdle says that a service is not running, and not because something went
// wrong with it.
func (sup *Supervisor) isIdle(name string) bool {
	s := sup.named(name)
	return s != nil && s.isStopped()
}

// roster is who there is now: what the manifest says, and more when the last
// reload could not stop it. Of the hooks that were added to the live image there
// are those whose names the new manifest uses.
func (sup *Supervisor) roster(to *manifest.Manifest) roster {
	names := map[string]bool{}
	for _, e := range entriesOf(rosterOf(to)) {
		names[e.name()] = true
	}
	sup.mu.Lock()
	defer sup.mu.Unlock()
	r := roster{categories: sup.manifest.CategoryOrder()}
	for _, s := range sup.services {
		r.services = append(r.services, *s.spec())
	}
	for _, h := range sup.hooks {
		if !h.added || names[h.spec.Name] {
			r.hooks = append(r.hooks, h.spec)
		}
	}
	return r
}

// reloading is a reload under way.
type reloading struct {
	sup      *Supervisor
	manager  *session.Manager
	to       *manifest.Manifest
	progress func(string)
	from     roster
	kept     map[string]bool // services that were to end and did not

	mu      sync.Mutex // guards all below; held while progress is told
	plan    *Reload
	started []started
}

// started is what a step of a reload has started.
type started struct {
	entry   entry
	service *service
	in      *instance
}

// begin makes this the one reload under way, at a moment when no snapshot is.
func (r *reloading) begin(ctx context.Context) error {
	select {
	case r.sup.reloading <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := r.sup.held.wait(ctx); err != nil {
		<-r.sup.reloading
		return err
	}
	r.from = r.sup.roster(r.to)
	r.plan = r.sup.planReload(r.to)
	return nil
}

func (r *reloading) run(ctx context.Context) error {
	walk(r.steps(r.from, session.Shutdown, r.end), true)
	if err := r.sup.held.wait(ctx); err != nil {
		return fmt.Errorf("cannot reload: %w", err)
	}
	r.kept = r.unstopped()
	if err := r.sup.become(r.manager, r.to, r.kept); err != nil {
		return fmt.Errorf("cannot reload: %w", err)
	}
	r.update()
	walk(r.steps(rosterOf(r.to), session.Startup, r.start), false)
	r.prove(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan.Done = true
	return nil
}

// update has services go by what is new and needs no start. Where that fails, as
// when a disk is full, the step says so.
func (r *reloading) update() {
	for _, s := range r.sup.all() {
		if err := s.configureLog(); err != nil {
			spec := s.spec()
			r.note(entry{service: spec}, fmt.Errorf("cannot keep the log of service %q: %w", spec.Name, err))
		}
		s.watchAnew()
	}
}

// steps are those entries of a roster for which do gives something to do: it is
// told what they would be told at a boot or a quit.
func (r *reloading) steps(of roster, a session.Action, do func(entry) func(context.Context) error) []step {
	var list []step
	for _, e := range entriesOf(of) {
		fn := do(e)
		if fn == nil {
			continue
		}
		category, priority := e.rank()
		one := step{name: e.name(), category: category, priority: priority}
		if e.service != nil {
			one.needs = e.service.Needs
		}
		one.do = func() {
			began := time.Now()
			err := fn(r.sup.ctx)
			r.note(e, err)
			r.manager.Ran(session.Record{
				ID: e.name(), Action: a, Booting: a == session.Startup, Quitting: a == session.Shutdown,
				Start: began, Duration: time.Since(began), Err: err,
			})
		}
		list = append(list, one)
	}
	return list
}

// end is how an entry of the old roster ends, nil if it does not.
func (r *reloading) end(e entry) func(context.Context) error {
	planned := r.planned(e)
	switch {
	case planned == nil || planned.Action != StepStop && planned.Action != StepRestart:
		return nil
	case e.hook != nil:
		return r.endHook(e)
	}
	s := r.sup.named(e.name())
	return func(ctx context.Context) error {
		r.tell("stopping service %q", e.name())
		if err := s.stopForUser(ctx); err != nil {
			return failure("stop", "service", e.name(), err)
		}
		return nil
	}
}

func (r *reloading) endHook(e entry) func(context.Context) error {
	h := r.sup.hook(e.name())
	if len(h.spec.Shutdown) == 0 {
		return nil
	}
	return func(ctx context.Context) error {
		r.tell("running the shut-down command of hook %q", e.name())
		return hookHandler{h}.Shutdown(ctx, true)
	}
}

// start is how an entry of the new roster begins, nil if it does not.
func (r *reloading) start(e entry) func(context.Context) error {
	planned := r.planned(e)
	switch {
	case planned == nil || e.service != nil && r.kept[e.name()]:
		return nil
	case planned.Action != StepStart && planned.Action != StepRestart:
		return nil
	case e.hook != nil:
		return r.startHook(e)
	}
	s := r.sup.named(e.name())
	return func(ctx context.Context) error {
		r.tell("starting service %q", e.name())
		if err := s.startAnew(ctx); err != nil {
			return failure("start", "service", e.name(), err)
		}
		in := s.instance()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.started = append(r.started, started{e, s, in})
		return nil
	}
}

func (r *reloading) startHook(e entry) func(context.Context) error {
	h := r.sup.hook(e.name())
	if len(h.spec.Startup) == 0 {
		return nil
	}
	return func(ctx context.Context) error {
		r.tell("running the start-up command of hook %q", e.name())
		return hookHandler{h}.Startup(ctx, true)
	}
}

// planned is the step of an entry, nil if there is none. One that changes its
// kind has two.
func (r *reloading) planned(e entry) *Step {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.plannedLocked(e)
}

func (r *reloading) plannedLocked(e entry) *Step {
	for i := range r.plan.Steps {
		if s := &r.plan.Steps[i]; s.Name == e.name() && s.Kind == e.kind() {
			return s
		}
	}
	return nil
}

func (r *reloading) note(e entry, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.plannedLocked(e); s != nil && err != nil {
		s.Err = errors.Join(s.Err, err)
	}
}

func (r *reloading) tell(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress(fmt.Sprintf(format, args...))
}

// unstopped are the services that were to end and did not: by their names.
func (r *reloading) unstopped() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := map[string]bool{}
	for _, s := range r.plan.Steps {
		if s.Err != nil && s.Kind == KindService {
			names[s.Name] = true
		}
	}
	return names
}

// result is how far it has come.
func (r *reloading) result() *Reload {
	r.mu.Lock()
	defer r.mu.Unlock()
	plan := *r.plan
	plan.Steps = append([]Step(nil), r.plan.Steps...)
	return &plan
}
