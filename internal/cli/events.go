package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
)

// eventsOptions are the flags of seance events.
type eventsOptions struct {
	follow bool
	since  time.Time
}

func (a *app) eventsCommand() *cobra.Command {
	var opts eventsOptions
	cmd := &cobra.Command{
		Use:   "events [SERVICE…]",
		Short: "Print what has happened in a live image",
		Long: `Print what has happened in a live image, one event a line: a service or a hook
has changed its state, the image was saved. The image keeps the last 4096, and
takes them along when it is saved.`,
		Example: `  seance events --since 10m
  seance events -f web db
  seance events -f --json | jq 'select(.state == "failed")'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return a.events(cmd.Context(), args, opts) },
	}
	cmd.Flags().BoolVarP(&opts.follow, "follow", "f", false, "go on with new events as they come")
	cmd.Flags().Var(momentFlag{&opts.since}, "since", "only events since a `TIME`: 10m ago, or at 2026-01-31T15:04:05Z")
	return cmd
}

func (a *app) events(ctx context.Context, names []string, opts eventsOptions) error {
	t, err := a.connect(ctx)
	if err != nil {
		return err
	}
	p := &eventPrinter{app: a, colours: a.colours(), layout: logTime, names: names, since: opts.since}
	if a.isTerminal(a.stdout) && opts.follow {
		p.layout = clockTime // a person knows what day it is
	}
	if err := p.prepare(ctx, t); err != nil {
		return err
	}
	err = a.followEvents(ctx, t, opts.follow, p)
	if ctx.Err() != nil {
		return interruptedError{}
	}
	if isEnded(err) && opts.follow {
		a.warn("%v", err)
		return nil
	}
	return err
}

// followEvents prints events, and when the monitor that tells them is lost, what
// the next one tells.
func (a *app) followEvents(ctx context.Context, t *target, follow bool, p *eventPrinter) error {
	for {
		err := t.Notices(ctx, p.last, follow, p.print)
		if p.failed != nil || ctx.Err() != nil {
			return err
		}
		if err == nil && follow {
			return endedError{t.image.Name}
		}
		if !unanswered(err) {
			return err
		}
		if t, err = a.again(ctx, t); err != nil {
			return err
		}
	}
}

// eventPrinter prints the events that were asked for.
type eventPrinter struct {
	app     *app
	colours colours
	layout  string    // of the time
	names   []string  // of services and hooks; none: all, and the image
	since   time.Time // zero: from the beginning

	width  int    // of the longest name that is known
	last   uint64 // number of the last event
	failed error  // of printing
}

// prepare finds how wide names are, and that those asked for exist.
func (p *eventPrinter) prepare(ctx context.Context, t *target) error {
	handlers, err := t.Handlers(ctx)
	if err != nil {
		return err
	}
	var known []string
	for _, h := range handlers.Startup {
		if h.Kind != "seance" {
			known = append(known, h.ID)
		}
	}
	for _, name := range p.names {
		if !slices.ContainsFunc(known, func(id string) bool { return named([]string{name}, id) }) {
			return &api.Error{Code: api.CodeNotFound, Message: fmt.Sprintf("no such service or hook: %s", name)}
		}
	}
	for _, id := range known {
		if len(p.names) == 0 || named(p.names, id) {
			p.width = max(p.width, utf8.RuneCountInString(id))
		}
	}
	return nil
}

func (p *eventPrinter) print(n api.Notice) error {
	p.last = n.Seq
	if n.Time.Before(p.since) || len(p.names) > 0 && (n.Kind == "image" || !named(p.names, n.Name)) {
		return nil
	}
	if p.app.json {
		p.failed = p.app.printLine(n)
	} else {
		_, p.failed = fmt.Fprintln(p.app.stdout, p.line(n))
	}
	return p.failed
}

func (p *eventPrinter) line(n api.Notice) string {
	p.width = max(p.width, utf8.RuneCountInString(n.Name))
	name := n.Name + strings.Repeat(" ", p.width-utf8.RuneCountInString(n.Name))
	state := n.State
	if n.Ready && state == "running" {
		state = "ready"
	}
	more := eventDetails(n)
	if more != "" {
		state = fmt.Sprintf("%-8s", state)
	}
	line := fmt.Sprintf("%s  %-7s  %s  %s", p.colours.faint(n.Time.Local().Format(p.layout)), n.Kind, name, p.colours.state(state))
	if more != "" {
		line += "  " + more
	}
	return line
}

// eventDetails is what else is known of an event.
func eventDetails(n api.Notice) string {
	var more []string
	if n.Instance > 1 {
		more = append(more, "instance "+strconv.Itoa(n.Instance))
	}
	if n.PID != 0 {
		more = append(more, "pid "+strconv.Itoa(n.PID))
	}
	if n.Message != "" {
		more = append(more, strings.Map(blankControl, brief(n.Message)))
	}
	return strings.Join(more, ", ")
}

// state paints the state of a service or an image.
func (c colours) state(state string) string {
	codes := map[string]int{
		"ready": 32, "running": 32, // green
		"starting": 33, "stopping": 33, "backoff": 33, "saving": 33, "booting": 33, "quitting": 33, // yellow
		"failed":  31,                             // red
		"stopped": 2, "pending": 2, "disabled": 2, // faint
	}
	code, ok := codes[strings.TrimRight(state, " ")]
	if !c.on || !ok {
		return state
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", code, state)
}

// named says whether a service is one of names: itself, or as a replica of one.
func named(names []string, service string) bool {
	if slices.Contains(names, service) {
		return true
	}
	dash := strings.LastIndexByte(service, '-')
	if dash < 0 {
		return false
	}
	_, err := strconv.ParseUint(service[dash+1:], 10, 32)
	return err == nil && slices.Contains(names, service[:dash])
}
