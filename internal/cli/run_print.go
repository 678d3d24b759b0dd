package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
)

// runPrinter prints what services write as they write it, and what becomes of
// them. What is written comes in blocks; the rest is queued and never waits for
// a terminal that was stopped.
type runPrinter struct {
	out, err io.Writer
	json     bool
	quiet    bool
	times    bool
	colours  colours
	unread   func() // is told, once, that nobody reads out any more

	mu       sync.Mutex // guards what is printed
	width    int
	prefixes map[string]string // by service
	open     source            // whose line is not ended yet
	block    []byte
	failed   bool // out takes no more

	queueMu sync.Mutex // guards all below
	queue   []remark
	woken   chan struct{}
	closed  bool
	done    chan struct{}
}

// source is where a line comes from.
type source struct{ service, stream string }

// remark is what seance itself has to say: of a service, or to whoever has
// started it.
type remark struct {
	line    logfile.Line
	message string
}

func (a *app) newRunPrinter(m *manifest.Manifest, times bool) *runPrinter {
	p := &runPrinter{
		out: a.stdout, err: a.stderr, json: a.json, quiet: a.quiet, times: times, colours: a.colours(),
		prefixes: map[string]string{}, woken: make(chan struct{}, 1), done: make(chan struct{}),
	}
	for _, s := range m.Services {
		p.width = max(p.width, utf8.RuneCountInString(s.Name))
	}
	for _, h := range m.Hooks {
		p.width = max(p.width, utf8.RuneCountInString(h.Name))
	}
	for _, s := range m.Services { // in the order of the file, so that colours stay
		p.prefix(s.Name)
	}
	go p.run()
	return p
}

// prefix is what stands before each line of a service.
func (p *runPrinter) prefix(service string) string {
	prefix, ok := p.prefixes[service]
	if !ok {
		pad := strings.Repeat(" ", max(0, p.width-utf8.RuneCountInString(service)))
		prefix = p.colours.ordinal(len(p.prefixes), service+pad+" |") + " "
		p.prefixes[service] = prefix
	}
	return prefix
}

// lines prints what services have written.
func (p *runPrinter) lines(lines []logfile.Line, skipped int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range lines {
		p.addLocked(l)
		if len(p.block) >= 64<<10 {
			p.flushLocked()
		}
	}
	if skipped > 0 {
		p.endLineLocked()
		p.block = fmt.Appendf(p.block, "%s\n", p.colours.faint(fmt.Sprintf("[%d lines were not shown: this output did not take them; they are in the logs]", skipped)))
	}
	p.flushLocked()
}

func (p *runPrinter) addLocked(l logfile.Line) {
	if p.json {
		p.addJSONLocked(l)
		return
	}
	from := source{l.Service, l.Stream}
	if p.open != from {
		p.endLineLocked()
		if p.times {
			p.block = append(p.block, p.colours.faint(l.Time.Local().Format(clockTime))...)
			p.block = append(p.block, ' ')
		}
		p.block = append(p.block, p.prefix(l.Service)...)
	}
	if l.Stream == logfile.StreamSeance {
		p.block = append(p.block, p.colours.faint("["+l.Text+"]")...)
	} else {
		p.block = append(p.block, l.Text...)
	}
	p.open = from
	if !l.Partial {
		p.block = append(p.block, '\n')
		p.open = source{}
	}
}

func (p *runPrinter) addJSONLocked(l logfile.Line) {
	raw, err := json.Marshal(api.LogLine{
		Time: l.Time, Service: l.Service, Stream: l.Stream, Instance: l.Instance, Partial: l.Partial, Text: l.Text,
	})
	if err == nil {
		p.block = append(append(p.block, raw...), '\n')
	}
}

// endLineLocked ends a line that its service has not, such as a prompt.
func (p *runPrinter) endLineLocked() {
	if p.open != (source{}) {
		p.block = append(p.block, '\n')
		p.open = source{}
	}
}

func (p *runPrinter) flushLocked() {
	if len(p.block) > 0 && !p.failed {
		_, err := p.out.Write(p.block)
		p.failed = err != nil
		if errors.Is(err, syscall.EPIPE) {
			p.unread()
		}
	}
	p.block = p.block[:0]
	if cap(p.block) > 16<<10 {
		p.block = nil // nothing is held while services are silent
	}
}

// changed tells what has become of a service.
func (p *runPrinter) changed(e supervise.Event) {
	text := ""
	switch e.State {
	case supervise.Running, supervise.Ready:
		text = fmt.Sprintf("%s (pid %d)", e.State, e.PID)
	case supervise.Stopping, supervise.Stopped:
		text = string(e.State)
	}
	if text == "" || p.quiet || e.Kind != supervise.KindService {
		return
	}
	p.remark(remark{line: logfile.Line{Time: e.Time, Service: e.Name, Stream: logfile.StreamSeance, Text: text}})
}

// say tells whoever has started the image.
func (p *runPrinter) say(message string) {
	if !p.quiet {
		p.remark(remark{message: message})
	}
}

func (p *runPrinter) remark(r remark) {
	p.queueMu.Lock()
	defer p.queueMu.Unlock()
	p.queue = append(p.queue, r)
	p.wake()
}

func (p *runPrinter) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// run prints what is queued.
func (p *runPrinter) run() {
	defer close(p.done)
	for range p.woken {
		p.queueMu.Lock()
		queue, closed := p.queue, p.closed
		p.queue = nil
		p.queueMu.Unlock()
		p.remarks(queue)
		if closed {
			return
		}
	}
}

func (p *runPrinter) remarks(queue []remark) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range queue {
		if r.message == "" {
			p.addLocked(r.line)
			continue
		}
		p.endLineLocked()
		p.flushLocked()
		fmt.Fprintf(p.err, "seance: %s\n", r.message)
	}
	p.flushLocked()
}

// printLimit is how long the last words may take. A terminal that was stopped
// would not take them at all.
const printLimit = time.Second

// end prints what is left.
func (p *runPrinter) end() {
	p.queueMu.Lock()
	p.closed = true
	p.wake()
	p.queueMu.Unlock()
	select {
	case <-p.done:
	case <-time.After(printLimit):
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endLineLocked()
	p.flushLocked()
}
