package initd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/internal/serve"
	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// Init is the session manager of one image.
type Init struct {
	spec     link.Spec
	place    api.Live
	manager  *session.Manager
	reaper   *reap.Reaper
	logs     *logfile.Set
	services *supervise.Supervisor
	link     outside
	inside   *inside
	hub      *serve.Hub // tells those who ask inside

	foreground *foreground // nil: a monitor keeps the image

	booting    context.Context    // of the first start-up
	cancelBoot context.CancelFunc // ends the first start-up before its time
	up         chan struct{}      // closed once the monitor knows how the first start-up went

	mu        sync.Mutex
	name      string         // of the live image: another after a boot under another name
	asked     *asked         // the snapshot under way, or nil
	arriving  *arriving      // the boot from a save that is not told yet, or nil
	reloading *reloading     // the reload under way, or nil
	saved     *api.SavedInfo // what the last greeting said was saved
	frozenMS  float64
	failed    string  // what went wrong at the last start-up
	failures  []error // of handlers, at the first start-up
	over      string  // how the program ended, or ""
	untold    bool    // the monitor does not know yet how the last start-up went
	// followed says that somebody follows what happens, and has had all up to
	// followedTo.
	followed   bool
	followedTo uint64
	snapshots  []tally
}

// inhabit is init from the moment on at which nothing of it is outside.
func inhabit(dir string) int {
	ending := endingSignals() // before the reaper catches what is ignored
	in, err := arrive(dir)
	if err != nil {
		return 1 // nobody to tell: the monitor sees that init is gone
	}
	err = in.prepare()
	in.link.Open()
	if err != nil {
		in.link.Send(api.Event{Type: api.EventResult, Time: time.Now(), Error: &api.Error{Code: api.CodeCannot, Message: err.Error()}})
		return 1
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, ending...) // while it boots, too
	go in.boot()
	in.quitOn(signals)
	return 0
}

// arrive makes the link, the one thing that everything else may complain
// over.
func arrive(dir string) (*Init, error) {
	spec, err := readSpec(dir)
	if err != nil {
		return nil, err
	}
	in := &Init{spec: spec, place: placeOf(spec), name: spec.Name, hub: serve.NewHub(), up: make(chan struct{}), untold: true}
	in.booting, in.cancelBoot = context.WithCancel(context.Background())
	server, err := link.Listen(in.place.Link(), in.answer)
	if err != nil {
		return nil, err
	}
	in.link = server
	g, err := in.link.Await(context.Background())
	if err != nil {
		return nil, err
	}
	in.greeted(g)
	return in, nil
}

// prepare makes everything that the image needs, and starts nothing of it.
func (in *Init) prepare() error {
	first, err := manifest.Parse(in.spec.ManifestPath, in.spec.Manifest)
	if err != nil {
		return err
	}
	if err := in.build(first); err != nil {
		return err
	}
	in.inside, err = serveInside(in)
	return err
}

// build makes what runs the image of a manifest.
func (in *Init) build(first *manifest.Manifest) (err error) {
	if in.reaper, err = reap.New(reap.Options{}); err != nil {
		return fmt.Errorf("cannot become the image's reaper: %w", err)
	}
	in.logs = logfile.NewSet(in.place.Logs(), logfile.Options{OnTrouble: in.logTrouble})
	in.manager = session.New(
		session.WithFreezer(freezer{in}),
		session.WithConcurrency(),
		session.WithBootPolicy(bootPolicy(first)),
		session.WithObserver(in.observe),
	)
	if err := in.registerOwn(); err != nil {
		return err
	}
	return in.superviseServices(first)
}

// superviseServices registers the handlers of the manifest.
func (in *Init) superviseServices(m *manifest.Manifest) (err error) {
	c := supervise.Config{
		Manifest: m,
		Reaper:   in.reaper,
		Logs:     in.logs,
		Env:      in.environment(),
		Hot:      func() bool { return in.spec.Hot },
		Run:      in.place.Dir,
		Groups:   in.groups(),
		OnEvent:  in.onEvent(),
	}
	if r := in.foreground; r != nil {
		c.EndWithUs, c.Marks, c.OnStart, c.OtherRun = true, r.marks, r.started, r.sockets()
	}
	in.services, err = supervise.New(c)
	if err != nil {
		return err
	}
	return in.services.Register(in.manager)
}

// onEvent is what is told of every change of state.
func (in *Init) onEvent() func(supervise.Event) {
	if in.foreground != nil {
		return in.foreground.changed
	}
	return in.watchProgram
}

// environment is what every program in the image finds besides the
// environment of whoever started it.
func (in *Init) environment() []string {
	env := os.Environ()
	if in.foreground != nil { // whose environment was nobody's business before
		env = slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "SEANCE_") })
	}
	for i, kv := range env {
		if len(kv) > 5 && kv[:5] == "PATH=" {
			env[i] = kv + ":" + in.place.Dir + "/bin"
		}
	}
	if in.place.Dir == nowhere {
		return append(env, api.EnvImage+"="+in.name)
	}
	return append(env, api.EnvSocket+"="+in.place.Inside(), api.EnvImage+"="+in.name)
}

// boot runs the start-up list for the first time. When it is called off, what
// was started has been shut down again, and init ends.
func (in *Init) boot() {
	in.note("booting", "")
	result, err := in.manager.Boot(in.booting)
	if !result.Running {
		in.end()
		os.Exit(0)
	}
	err = errors.Join(err, in.services.Settle(in.booting))
	in.started(result, err)
	in.noteUp("running", err)
	in.link.Send(in.booted())
	in.told()
	in.quitIfAsked()
	in.quitIfOver()
	debug.FreeOSMemory() // what is held here is frozen with the image each time
}

// booted says how the first start-up went.
func (in *Init) booted() api.Event {
	e := api.Event{Type: api.EventResult, Time: time.Now()}
	img := in.describe()
	if img.Ready < img.Services {
		e.Error = in.endedBadly()
	}
	if e.Error == nil {
		e.Image = &img
	}
	return e
}

// started keeps what went wrong at a start-up, for whoever asks later.
func (in *Init) started(result *session.Result, err error) {
	in.checkLogs()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.failed = ""
	if err != nil && result.Running {
		in.failed = err.Error()
	}
}

// endingSignals are those that quit an image. The last two would end init on the
// spot, and with it all that it keeps; one of them that is ignored, as under
// nohup(1), stays so.
func endingSignals() []os.Signal {
	signals := []os.Signal{syscall.SIGTERM, syscall.SIGINT}
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			signals = append(signals, s)
		}
	}
	return signals
}

// quitOn makes a signal from outside, such as the SIGTERM of a shutting down host,
// an orderly quit.
func (in *Init) quitOn(signals <-chan os.Signal) {
	for range signals {
		req := api.SnapshotRequest{Quit: true}
		if id, err := in.admit(req); err == nil {
			in.makeSnapshot(context.Background(), id, req)
		}
	}
}

// end lets go of what is open, just before init exits.
func (in *Init) end() {
	in.logs.End()
	in.link.Close(nil)
}
