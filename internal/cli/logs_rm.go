package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/live"
	"github.com/seancehq/seance/internal/logfile"
)

// removeLogs removes the folder that an image has left.
func (a *app) removeLogs(cmd *cobra.Command, services []string) error {
	if err := alone(cmd, services); err != nil {
		return usageIn(cmd, err)
	}
	left, err := a.leftBehind(cmd.Context())
	if err != nil {
		return err
	}
	elsewhere := logfile.Elsewhere(left.Logs())
	if err := removeLeft(cmd.Context(), left); err != nil {
		return err
	}
	for _, file := range elsewhere {
		a.warn("the log %s stays: the manifest has put it there", file)
	}
	if a.quiet || a.json {
		return a.printRemoved(left.Name)
	}
	_, err = fmt.Fprintf(a.stdout, "removed the logs of %s\n", left.Name)
	return err
}

// alone refuses what chooses lines: all of them go.
func alone(cmd *cobra.Command, services []string) error {
	if len(services) > 0 {
		return fmt.Errorf("--rm removes the logs of all services, not of %s alone", services[0])
	}
	var err error
	everywhere := cmd.Root().PersistentFlags()
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "rm" && everywhere.Lookup(f.Name) == nil {
			err = fmt.Errorf("--rm and --%s exclude each other", f.Name)
		}
	})
	return err
}

// leftBehind finds the image whose logs are meant. One that is live is refused.
func (a *app) leftBehind(ctx context.Context) (api.Live, error) {
	if a.insideSocket() != "" {
		return api.Live{}, stillLive(a.around().Name)
	}
	home, err := a.homeFolder()
	if err != nil {
		return api.Live{}, err
	}
	name := a.imageFlag()
	if name == "" {
		name = nameHere()
	}
	if name == "" {
		return api.Live{}, usageError{fmt.Errorf("cannot remove logs: no image is named, with -i or by a manifest here%s", keptLogs(home))}
	}
	if err := checkLiveName(name); err != nil {
		return api.Live{}, err
	}
	t, err := a.connectOutside(ctx) // as to read them: it may have another name than the manifest says
	switch {
	case err == nil:
		return api.Live{}, stillLive(t.image.Name)
	case !errors.Is(err, errNoLiveImage) && !isNotAlive(err):
		return api.Live{}, err
	}
	left := home.Live(name)
	if _, err := os.Stat(left.Dir); err != nil {
		return api.Live{}, &api.Error{Code: api.CodeNotFound, Message: fmt.Sprintf("cannot remove the logs of image %q: there are none%s", name, keptLogs(home))}
	}
	return left, nil
}

func stillLive(name string) error {
	return fmt.Errorf("cannot remove the logs of image %q: it is live; first: seance quit -i %[1]s", name)
}

// keptLogs names the images whose logs there are, as the end of a message.
func keptLogs(home api.Home) string {
	entries, _ := os.ReadDir(home.Live("").Dir)
	var names []string
	for _, e := range entries {
		if _, err := os.Stat(home.Live(e.Name()).Logs()); err == nil {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "; there are logs of " + strings.Join(names, ", ")
}

// removeLeft removes the folder. The monitor of an image that has just quit may
// keep it for a moment yet.
func removeLeft(ctx context.Context, left api.Live) error {
	deadline := time.Now().Add(silence)
	for {
		err := live.Remove(left)
		switch {
		case errors.Is(err, live.ErrLocked) && !left.Recorded() && time.Now().Before(deadline):
		case errors.Is(err, live.ErrLocked):
			return fmt.Errorf("cannot remove the logs of image %q: it is being started or ended; try again", left.Name)
		case err != nil:
			return fmt.Errorf("cannot remove the logs of image %q: %w", left.Name, err)
		default:
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return interruptedError{}
		}
	}
}
