package cli

import (
	"context"
	"fmt"
	"os"

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

// logFiles reads the log files of an image without asking its monitor: there may
// be none any more, or the command runs inside.
func logFiles(live api.Live, follow bool) logSource {
	return func(ctx context.Context, q api.LogQuery, each func(api.LogLine) error) error {
		if err := checkLogged(live, q.Services); err != nil {
			return err
		}
		return readLogs(ctx, live, q, follow, each)
	}
}

func readLogs(ctx context.Context, live api.Live, q api.LogQuery, follow bool, each func(api.LogLine) error) error {
	files, err := logfile.QueryFor(live.Logs(), q)
	if err != nil {
		return err
	}
	files.Follow, files.Poll = follow, true // who follows them is inside, and frozen with the image
	return logfile.Read(ctx, files, func(l logfile.Line) error {
		line := l.Wire()
		if q.Marks {
			line.Mark = l.Mark.String()
		}
		return each(line)
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
	if err := logfile.CheckNames(live.Name, logged, services); err != nil {
		return err
	}
	return nil
}
