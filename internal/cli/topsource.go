package cli

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/seancehq/seance/api"
)

// topSource is where a screen gets what it shows. Each question is asked in the
// background, and its answer is a message.
type topSource struct {
	tick    func(time.Duration) tea.Cmd // a tick after so long
	look    func() tea.Cmd
	log     func(service string, lines int) tea.Cmd
	restart func(service string) tea.Cmd
}

// tick says that it is time for another look.
type tick struct{}

// looked is what one look has shown.
type looked struct {
	at       time.Time
	image    api.Image
	services []api.Service
	err      error
}

// tailed is the end of a service's log.
type tailed struct {
	service string
	lines   []api.LogLine
	err     error
}

// restarted is what came of a restart.
type restarted struct {
	service string
	err     error
}

// watcher asks a live image what a screen shows. When its monitor is lost it goes
// on with the next one.
type watcher struct {
	app    *app
	ctx    context.Context // of what is being asked; ends with the screen
	cancel context.CancelFunc
	asked  sync.WaitGroup

	mu     sync.Mutex // guards all below
	target *target
	ended  bool
}

func watchFor(ctx context.Context, a *app, t *target) *watcher {
	w := &watcher{app: a, target: t}
	w.ctx, w.cancel = context.WithCancel(ctx)
	return w
}

// end gives up what is being asked, and waits for that.
func (w *watcher) end() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.cancel()
	w.asked.Wait()
}

// begin says whether there is anybody left to answer to.
func (w *watcher) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false
	}
	w.asked.Add(1)
	return true
}

func (w *watcher) source() topSource {
	return topSource{
		tick: func(d time.Duration) tea.Cmd {
			return w.ask(func(ctx context.Context) tea.Msg { return after(ctx, d) })
		},
		look: func() tea.Cmd { return w.ask(w.look) },
		log: func(service string, lines int) tea.Cmd {
			return w.ask(func(ctx context.Context) tea.Msg { return w.log(ctx, service, lines) })
		},
		restart: func(service string) tea.Cmd {
			return w.ask(func(ctx context.Context) tea.Msg { return w.restart(ctx, service) })
		},
	}
}

func (w *watcher) ask(question func(context.Context) tea.Msg) tea.Cmd {
	return func() (answer tea.Msg) {
		if !w.begin() {
			return nil
		}
		defer w.asked.Done()
		defer func() {
			if r := recover(); r != nil {
				answer = bug{r, debug.Stack()}
			}
		}()
		return question(w.ctx)
	}
}

func after(ctx context.Context, d time.Duration) tea.Msg {
	select {
	case <-time.After(d):
		return tick{}
	case <-ctx.Done():
		return nil
	}
}

func (w *watcher) current() *target {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.target
}

// look asks what the image and its services do.
func (w *watcher) look(ctx context.Context) tea.Msg {
	t := w.current()
	l := looked{}
	l.image, l.err = ask(ctx, t.Client, t.image.Name, func() keepers { return w.app.keepersOf(t) })
	if l.err == nil {
		l.services, l.err = t.servicesWithUsage(ctx)
	}
	if unanswered(l.err) && ctx.Err() == nil {
		w.find(ctx, t, &l)
	}
	l.at = time.Now()
	return l
}

// find looks for the next monitor, which the next look asks.
func (w *watcher) find(ctx context.Context, t *target, l *looked) {
	next, err := w.app.again(ctx, t)
	if err != nil {
		l.err = err
		return
	}
	w.mu.Lock()
	w.target = next
	w.mu.Unlock()
}

func (w *watcher) log(ctx context.Context, service string, lines int) tea.Msg {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	t := w.current()
	source := t.Logs
	if t.inside { // the socket there does not tell it
		source = logFiles(w.app.around(), false)
	}
	found := tailed{service: service}
	found.err = source(ctx, api.LogQuery{Services: []string{service}, Tail: lines}, func(l api.LogLine) error {
		found.lines = append(found.lines, l)
		return nil
	})
	return found
}

func (w *watcher) restart(ctx context.Context, service string) tea.Msg {
	result, err := w.current().ChangeServices(ctx, api.ServicesRequest{Action: api.ActionRestart, Services: []string{service}, Wait: true})
	if err == nil {
		err = failedChanges(result)
	}
	return restarted{service, err}
}
