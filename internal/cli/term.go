package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/seancehq/seance/api"
)

// isTerminal says whether w is a terminal that a person looks at.
func (a *app) isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && a.env("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// width is how many columns a line printed to w may take; 0 is no limit.
func (a *app) width(w io.Writer) int {
	if !a.isTerminal(w) {
		return 0
	}
	columns, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// colours paints text, on a terminal whose user has not said NO_COLOR.
type colours struct{ on bool }

func (a *app) colours() colours {
	return colours{on: a.isTerminal(a.stdout) && a.env("NO_COLOR") == ""}
}

// ordinal paints text in one of six colours, chosen by n.
func (c colours) ordinal(n int, text string) string {
	if !c.on {
		return text
	}
	codes := [...]int{36, 33, 32, 35, 34, 31} // cyan, yellow, green, magenta, blue, red
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", codes[n%len(codes)], text)
}

func (c colours) faint(text string) string {
	if !c.on {
		return text
	}
	return "\x1b[2m" + text + "\x1b[0m"
}

// progressDelay is how long an operation may take before it is worth saying
// what goes on.
const progressDelay = time.Second

// progress shows what goes on in one line of a terminal that is overwritten,
// once it takes longer than progressDelay. On anything but a terminal it
// shows nothing.
type progress struct {
	w     io.Writer
	width int
	timer *time.Timer

	mu    sync.Mutex
	line  string // what goes on
	shown bool   // the line stands on the terminal
	over  bool
}

func (a *app) startProgress() *progress {
	p := &progress{w: io.Discard}
	if a.isTerminal(a.stderr) && !a.quiet {
		p.w, p.width = a.stderr, a.width(a.stderr)
	}
	p.timer = time.AfterFunc(progressDelay, p.show)
	return p
}

// event takes note of what goes on.
func (p *progress) event(e api.Event) {
	line := cut(describe(e), p.width-1)
	if line == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line = line
	if p.shown {
		p.printLocked()
	}
}

func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.line == "" {
		p.shown = !p.over
		return
	}
	p.shown = true
	p.printLocked()
}

func (p *progress) printLocked() { fmt.Fprintf(p.w, "\r\x1b[K%s", p.line) }

// end wipes the line.
func (p *progress) end() {
	p.timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown && p.line != "" {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.over, p.shown = true, false
}

// describe says in a few words what an event reports; "" when it is not worth
// a line.
func describe(e api.Event) string {
	switch {
	case e.Type == api.EventStage:
		return e.Message + " …"
	case e.Type == api.EventHandler && e.Phase == "before" && e.Handler != nil:
		verb := map[string]string{"startup": "starting", "shutdown": "shutting down"}[e.Handler.Action]
		return fmt.Sprintf("%s %s …", verb, e.Handler.ID)
	}
	return ""
}
