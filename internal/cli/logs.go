package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
)

func (a *app) logsCommand() *cobra.Command {
	var q api.LogQuery
	var timestamps bool
	cmd := &cobra.Command{
		Use:   "logs [SERVICE…]",
		Short: "Print what services have written",
		Long: `Print what services have written to standard output, standard error or their
terminal. The log outlives the image: it can be read after a quit.`,
		Example: `  seance logs
  seance logs -f web
  seance logs -n 100 --timestamps db web`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Services = args
			return a.logs(cmd.Context(), q, timestamps)
		},
	}
	cmd.Flags().BoolVarP(&q.Follow, "follow", "f", false, "go on with new lines as they come")
	cmd.Flags().VarP(linesFlag(&q.Tail), "tail", "n", "only the last `LINES` of each service (default: all)")
	cmd.Flags().BoolVar(&timestamps, "timestamps", false, "begin each line with its time")
	return cmd
}

func (a *app) logs(ctx context.Context, q api.LogQuery, timestamps bool) error {
	source, services, err := a.findLogs(ctx, q.Follow)
	if err != nil {
		return err
	}
	if len(q.Services) > 0 {
		services = q.Services
	}
	out := bufio.NewWriterSize(a.stdout, 64<<10)
	p := &logPrinter{w: out, json: a.json, colours: a.colours(), names: len(q.Services) != 1, times: timestamps, ordinals: map[string]int{}}
	p.expect(services)
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
func (a *app) findLogs(ctx context.Context, follow bool) (source logSource, services []string, err error) {
	if a.insideSocket() != "" {
		around := a.around()
		return logFiles(around, follow), logged(around), nil
	}
	t, err := a.connectOutside(ctx)
	if err == nil {
		return a.liveLogs(ctx, t, follow)
	}
	if !errors.Is(err, errNoLiveImage) && !isNotAlive(err) {
		return nil, nil, err
	}
	past, ok := a.pastImage()
	if !ok {
		return nil, nil, err
	}
	return logFiles(past, false), logged(past), nil // nothing more will come
}

// around is the image that this command runs in.
func (a *app) around() api.Live {
	return api.Live{Name: a.env(api.EnvImage), Dir: filepath.Dir(a.insideSocket())}
}

func (a *app) liveLogs(ctx context.Context, t *target, follow bool) (source logSource, services []string, err error) {
	home, err := a.homeFolder()
	if err != nil {
		return nil, nil, err
	}
	live := home.Live(t.image.Name)
	if !follow {
		return t.Logs, logged(live), nil
	}
	return a.followLive(t, live), append(logged(live), t.serviceNames(ctx)...), nil
}

// serviceNames are the names of an image's services; none when it does not say
// at once, as in the middle of a save.
func (t *target) serviceNames(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	services, _ := t.Services(ctx)
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
	ordinals map[string]int // of the names so far, for their colours
	open     string         // the service and stream whose line is not ended yet
}

// expect makes room for names before the first of their lines comes.
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
	source := l.Service + " " + l.Stream
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
		b.WriteString(p.colours.faint(l.Time.Local().Format(logTime)) + " ")
	}
	if !p.names {
		return
	}
	ordinal, known := p.ordinals[l.Service]
	if !known {
		ordinal = len(p.ordinals)
		p.ordinals[l.Service] = ordinal
		p.expect([]string{l.Service})
	}
	pad := strings.Repeat(" ", p.width-utf8.RuneCountInString(l.Service))
	fmt.Fprintf(b, "%s ", p.colours.ordinal(ordinal, l.Service+pad+" |"))
}

// logTime is RFC 3339 with as many digits as tell lines apart.
const logTime = "2006-01-02T15:04:05.000Z07:00"

// text is a line's own text, set off when it is seance that speaks.
func (p *logPrinter) text(l api.LogLine) string {
	if l.Stream == "seance" {
		return p.colours.faint("[" + l.Text + "]")
	}
	return l.Text
}
