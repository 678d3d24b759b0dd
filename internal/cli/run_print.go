package cli

import (
	"bytes"
	"context"
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

// runPrinter prints what services write as they write it, with what becomes of
// them, and what seance itself has to say. That is queued: who says it never
// waits for a terminal that was stopped.
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
	failed   bool      // out takes no more
	blocks   sync.Pool // *[]byte of printBlock, to print in; a silent image gives them up

	queueMu sync.Mutex // guards all below
	queue   []string   // to say
	woken   chan struct{}
	closed  bool
	done    chan struct{}
}

// source is where a line comes from.
type source struct{ service, stream string }

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

// printBlock is how much is printed at once.
const printBlock = 64 << 10

// written prints what services have written.
func (p *runPrinter) written(outputs []logfile.Output, skipped int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	block, ok := p.blocks.Get().(*[]byte)
	if !ok {
		made := make([]byte, 0, printBlock)
		block = &made
	}
	defer p.blocks.Put(block)
	p.block = *block
	for i := range outputs {
		p.addLocked(&outputs[i])
	}
	if skipped > 0 {
		p.endLineLocked()
		p.block = fmt.Appendf(p.block, "%s\n", p.colours.faint(fmt.Sprintf("[%d lines were not shown: this output did not take them; they are in the logs]", skipped)))
	}
	p.flushLocked()
	p.block = nil
}

func (p *runPrinter) addLocked(o *logfile.Output) {
	head := p.headLocked(o)
	for rest := o.Text; len(rest) > 0; {
		if !p.json && o.Stream != logfile.StreamSeance && p.open == (source{}) {
			if rest = p.addLinesLocked(head, rest); len(rest) == 0 {
				return
			}
		}
		line, after, full := bytes.Cut(rest, newline)
		rest = after
		if p.json {
			p.addJSONLocked(o, line, full)
		} else {
			p.addLineLocked(o, head, line, full)
		}
		if len(p.block) >= printBlock {
			p.flushLocked()
		}
	}
}

// addLinesLocked does what addLineLocked does for the full lines of a text, when
// none is open and they are a service's, and returns the rest: nearly all lines of
// nearly all programs, at half the cost.
func (p *runPrinter) addLinesLocked(head string, text []byte) (rest []byte) {
	for {
		size := bytes.IndexByte(text, '\n') + 1
		if size == 0 {
			return text
		}
		if len(p.block)+len(head)+size > printBlock {
			p.flushLocked()
		}
		p.block = append(append(p.block, head...), text[:size]...)
		text = text[size:]
	}
}

var newline = []byte{'\n'}

// headLocked is what stands before the lines of an output.
func (p *runPrinter) headLocked(o *logfile.Output) string {
	head := p.prefix(o.Service)
	if p.times {
		head = p.colours.faint(o.Time.Local().Format(clockTime)) + " " + head
	}
	return head
}

func (p *runPrinter) addLineLocked(o *logfile.Output, head string, line []byte, full bool) {
	if p.open != (source{o.Service, o.Stream}) {
		p.endLineLocked()
		p.block = append(p.block, head...)
	}
	if o.Stream == logfile.StreamSeance {
		p.block = append(p.block, p.colours.faint("["+string(line)+"]")...)
	} else {
		p.block = append(p.block, line...)
	}
	p.open = source{o.Service, o.Stream}
	if full {
		p.block = append(p.block, '\n')
		p.open = source{}
	}
}

func (p *runPrinter) addJSONLocked(o *logfile.Output, line []byte, full bool) {
	raw, err := json.Marshal(api.LogLine{
		Time: o.Time, Service: o.Service, Stream: o.Stream, Instance: o.Instance, Partial: !full, Text: string(line),
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
}

// remark is what to say of a change of state.
func (p *runPrinter) remark(e supervise.Event) string {
	if p.quiet || e.Kind != supervise.KindService {
		return ""
	}
	switch e.State {
	case supervise.Starting, supervise.Running, supervise.Ready:
		if e.PID == 0 { // it has no program yet
			return string(e.State)
		}
		return fmt.Sprintf("%s (pid %d)", e.State, e.PID)
	case supervise.Stopping, supervise.Stopped:
		return string(e.State)
	case supervise.Failed:
		return failed(e.Err)
	}
	return ""
}

// failed is what to say of a service that has, while others may be starting
// still: the last lines that it wrote were seen, and are told again in the end.
func failed(err error) string {
	var often *supervise.LimitError
	var late *supervise.NotReadyError
	var need *supervise.NeedError
	switch {
	case err == nil, errors.As(err, &often): // how it ended is in the log
		return ""
	case errors.Is(err, context.Canceled), errors.Is(err, supervise.ErrStopped): // the stop is said
		return ""
	case errors.As(err, &need): // what that has failed with stands at its own name
		short := *need
		short.Why, _, _ = strings.Cut(need.Why, ":")
		return "failed: " + short.Error()
	case !errors.As(err, &late):
		return "failed: " + brief(err.Error())
	case late == err && errors.Is(late, context.DeadlineExceeded):
		return brief(late.Reason)
	}
	return "failed: " + strings.TrimSuffix(brief(err.Error()), "; it wrote nothing")
}

// say tells whoever has started the image.
func (p *runPrinter) say(message string) {
	if p.quiet {
		return
	}
	p.queueMu.Lock()
	defer p.queueMu.Unlock()
	p.queue = append(p.queue, messages(message)...)
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
		p.tell(queue)
		if closed {
			return
		}
	}
}

func (p *runPrinter) tell(messages []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range messages {
		p.endLineLocked()
		p.flushLocked()
		fmt.Fprintf(p.err, "seance: %s\n", m)
	}
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
