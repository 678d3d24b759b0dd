package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/mirror"
	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/process"
)

// minInterval is the least time between two looks of a watch: below it, looking
// is all that the machine would do.
const minInterval = 10 * time.Millisecond

// watchSource calls each with a hierarchy and then with every change to it. It
// returns nil when the image has ended.
type watchSource func(ctx context.Context, interval time.Duration, each func(api.HierarchyChange) error) error

// checkWatch refuses flags that do not go together.
func (a *app) checkWatch(cmd *cobra.Command, opts treeCommandOptions) error {
	var err error
	switch {
	case opts.host && a.image != "":
		err = errors.New("--host is about no image: leave --image out")
	case !opts.watch && cmd.Flags().Changed("interval"):
		err = errors.New("--interval says how often --watch looks: give both")
	case opts.interval < minInterval:
		err = fmt.Errorf("--interval is %s: it must be %s or more", opts.interval, minInterval)
	}
	return usageIn(cmd, err)
}

// watch shows a hierarchy and then every change to it, one a line.
func (a *app) watch(ctx context.Context, opts treeCommandOptions) error {
	source, name, err := a.findWatch(ctx, opts.host)
	if err != nil {
		return err
	}
	err = source(ctx, opts.interval, func(c api.HierarchyChange) error { return a.printChange(c, opts.TreeOptions) })
	switch {
	case ctx.Err() != nil:
		return interruptedError{}
	case unanswered(err):
		return fmt.Errorf("lost the monitor of image %q: %w; try again: the next command starts a new one", name, err)
	case err == nil:
		a.warn("%s is no longer alive", name)
	}
	return err
}

// findWatch finds what to watch. The monitor watches its image; a program inside
// an image sees the same in its own /proc, and no monitor from there.
func (a *app) findWatch(ctx context.Context, host bool) (source watchSource, name string, err error) {
	if host {
		return watchHere(hostProcesses), "the host", nil
	}
	t, err := a.connect(ctx)
	if err != nil {
		return nil, "", err
	}
	if !t.inside {
		return t.WatchHierarchy, t.image.Name, nil
	}
	source, err = t.watchAround(ctx)
	return source, t.image.Name, err
}

// watchAround watches the image that this command runs in: init and all below it.
// Where the image has no PID namespace of its own, /proc shows others as well.
func (t *target) watchAround(ctx context.Context) (watchSource, error) {
	raw, err := t.Hierarchy(ctx)
	if err != nil {
		return nil, err
	}
	state, err := decodeHierarchy(raw)
	if err != nil {
		return nil, err
	}
	fs, root := procfs.New("/proc"), int(state.Init)
	return watchHere(func() ([]process.Observed, error) { return mirror.Below(fs, root) }), nil
}

// watchHere watches what this process can see by itself.
func watchHere(look mirror.Look) watchSource {
	return func(ctx context.Context, interval time.Duration, each func(api.HierarchyChange) error) error {
		watch, err := mirror.NewWatch(look)
		if err != nil {
			return err
		}
		first, err := json.Marshal(watch.Table().State())
		if err != nil {
			return err
		}
		if err := each(api.HierarchyChange{Time: time.Now(), Hierarchy: first}); err != nil {
			return err
		}
		return watch.Every(ctx, interval, func(seen time.Time, e process.Event) error {
			raw, err := json.Marshal(e)
			if err != nil {
				return err
			}
			return each(api.HierarchyChange{Time: seen, Event: raw})
		})
	}
}

// printChange prints one change. The hierarchy that a watch begins with is for
// programs that read JSON, and for people: what else reads lines gets one an event.
func (a *app) printChange(c api.HierarchyChange, opts process.TreeOptions) error {
	if c.Event == nil {
		switch {
		case a.json:
			return a.printLine(c)
		case a.isTerminal(a.stdout):
			return a.printRawHierarchy(c.Hierarchy, opts)
		}
		return nil
	}
	var e process.Event
	if err := json.Unmarshal(c.Event, &e); err != nil {
		return fmt.Errorf("cannot read an event: %w", err)
	}
	if isThreadEvent(e) && !opts.Threads {
		return nil
	}
	if a.json {
		return a.printLine(c)
	}
	colours, layout := a.colours(), logTime
	if a.isTerminal(a.stdout) {
		layout = clockTime // a person knows what day it is
	}
	_, err := fmt.Fprintf(a.stdout, "%s  %s\n", colours.faint(c.Time.Local().Format(layout)), colours.event(e))
	return err
}

const clockTime = "15:04:05.000"

func isThreadEvent(e process.Event) bool {
	return e.Kind == process.EventThreadStarted || e.Kind == process.EventThreadEnded
}

// printLine prints a JSON document on one line.
func (a *app) printLine(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// event paints what begins, what ends and what deserves a look, in the colours
// that the tree has for them.
func (c colours) event(e process.Event) string {
	codes := map[process.EventKind]int{
		process.EventForked: 32,                                                          // green
		process.EventEnded:  2, process.EventGroupEnded: 2, process.EventSessionEnded: 2, // faint
		process.EventExited:   31,                           // red
		process.EventOrphaned: 33, process.EventStopped: 33, // yellow
	}
	code, ok := codes[e.Kind]
	if !c.on || !ok {
		return e.String()
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", code, e)
}
