package supervise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/cgroup"
	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// ErrNotFound says that there is no service of that name.
var ErrNotFound = errors.New("no such service")

// Config is what a Supervisor is made of.
type Config struct {
	Manifest *manifest.Manifest
	Reaper   *reap.Reaper
	// Logs take the output of services and hooks. The Supervisor neither opens
	// nor closes them.
	Logs *logfile.Set
	// Env is the environment that services and hooks have in common, KEY=value
	// each.
	Env []string
	// Hot says whether the freezer keeps memory. Default: never.
	Hot func() bool
	// Run is the folder for sockets on which services speak up. It is there again
	// when a saved image is booted. Default: OtherRun.
	Run string
	// OtherRun is the folder that is made for them when it is needed: where there is
	// no Run, or not everybody gets there. Default: a new one.
	OtherRun string
	// Groups is where each service has a control group of its own. nil: nowhere.
	// The Supervisor does not close it.
	Groups *cgroup.Tree
	// Marks are those of the programs that are started. Default: new ones.
	Marks reap.Marks
	// Proc and Dev are where proc(5) and the devices are. Default: /proc and /dev.
	Proc, Dev string
	// EndWithUs sends a program the signal that asks it to end when this process
	// dies. It is for a process that has no namespace which ends with it.
	EndWithUs bool
	// OnStart is told when a program has been started. It must not block.
	OnStart func()
	// OnEvent is told of every change of state. It is called by many goroutines
	// and must not block.
	OnEvent func(Event)
}

// Kind is what a handler of the manifest is.
type Kind string

// The kinds.
const (
	KindService Kind = "service"
	KindHook    Kind = "hook"
	KindImage   Kind = "image" // of a [Notice] alone
)

// Event is a change of state of a service or a hook.
type Event struct {
	Time     time.Time
	Kind     Kind
	Name     string
	State    State
	Ready    bool
	Instance int // counts starts, from 1
	PID      int // 0 when the instance has none yet
	Err      error
}

// Supervisor runs the services and hooks of one manifest.
type Supervisor struct {
	reaper  *reap.Reaper
	tracker *tracker
	logs    *logfile.Set
	env     []string
	hot     func() bool
	dev     string
	withUs  bool // see Config.EndWithUs
	turns   turns
	moment  time.Duration // see moment
	onEvent func(Event)
	run     string        // the folder for sockets, or ""
	sockets atomic.Uint64 // that were made for services to speak up
	notices notices
	held    holds

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // of background

	reloading chan struct{}                         // held by the reload that is under way
	needers   atomic.Pointer[map[string][]*service] // see linkNeeds

	mu       sync.Mutex // guards all below
	manifest *manifest.Manifest
	services []*service // in the order of the manifest; never changed once made
	byName   map[string]*service
	hooks    []*hook    // in the order of the manifest, then in that of AddHook
	gone     []*service // removed, whose output others hold open
	former   []*hook    // the same of hooks, or replaced
	closed   bool       // no more goroutines
	ownRun   string     // the folder that was made for those sockets, or ""
	otherRun string     // what it is to be
}

// New makes a Supervisor. Nothing is started.
func New(c Config) (*Supervisor, error) {
	sup := &Supervisor{
		manifest: c.Manifest,
		reaper:   c.Reaper,
		logs:     c.Logs,
		env:      c.Env,
		hot:      c.Hot,
		dev:      c.Dev,
		withUs:   c.EndWithUs,
		turns:    newTurns(),
		moment:   moment,
		onEvent:  c.OnEvent,
		run:      c.Run,
		otherRun: c.OtherRun,
		byName:   map[string]*service{},

		reloading: make(chan struct{}, 1),
	}
	if sup.hot == nil {
		sup.hot = func() bool { return false }
	}
	if sup.dev == "" {
		sup.dev = "/dev"
	}
	if c.Proc == "" {
		c.Proc = "/proc"
	}
	if c.Marks == 0 {
		c.Marks = reap.NewMarks()
	}
	sup.ctx, sup.cancel = context.WithCancel(context.Background())
	sup.tracker = newTracker(c.Reaper, c.Proc, c.Groups, c.Marks)
	sup.tracker.onStart = c.OnStart
	if err := sup.fill(); err != nil {
		sup.Close()
		return nil, err
	}
	return sup, nil
}

func (sup *Supervisor) fill() error {
	for _, spec := range sup.manifest.Services {
		if unix.SignalNum("SIG"+spec.Shutdown.Signal) == 0 {
			return fmt.Errorf("cannot supervise service %q: unknown signal %q", spec.Name, spec.Shutdown.Signal)
		}
		s := newService(sup, spec)
		sup.services = append(sup.services, s)
		sup.byName[spec.Name] = s
	}
	sup.linkNeeds()
	for _, s := range sup.services {
		if err := s.configureLog(); err != nil {
			return fmt.Errorf("cannot keep the log of service %q: %w", s.spec().Name, err)
		}
	}
	for _, spec := range sup.manifest.Hooks {
		sup.hooks = append(sup.hooks, newHook(sup, spec))
	}
	return nil
}

// Register creates the manifest's categories and registers its services, then
// its hooks, in the order of the file; but those that others of their rank need
// come before these.
func (sup *Supervisor) Register(m *session.Manager) error {
	if err := createCategories(m, sup.Manifest()); err != nil {
		return err
	}
	for _, s := range sup.ordered() {
		if err := s.register(m); err != nil {
			return err
		}
	}
	for _, h := range sup.allHooks() {
		if err := h.register(m); err != nil {
			return err
		}
	}
	return nil
}

// createCategories makes the user's own categories, each right after the one
// before it: one may follow another that stands later in the file.
func createCategories(m *session.Manager, of *manifest.Manifest) error {
	own := map[string]bool{}
	for _, c := range of.Categories {
		own[c.Name] = true
	}
	before := ""
	for _, name := range of.CategoryOrder() {
		if own[name] {
			if _, err := m.CreateCategoryAfter(name, before); err != nil {
				return err
			}
		}
		before = name
	}
	return nil
}

// register puts the service on the lists of a session manager.
func (s *service) register(m *session.Manager, more ...session.RegisterOption) error {
	h := serviceHandler{s}
	spec := s.spec()
	opts := []session.RegisterOption{
		session.InCategory(spec.Category), session.AtPriority(spec.Priority),
		session.WithTimeout(h.timeLimit()), session.WithUndoTime(h.undoTime()),
		session.WithOthers(s.isMeant),
	}
	return m.Register(h, append(opts, more...)...)
}

// Manifest is what the supervisor runs now: a reload may have changed it.
func (sup *Supervisor) Manifest() *manifest.Manifest {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	return sup.manifest
}

// all is the services in the order of the manifest.
func (sup *Supervisor) all() []*service {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	return sup.services
}

// named is the service of that name, nil when there is none.
func (sup *Supervisor) named(name string) *service {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	return sup.byName[name]
}

// lastGrace is how long what belongs to no service has after SIGTERM.
const lastGrace = time.Second

// StopAll stops all services at once, whatever their order, and then ends every
// process that is left: those of hooks, and those that were nobody's, but not
// what detached services leave behind: see Survivors. It is what to do when the
// shut-down list has failed, and after it to be sure.
func (sup *Supervisor) StopAll(ctx context.Context) error {
	all := sup.all()
	errs := make([]error, len(all)+1)
	var wg sync.WaitGroup
	for i, s := range all {
		wg.Go(func() {
			if err := s.stop(ctx); err != nil {
				errs[i] = fmt.Errorf("cannot stop service %q: %w", s.spec().Name, err)
			}
		})
	}
	wg.Wait()
	errs[len(all)] = sup.EndRest(ctx)
	return errors.Join(errs...)
}

// EndRest ends every process that is left once all services are stopped: those
// of hooks, and those that were nobody's.
func (sup *Supervisor) EndRest(ctx context.Context) error {
	if err := sup.tracker.endAll(ctx, lastGrace, sup.detached()); err != nil {
		return fmt.Errorf("cannot end the remaining processes: %w", err)
	}
	return nil
}

// Close ends what the Supervisor does by itself. Programs that still run go on,
// but nobody reads what they write: StopAll comes first. The logs must be open,
// or have ended.
func (sup *Supervisor) Close() {
	sup.mu.Lock()
	closed := sup.closed
	sup.closed = true
	sup.mu.Unlock()
	if closed {
		return
	}
	sup.cancel()
	for _, s := range sup.all() {
		s.mu.Lock()
		s.stopTimerLocked()
		s.unwatchLocked()
		s.mu.Unlock()
	}
	sup.wg.Wait()
	sup.tracker.close()
	// Output ends with the programs. Of those that go on it is given up.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, in := range sup.instances() {
		in.release(ctx)
	}
	sup.removeSocketDir()
}

func (sup *Supervisor) instances() []*instance {
	var all []*instance
	sup.mu.Lock()
	services, hooks := slices.Concat(sup.services, sup.gone), slices.Concat(sup.hooks, sup.former)
	sup.mu.Unlock()
	for _, s := range services {
		all = append(all, s.runs()...)
	}
	for _, h := range hooks {
		all = append(all, h.instances()...)
	}
	return all
}

// background runs fn on a goroutine that Close waits for. After Close it does
// not, and says so.
func (sup *Supervisor) background(fn func()) bool {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	if !sup.closed {
		sup.wg.Go(fn)
	}
	return !sup.closed
}

// note writes a line into a service's log. It does not wait for a closed log.
func (sup *Supervisor) note(name, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	sup.background(func() { sup.logs.Log(name).Note(text) })
}

func (sup *Supervisor) tell(e Event) {
	e.Time = time.Now()
	sup.notices.add(noticeOf(e))
	if sup.onEvent != nil {
		sup.onEvent(e)
	}
}
