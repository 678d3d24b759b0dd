package logfile

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// All asks for every line.
const All = -1

// Query is what to read.
type Query struct {
	// Dir is the folder of the logs.
	Dir string
	// Services are whose logs to read; none: of all that have one.
	Services []string
	// Last is how many of each service's last lines to begin with, or All.
	Last int
	// Since leaves out what is older.
	Since time.Time
	// Follow goes on with what is written from now on, until the context ends.
	Follow bool
}

// How often a log that is followed is looked at: at once while lines come,
// then less and less often.
const (
	pollMin = 10 * time.Millisecond
	pollMax = 160 * time.Millisecond
)

// Read calls fn with each line, those of several services in the order of
// their times. It ends with the error of fn, with nil at the end of the logs,
// or, when it follows, with nil at the end of ctx. A log that does not exist
// is empty; so is a folder.
func Read(ctx context.Context, q Query, fn func(Line) error) error {
	r := &reader{query: q, fn: fn, cursors: map[string]*cursor{}}
	defer r.close()
	if err := r.begin(); err != nil {
		return fmt.Errorf("cannot read logs: %w", err)
	}
	for pause := pollMin; ; {
		n, err := r.round(ctx)
		if err != nil {
			return err
		}
		if !q.Follow {
			return r.finish()
		}
		if n > 0 {
			pause = pollMin
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, pollMax)
		if err := r.look(); err != nil {
			return fmt.Errorf("cannot read logs: %w", err)
		}
	}
}

// Last returns the last n lines of one service.
func Last(dir, service string, n int) ([]Line, error) {
	var lines []Line
	query := Query{Dir: dir, Services: []string{service}, Last: n}
	err := Read(context.Background(), query, func(l Line) error {
		lines = append(lines, l)
		return nil
	})
	return lines, err
}

// Services lists whose logs are in dir, or are said to be elsewhere by it,
// sorted.
func Services(dir string) ([]string, error) {
	places, err := placesIn(dir)
	return slices.Sorted(maps.Keys(places)), err
}

// placesIn finds the logs in a folder. An index that cannot be read hides those
// elsewhere and no others: it is no error.
func placesIn(dir string) (map[string]Place, error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ix, _, _ := readIndex(dir)
	places := map[string]Place{}
	for name, p := range ix.Services {
		if _, err := os.Stat(p.File); p.File != "" && err == nil {
			places[name] = p
		}
	}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".log")
		if _, elsewhere := places[name]; ok && name != "" && !elsewhere {
			places[name] = Place{Plain: ix.Services[name].Plain}
		}
	}
	return places, nil
}

type reader struct {
	query   Query
	fn      func(Line) error
	cursors map[string]*cursor
	order   []*cursor // by name, so that equal times have a stable order
}

func (r *reader) close() {
	for _, c := range r.order {
		c.close()
	}
}

// begin opens the logs that are there, at the place to start from.
func (r *reader) begin() error {
	if err := r.look(); err != nil {
		return err
	}
	for _, c := range r.order {
		if r.query.Last < 0 {
			continue
		}
		if err := c.seekLast(r.query.Last); err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}

// look finds logs that are new, or elsewhere now.
func (r *reader) look() error {
	places, err := placesIn(r.query.Dir)
	services := r.query.Services
	if len(services) == 0 {
		services = slices.Collect(maps.Keys(places))
	}
	for _, service := range services {
		r.add(service).locate(r.query.Dir, places[service])
	}
	return err
}

func (r *reader) add(service string) *cursor {
	c := r.cursors[service]
	if c != nil {
		return c
	}
	c = newCursor(service)
	r.cursors[service] = c
	r.order = append(r.order, c)
	slices.SortFunc(r.order, func(a, b *cursor) int { return strings.Compare(a.service, b.service) })
	return c
}

// round delivers all that is there now. A log that had nothing when the round
// began is not asked again in it.
func (r *reader) round(ctx context.Context) (delivered int, err error) {
	ready := make([]*cursor, 0, len(r.order))
	for _, c := range r.order {
		ok, err := c.fill()
		if err != nil && !isGone(err) {
			return delivered, fmt.Errorf("cannot read log of %q: %w", c.service, err)
		}
		if ok {
			ready = append(ready, c)
		}
	}
	for len(ready) > 0 && ctx.Err() == nil {
		i := oldest(ready)
		c := ready[i]
		if err := r.deliver(c); err != nil {
			return delivered, err
		}
		delivered++
		ok, err := c.fill()
		if err != nil && !isGone(err) {
			return delivered, fmt.Errorf("cannot read log of %q: %w", c.service, err)
		}
		if !ok {
			ready = slices.Delete(ready, i, i+1)
		}
	}
	if !r.query.Follow {
		return delivered, ctx.Err()
	}
	return delivered, nil
}

func (r *reader) deliver(c *cursor) error {
	c.has = false
	if c.line.Time.Before(r.query.Since) && !c.plain {
		return nil
	}
	return r.fn(c.line)
}

// finish delivers what has no newline at the end of a log.
func (r *reader) finish() error {
	for _, c := range r.order {
		if !c.takeRest() {
			continue
		}
		if err := r.deliver(c); err != nil {
			return err
		}
	}
	return nil
}

// oldest is linear: the logs that have something to say at one moment are few.
func oldest(cursors []*cursor) int {
	best := 0
	for i, c := range cursors {
		if c.line.Time.Before(cursors[best].line.Time) {
			best = i
		}
	}
	return best
}
