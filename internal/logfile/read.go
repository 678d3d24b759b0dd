package logfile

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// All asks for every line.
const All = -1

// Query is what to read.
type Query struct {
	// Dir is the folder of the logs.
	Dir string
	// Services are whose logs to read; none: of all that have one. A name
	// without a log stands for those of its replicas, NAME-1 and so on.
	Services []string
	// Last is how many of each service's last lines to begin with, or All.
	Last int
	// Since leaves out what is older. A log without times has files that are
	// older.
	Since time.Time
	// Until leaves out what is newer, but in a log without times; zero: nothing.
	// Following ends when it has passed. Last counts what is not left out.
	Until time.Time
	// Grep leaves out entries whose text does not match; nil: none. Last then
	// counts entries that do. A line of more than 16 KiB is looked at in parts.
	Grep *regexp.Regexp
	// After has a service's log begin just after a place in it, whatever Last
	// says. It goes on where an earlier reading left off: with not a line lost,
	// unless it has been rotated away, and none twice.
	After map[string]Mark
	// Begin is called once before the first line, with where each log begins
	// that does not begin at its beginning; nil: nothing is.
	Begin func(map[string]Mark) error
	// Follow goes on with what is written from now on, until the context ends,
	// or until Ended is closed and all that was written by then has been given.
	Follow bool
	Ended  <-chan struct{}
	// Poll has the logs looked at again and again while nothing comes, and not
	// watched. It is for who is frozen together with the image: a watch may not be.
	Poll bool
	// Idle is called whenever Read is about to wait for more; nil: nothing is.
	Idle func() error
}

// isTooNew says that a line is left out because of its time. One without a time
// never is.
func (q *Query) isTooNew(l Line) bool { return !q.Until.IsZero() && l.Time.After(q.Until) }

// Read calls fn with each line, those of several services in the order of
// their times. It ends with the error of fn, with nil at the end of the logs,
// or, when it follows, with nil at the end of ctx. A log that does not exist
// is empty; so is a folder.
func Read(ctx context.Context, q Query, fn func(Line) error) error {
	r := &reader{query: q, fn: fn, cursors: map[string]*cursor{}, block: make([]byte, readSize)}
	defer r.close()
	if err := r.begin(); err != nil {
		return err
	}
	if q.Follow {
		return r.follow(ctx)
	}
	if _, err := r.round(ctx); err != nil {
		return err
	}
	return r.finish()
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

// Elsewhere lists the logs that are said by dir to be in other places, sorted.
func Elsewhere(dir string) (files []string) {
	places, _ := placesIn(dir)
	for _, p := range places {
		if p.File != "" {
			files = append(files, p.File)
		}
	}
	slices.Sort(files)
	return files
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
		if p.File != "" && exists(p.File) {
			places[name] = p
		}
	}
	for _, entry := range entries {
		name, ok := serviceOf(entry.Name())
		if _, elsewhere := places[name]; ok && !elsewhere {
			places[name] = Place{Plain: ix.Services[name].Plain}
		}
	}
	return places, nil
}

// serviceOf tells from the name of a file of a log whose it is. The file being
// written is not there while it is rotated: any with a number will do.
func serviceOf(file string) (service string, ok bool) {
	if i := strings.LastIndexByte(file, '.'); isNumber(file[i+1:]) {
		file = file[:max(i, 0)]
	}
	service, ok = strings.CutSuffix(file, ".log")
	return service, ok && service != ""
}

// Select chooses from the names of services those that are asked for: all when
// none is. A name that no service has stands for its replicas, NAME-1 and so on;
// missing are the names that stand for nothing.
func Select(services, asked []string) (chosen, missing []string) {
	if len(asked) == 0 {
		return services, nil
	}
	for _, name := range asked {
		of := slices.DeleteFunc(slices.Clone(services), func(s string) bool { return s != name })
		if len(of) == 0 {
			of = slices.DeleteFunc(slices.Clone(services), func(s string) bool { return !isReplica(s, name) })
		}
		if len(of) == 0 {
			missing = append(missing, name)
		}
		chosen = append(chosen, of...)
	}
	return chosen, missing
}

func isReplica(service, of string) bool {
	n, ok := strings.CutPrefix(service, of+"-")
	return ok && isNumber(n)
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 31)
	return err == nil
}

type reader struct {
	query   Query
	block   []byte
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
		return fmt.Errorf("cannot read logs: %w", err)
	}
	begins := map[string]Mark{}
	for _, c := range r.order {
		if err := c.seek(r.query); err != nil && !isGone(err) {
			return fmt.Errorf("cannot read logs: %w", err)
		}
		if len(c.parts) > 0 {
			begins[c.service] = Mark{c.parts[0].id, c.offset}
		}
	}
	if r.query.Begin != nil {
		return r.query.Begin(begins)
	}
	return nil
}

// look finds logs that are new, or elsewhere now.
func (r *reader) look() error {
	places, err := placesIn(r.query.Dir)
	services, missing := Select(slices.Collect(maps.Keys(places)), r.query.Services)
	for _, service := range append(services, missing...) {
		r.add(service).locate(r.query.Dir, places[service])
	}
	return err
}

func (r *reader) add(service string) *cursor {
	c := r.cursors[service]
	if c != nil {
		return c
	}
	c = newCursor(service, r.block)
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
	if c.line.Time.Before(r.query.Since) && !c.plain || r.query.isTooNew(c.line) {
		return nil
	}
	if r.query.Grep != nil && !r.query.Grep.MatchString(c.line.Text) {
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
