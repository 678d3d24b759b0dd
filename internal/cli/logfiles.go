package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/logfile"
)

// pastImage is the folder of the image that was asked for, when it was live
// once: its logs outlive it.
func (a *app) pastImage() (api.Live, bool) {
	home, err := a.homeFolder()
	if err != nil {
		return api.Live{}, false
	}
	name := a.imageFlag()
	if name == "" {
		name = nameHere()
	}
	if name == "" || checkLiveName(name) != nil {
		return api.Live{}, false
	}
	live := home.Live(name)
	_, err = os.Stat(live.Logs())
	return live, err == nil
}

// logFiles reads the log files of an image without asking its monitor: there
// is none any more, or the command runs inside.
func logFiles(live api.Live, follow bool) logSource {
	return func(ctx context.Context, q api.LogQuery, each func(api.LogLine) error) error {
		if err := checkLogged(live, q.Services); err != nil {
			return err
		}
		return readLogs(ctx, live, q, follow, each)
	}
}

func readLogs(ctx context.Context, live api.Live, q api.LogQuery, follow bool, each func(api.LogLine) error) error {
	files := logfile.Query{Dir: live.Logs(), Services: q.Services, Last: q.Tail, Follow: follow}
	return logfile.Read(ctx, files, func(l logfile.Line) error {
		return each(api.LogLine{Time: l.Time, Service: l.Service, Stream: l.Stream, Partial: l.Partial, Text: l.Text})
	})
}

// logged lists the services that have a log; none when that cannot be learned.
func logged(live api.Live) []string {
	names, _ := logfile.Services(live.Logs())
	return names
}

// checkLogged refuses a service that never had a log.
func checkLogged(live api.Live, services []string) error {
	logged, err := logfile.Services(live.Logs())
	if err != nil {
		return fmt.Errorf("cannot read logs of image %q: %w", live.Name, err)
	}
	for _, s := range services {
		if !slices.Contains(logged, s) {
			return &api.Error{Code: api.CodeNotFound, Message: fmt.Sprintf(
				"image %q has no service %q with a log; there are: %s", live.Name, s, strings.Join(logged, ", "))}
		}
	}
	return nil
}
