package initd

import (
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/linux/trim"
	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/internal/serve"
	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// Foreground is an image that this process runs itself: there is no monitor and
// no namespace, and it is not saved. It is made of what init is made of, and
// serves the API where a monitor would.
type Foreground struct {
	Manifest *manifest.Manifest
	Name     string
	// Home is where the image's folder is. When that cannot be written and is not
	// Chosen, a folder for things that pass is used.
	Home   api.Home
	Chosen bool
	// Only are the services to run, with those that they need, after a reload too;
	// none: all that are not disabled.
	Only []string
	// Until is the service with whose end the image ends; "": with the last one.
	Until string
	// ExitOnFailure ends the image when a service has failed for good.
	ExitOnFailure bool
	// Reread reads the manifest again, for SIGHUP.
	Reread func() (*manifest.Manifest, error)

	// Written is given what is written, by one goroutine; see [logfile.Set.Tee].
	Written func(written []logfile.Output, skipped int)
	// Remark is what to say of a change of state, in its turn among what is
	// written; "": nothing. It is asked of a start that takes long, and not of the
	// stop of what does not run. It is called by many goroutines and must not block.
	Remark func(supervise.Event) string
	// Say is given what seance itself has to say, without an end of the line. The
	// last lines of a program may follow, indented.
	Say func(message string)
}

// foreground is the run of one.
type foreground struct {
	Foreground
	in     *Init
	place  *place     // nil: there is no folder to be had
	marks  reap.Marks // of its programs
	server *server
	tee    *logfile.Tee
	guard  *guarding

	remarks *remarks

	check   chan struct{} // a service has ended: the image may be over
	ended   chan struct{} // closed when its session is
	written chan struct{} // closed when its logs are complete
	cleared chan struct{} // closed when nothing is left of it

	once   sync.Once
	result *session.Result // of what ended the session
	err    error           // all that failed in that

	asked time.Time // when a signal first asked for the end; of attend alone

	mu    sync.Mutex
	first *failure       // the first service that failed
	until *failure       // how Until ended
	now   syscall.Signal // that asked for an end at once
}

// failure is a service that ended as it should not have.
type failure struct {
	name   string
	status int
}

// Run runs the image until it ends, and returns the exit status that tells how
// it went: that of the first service that failed, else 0.
//
// SIGINT and SIGTERM shut it down in order; a second one that is not an echo of
// the first, and SIGQUIT, kill what is left at once. SIGHUP does too when this process has a terminal, which is
// gone then; else the manifest is read again. SIGPIPE shuts down: it is
// for the caller to send when nobody reads what is written.
func (f Foreground) Run(signals <-chan os.Signal) (status int, err error) {
	r := &foreground{
		Foreground: f,
		marks:      reap.NewMarks(),
		check:      make(chan struct{}, 1),
		ended:      make(chan struct{}),
		written:    make(chan struct{}),
		cleared:    make(chan struct{}),
	}
	if err := r.checkNames(r.Manifest); err != nil {
		return 0, err
	}
	r.Manifest = r.selected(r.Manifest)
	if r.place, err = r.claim(); err != nil {
		return 0, err
	}
	if err := r.build(); err != nil {
		r.place.clear()
		return 0, err
	}
	if err := r.place.record(r); err != nil {
		r.Say(err.Error()) // others will not find it, and it runs all the same
	}
	r.serve()
	go r.boot()
	r.attend(signals)
	r.clear()
	return r.status()
}

// build makes what runs the image, and starts nothing of it.
func (r *foreground) build() error {
	in := &Init{
		spec: link.Spec{Name: r.Name, Manifest: r.Manifest.Source, ManifestPath: r.Manifest.Path, Env: os.Environ()},
		name: r.Name, hub: serve.NewHub(), up: make(chan struct{}), untold: true, link: alone{}, foreground: r,
	}
	in.place = r.place.live()
	in.spec.Dir = in.place.Dir
	in.booting, in.cancelBoot = context.WithCancel(context.Background())
	r.in = in
	r.remarks = newRemarks(func(service string) int { return in.services.PID(service) }, r.remark)
	if err := in.build(r.Manifest); err != nil {
		return err
	}
	r.tee = in.logs.Tee(r.Written)
	r.guard = r.guarding()
	return nil
}

// boot runs the start-up list for the first time.
func (r *foreground) boot() {
	in := r.in
	in.note("booting", "")
	result, err := in.manager.Boot(in.booting)
	if !result.Running {
		r.sayFailures(in.failedSoFar())
		r.finish(result, err)
		return
	}
	in.started(result, err)
	in.noteUp("running", err)
	in.told()
	r.sayFailures(err)
	rest()
	in.quitIfAsked()
	r.look()
}

// Garbage is no more than this many percent of what is not, once all runs.
const garbage = 100

// HurryUp has no garbage collected in this process before a [Foreground] is up.
// While an image starts there is little, and to look for it takes a good part of
// the time. There is a limit to it all the same.
func HurryUp() {
	const limit = 256 << 20
	debug.SetMemoryLimit(limit)
	debug.SetGCPercent(-1)
}

// rest gives back the memory that the start took.
func rest() {
	debug.SetGCPercent(garbage)
	debug.SetMemoryLimit(math.MaxInt64)
	debug.FreeOSMemory()
	_ = trim.Program() // it works as well with more
}

// finish takes note of the end of the session.
func (r *foreground) finish(result *session.Result, err error) {
	r.once.Do(func() {
		r.result, r.err = result, err
		close(r.ended)
	})
}

// look has somebody look whether the image is over.
func (r *foreground) look() {
	select {
	case r.check <- struct{}{}:
	default: // it is about to be
	}
}

// attend does what signals and the ends of services ask for, until the session
// has ended.
func (r *foreground) attend(signals <-chan os.Signal) {
	hangUp := hasTerminal()
	for {
		select {
		case s := <-signals:
			r.signalled(s.(syscall.Signal), hangUp)
		case <-r.check:
			r.quitIfOver()
		case <-r.ended:
			return
		}
	}
}

// echo is how soon after the first signal another one is taken for the same.
// timeout(1) and shells send one to a process, and at once to its whole group.
const echo = 250 * time.Millisecond

func (r *foreground) signalled(s syscall.Signal, hangUp bool) {
	switch {
	case s == syscall.SIGHUP && !hangUp:
		go r.reload()
	case s == syscall.SIGQUIT:
		r.quit("killing all at once")
		r.hurry(s)
	case !r.asked.IsZero() && time.Since(r.asked) < echo:
		return
	case r.quitting() && s != syscall.SIGPIPE:
		r.Say("killing what is left")
		r.hurry(s)
	case s == syscall.SIGINT:
		r.ask("shutting down; once more to kill all at once")
	default:
		r.ask("shutting down")
	}
}

// ask shuts the image down because a signal asks for it.
func (r *foreground) ask(why string) {
	if r.asked.IsZero() {
		r.asked = time.Now()
	}
	r.quit(why)
}

// hasTerminal says whether there is a controlling terminal, whose end is told by
// SIGHUP.
func hasTerminal() bool {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// quit shuts the image down, unless somebody has begun to.
func (r *foreground) quit(why string) {
	req := api.SnapshotRequest{Quit: true}
	id, err := r.in.admit(req)
	if err != nil {
		return
	}
	r.Say(why)
	HurryUp() // all of the garbage goes with this process
	go r.in.makeSnapshot(context.Background(), id, req)
}

func (r *foreground) quitting() bool {
	r.in.mu.Lock()
	defer r.in.mu.Unlock()
	return r.in.asked != nil
}

// hurry has everything that is left killed, and the shut-down list go on with
// what else there is.
func (r *foreground) hurry(s syscall.Signal) {
	r.mu.Lock()
	r.now = s
	r.mu.Unlock()
	r.in.services.Hurry()
}

// clear leaves nothing of the image when its session has ended.
func (r *foreground) clear() {
	_ = r.in.logs.Open() // the shut-down list has closed them, and there may be last words
	r.endRest()
	r.in.services.Close()
	written, giveUp := context.WithTimeout(context.Background(), time.Second)
	defer giveUp()
	_ = r.tee.Stop(written) // a terminal that was stopped is not waited for
	r.in.logs.End()
	close(r.written)
	r.place.clear()
	r.guard.end()
	r.in.reaper.Close()
	close(r.cleared)
	r.server.stop()
}

// clearLimit is how long what the shut-down list has left may take to end.
const clearLimit = 5 * time.Second

// endRest ends what the shut-down list has left, and tells what may live on.
func (r *foreground) endRest() {
	ctx, cancel := context.WithTimeout(context.Background(), clearLimit)
	defer cancel()
	end := r.in.services.EndRest
	if r.err != nil {
		end = r.in.services.StopAll
	}
	if err := end(ctx); err != nil {
		r.Say(firstLine(err))
	}
	survivors, err := r.in.services.Survivors()
	if err != nil {
		r.Say(firstLine(err))
	}
	for _, name := range slices.Sorted(maps.Keys(survivors)) {
		r.Say(fmt.Sprintf("%s has left running: %s", name, strings.Join(survivors[name], ", ")))
	}
}

// status is how the image went.
func (r *foreground) status() (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.now != 0:
		return 128 + int(r.now), nil
	case r.until != nil:
		return r.until.status, nil
	case r.rolledBack() != nil:
		return r.failedStatus(), r.rolledBack()
	case r.first != nil:
		return r.first.status, nil
	case r.err != nil && r.in.booting.Err() == nil:
		return 1, r.err
	}
	return 0, nil
}

func (r *foreground) failedStatus() int {
	if r.first != nil {
		return r.first.status
	}
	return 1
}

// rolledBack is why the start-up was, as on_failure says.
func (r *foreground) rolledBack() error {
	if e := r.in.rolledBack(); e != nil && r.result != nil && r.result.Booting {
		return e
	}
	return nil
}

// sayFailures tells what has failed at start-up, when that is not rolled back.
func (r *foreground) sayFailures(err error) {
	if err == nil {
		return
	}
	all := []error{err}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		all = many.Unwrap()
	}
	for _, one := range roots(all) {
		r.Say(one.Error())
	}
}

// reload has the image become what the manifest says now.
func (r *foreground) reload() {
	m, err := r.Reread()
	if err != nil {
		r.Say(fmt.Sprintf("cannot reload: %v", err))
		return
	}
	done, err := r.in.reload(context.Background(), api.ReloadRequest{Manifest: m.Source, ManifestPath: m.Path})
	if err != nil {
		r.Say(err.Error())
		return
	}
	for _, step := range done.(api.ReloadResult).Steps {
		if step.Error != "" {
			r.Say(step.Error)
		}
	}
	r.Say("reloaded")
}
