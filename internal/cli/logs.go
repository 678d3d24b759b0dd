package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/logfile"
)

func (a *app) logsCommand() *cobra.Command {
	var q api.LogQuery
	var timestamps, remove bool
	cmd := &cobra.Command{
		Use:   "logs [SERVICE…]",
		Short: "Print what services have written",
		Long: `Print what services have written to standard output, standard error or their
terminal. The log outlives the image: it can be read after a quit, until it is
removed with --rm. The name of replicas stands for all of them.`,
		Example: `  seance logs
  seance logs -f web
  seance logs -n 100 --timestamps db web
  seance logs --since 10m --grep 'error|panic'
  seance logs --since 15:00 --until 15:10
  seance logs --rm -i shop`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if remove {
				return a.removeLogs(cmd, args)
			}
			if _, err := regexp.Compile(q.Grep); err != nil {
				return usageIn(cmd, fmt.Errorf("--grep is no regular expression: %w", err))
			}
			if !q.Until.IsZero() && q.Until.Before(q.Since) {
				return usageIn(cmd, errors.New("--until is before --since"))
			}
			q.Services = args
			return a.logs(cmd.Context(), q, timestamps)
		},
	}
	cmd.Flags().BoolVarP(&q.Follow, "follow", "f", false, "go on with new lines as they come")
	cmd.Flags().VarP(linesFlag(&q.Tail), "tail", "n", "only the last `LINES` of each service (default: all)")
	cmd.Flags().Var(momentFlag{&q.Since}, "since", "only lines since a `TIME`: 10m ago, or at 2026-01-31T15:04:05Z")
	cmd.Flags().Var(momentFlag{&q.Until}, "until", "only lines until a `TIME`, as for --since; with -f it ends when that has passed")
	cmd.Flags().StringVar(&q.Grep, "grep", "", "only lines that match a regular `EXPRESSION` (RE2)")
	cmd.Flags().BoolVar(&timestamps, "timestamps", false, "begin each line with its time")
	cmd.Flags().BoolVar(&remove, "rm", false, "remove all logs of an image that is not live any more")
	return cmd
}

func (a *app) logs(ctx context.Context, q api.LogQuery, timestamps bool) error {
	source, services, err := a.findLogs(ctx, q)
	if err != nil {
		return err
	}
	slices.Sort(services)
	services = slices.Compact(services)
	shown, _ := logfile.Select(services, q.Services)
	out := bufio.NewWriterSize(a.stdout, 64<<10)
	p := newLogPrinter(out, services, shown)
	p.names = len(q.Services) != 1 || len(shown) > 1
	p.json, p.colours, p.times = a.json, a.colours(), timestamps
	err = source(ctx, q, func(l api.LogLine) error {
		if err := p.print(l); err != nil || !q.Follow {
			return err
		}
		return out.Flush()
	})
	if err == nil {
		err = p.end()
	}
	if flushErr := out.Flush(); err == nil { // a failed write has left the same error everywhere
		err = flushErr
	}
	if ctx.Err() != nil {
		return interruptedError{}
	}
	return err
}

// logSource calls each with every line that a query selects.
type logSource func(ctx context.Context, q api.LogQuery, each func(api.LogLine) error) error

// findLogs finds where to read: a live image, the folder of one that was, or
// the folder of the image that the command runs in. It names the services that
// are known to have a log, or may get one.
func (a *app) findLogs(ctx context.Context, q api.LogQuery) (source logSource, services []string, err error) {
	if a.insideSocket() != "" {
		around := a.around()
		return logFiles(around, q.Follow), logged(around), nil
	}
	t, err := a.connectOutside(ctx)
	if err == nil {
		return a.liveLogs(ctx, t, q)
	}
	if !errors.Is(err, errNoLiveImage) && !isNotAlive(err) {
		return nil, nil, err
	}
	past, ok := a.pastImage()
	if !ok {
		return nil, nil, err
	}
	if a.imageFlag() == "" {
		a.warn("%s is not live; these are its last logs", past.Name)
	}
	return logFiles(past, false), logged(past), nil // nothing more will come
}

// around is the image that this command runs in.
func (a *app) around() api.Live {
	return api.Live{Name: a.env(api.EnvImage), Dir: filepath.Dir(a.insideSocket())}
}

func (a *app) liveLogs(ctx context.Context, t *target, q api.LogQuery) (source logSource, services []string, err error) {
	home, err := a.homeFolder()
	if err != nil {
		return nil, nil, err
	}
	live := home.Live(t.image.Name)
	services = logged(live)
	present := t.presentServices(ctx)
	a.warnOfLogs(slices.DeleteFunc(slices.Clone(present), func(s api.Service) bool {
		return len(q.Services) > 0 && !named(q.Services, s.Name)
	}))
	if q.Follow {
		services = append(services, serviceNames(present)...)
	}
	switch {
	case q.Follow:
		return a.followLive(t, live), services, nil
	case logfile.CheckNames(live.Name, services, q.Services) != nil:
		return t.Logs, services, nil // it knows of what has no log yet
	}
	return logFiles(live, false), services, nil // as its monitor would, which then has to tell each line
}

// presentServices are an image's services; none when it does not say at once,
// as in the middle of a save.
func (t *target) presentServices(ctx context.Context) []api.Service {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	services, _ := t.Services(ctx)
	return services
}

func serviceNames(services []api.Service) []string {
	var names []string
	for _, s := range services {
		names = append(names, s.Name)
	}
	return names
}

// logPrinter prints log lines, as JSON or for people to read: with the
// service's name before the line, unless only one was asked for.
type logPrinter struct {
	w       io.Writer
	json    bool
	colours colours
	names   bool
	times   bool

	width    int            // of the longest name that is known
	ordinals map[string]int // of names, for their colours
	open     string         // the stream whose line is not ended yet
}

// newLogPrinter makes room for the names of shown before the first of their
// lines comes. Each of all services has its own place among the colours,
// whichever are shown.
func newLogPrinter(w io.Writer, services, shown []string) *logPrinter {
	p := &logPrinter{w: w, names: true, ordinals: map[string]int{}}
	for i, name := range services {
		p.ordinals[name] = i
	}
	p.expect(shown)
	return p
}

func (p *logPrinter) expect(services []string) {
	for _, name := range services {
		p.width = max(p.width, utf8.RuneCountInString(name))
	}
}

func (p *logPrinter) print(l api.LogLine) error {
	if p.json {
		enc := json.NewEncoder(p.w)
		enc.SetEscapeHTML(false)
		return enc.Encode(l)
	}
	var b strings.Builder
	source := fmt.Sprint(l.Service, " ", l.Stream, " ", l.Instance)
	if p.open != "" && p.open != source {
		b.WriteByte('\n')
	}
	if p.open != source {
		p.prefix(&b, l)
	}
	b.WriteString(p.text(l))
	p.open = source
	if !l.Partial {
		b.WriteByte('\n')
		p.open = ""
	}
	_, err := io.WriteString(p.w, b.String())
	return err
}

// end ends a line that its service has not, such as a prompt.
func (p *logPrinter) end() error {
	if p.open == "" {
		return nil
	}
	_, err := io.WriteString(p.w, "\n")
	return err
}

func (p *logPrinter) prefix(b *strings.Builder, l api.LogLine) {
	if p.times {
		b.WriteString(p.colours.faint(lineTime(l.Time)) + " ")
	}
	if !p.names {
		return
	}
	ordinal, known := p.ordinals[l.Service]
	if !known {
		ordinal = len(p.ordinals)
		p.ordinals[l.Service] = ordinal
	}
	p.expect([]string{l.Service})
	pad := strings.Repeat(" ", p.width-utf8.RuneCountInString(l.Service))
	fmt.Fprintf(b, "%s ", p.colours.ordinal(ordinal, l.Service+pad+" |"))
}

// logTime is RFC 3339 with as many digits as tell lines apart.
const logTime = "2006-01-02T15:04:05.000Z07:00"

// lineTime is empty, and as wide as any, for a line without a time.
func lineTime(t time.Time) string {
	if t.IsZero() {
		return strings.Repeat(" ", len(time.Now().Format(logTime)))
	}
	return t.Local().Format(logTime)
}

// text is a line's own text, set off when it is seance that speaks.
func (p *logPrinter) text(l api.LogLine) string {
	if l.Stream == "seance" {
		return p.colours.faint("[" + l.Text + "]")
	}
	if l.Bytes != nil {
		return string(l.Bytes)
	}
	return l.Text
}
