package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
)

// changeOptions are the flags of start, stop and restart.
type changeOptions struct {
	wait    bool
	timeout time.Duration
}

func (a *app) startCommand() *cobra.Command {
	return a.changeCommand(&cobra.Command{
		Use:   "start SERVICE…",
		Short: "Start services",
		Long: `Start services of a live image, and those that they need first. One that runs is
left as it is. It returns when they are being started, with --wait when all are
ready.`,
		Example: `  seance start web
  seance start --wait --timeout 30s db web`,
	}, api.ActionStart, "return when all are ready")
}

func (a *app) stopCommand() *cobra.Command {
	return a.changeCommand(&cobra.Command{
		Use:   "stop SERVICE…",
		Short: "Stop services",
		Long: `Stop services of a live image: these alone, not those that need them. They stay
stopped until they are started, or the image is booted. It returns when they are
being stopped, with --wait when no process of them is left.`,
		Example: `  seance stop web
  seance stop --wait web db`,
	}, api.ActionStop, "return when no process of them is left")
}

func (a *app) restartCommand() *cobra.Command {
	return a.changeCommand(&cobra.Command{
		Use:   "restart SERVICE…",
		Short: "Stop services and start them again",
		Long: `Stop services of a live image and start them again; one that does not run is
started. It returns when that is under way, with --wait when all are ready.`,
		Example: `  seance restart web
  seance restart --wait web && curl localhost:8080`,
	}, api.ActionRestart, "return when all are ready")
}

func (a *app) changeCommand(cmd *cobra.Command, action api.ServiceAction, wait string) *cobra.Command {
	var opts changeOptions
	cmd.Args = arguments(1, anyNumber)
	if action == api.ActionStop {
		cmd.Args = servicesToStop
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkTimeout(cmd, opts.timeout); err != nil {
			return usageIn(cmd, err)
		}
		if cmd.Flags().Changed("timeout") && !opts.wait {
			return usageIn(cmd, errors.New("--timeout says how long --wait waits: give both"))
		}
		return a.changeServices(cmd.Context(), api.ServicesRequest{Action: action, Services: args, Wait: opts.wait}, opts.timeout)
	}
	cmd.Flags().BoolVarP(&opts.wait, "wait", "w", false, wait)
	cmd.Flags().DurationVar(&opts.timeout, "timeout", 0, "`TIME` that --wait waits at most, such as 30s (default: any)")
	return cmd
}

// servicesToStop tells who names no service how to stop them all.
func servicesToStop(cmd *cobra.Command, args []string) error {
	if err := arguments(1, anyNumber)(cmd, args); err != nil {
		return fmt.Errorf("%w; to shut all down: seance quit", err)
	}
	return nil
}

// checkTimeout refuses a time limit in which nothing can happen.
func checkTimeout(cmd *cobra.Command, limit time.Duration) error {
	if cmd.Flags().Changed("timeout") && limit <= 0 {
		return fmt.Errorf("a --timeout is more than 0, not %v", limit)
	}
	return nil
}

// within limits ctx to a time; 0 is no limit.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

func (a *app) changeServices(ctx context.Context, req api.ServicesRequest, limit time.Duration) error {
	t, err := a.connect(ctx)
	if err != nil {
		return err
	}
	limited, cancel := within(ctx, limit)
	defer cancel()
	result, err := t.ChangeServices(limited, req)
	goesOn := fmt.Sprintf("what %s was asked to do goes on in the background", t.image.Name)
	switch {
	case ctx.Err() != nil:
		return interruptedError{goesOn: goesOn}
	case limited.Err() != nil:
		return timeoutError{fmt.Errorf("not done after %v; %s", limit, goesOn)}
	case unanswered(err):
		return fmt.Errorf("lost the monitor of image %q on the way; seance ps shows what became of it; the next command starts a new monitor", t.image.Name)
	case err != nil:
		return err
	}
	if err := a.printChanges(req, result); err != nil {
		return err
	}
	return failedChanges(result)
}

func (a *app) printChanges(req api.ServicesRequest, result api.ServicesResult) error {
	if a.json {
		return a.printJSON(api.ServicesResult{Services: orEmpty(result.Services)})
	}
	var b strings.Builder
	for _, c := range result.Services {
		if c.Error == "" && !a.quiet {
			fmt.Fprintf(&b, "%s %s\n", c.Name, whatBecame(req, c))
		}
	}
	if _, err := a.stdout.Write([]byte(b.String())); err != nil {
		return err
	}
	for _, c := range result.Services {
		if len(c.Survivors) > 0 {
			a.warn("%s is detached, and lives on in: %s", c.Name, strings.Join(c.Survivors, ", "))
		}
	}
	return nil
}

// whatBecame says what was done with a service, or that there was nothing to do.
func whatBecame(req api.ServicesRequest, c api.ServiceChange) string {
	if req.Action == api.ActionStop {
		return whatStopped(c)
	}
	verb := "start"
	if req.Action == api.ActionRestart {
		verb = "restart"
	}
	switch {
	case c.State == "exited":
		return pick(c.Changed, "has run to its end", "had run to its end already")
	case c.State == "ready" || c.State == "running":
		done := "has " + verb + "ed"
		if req.Wait {
			done += " and is ready"
		}
		return pick(c.Changed, done, "was running already")
	case c.State == "starting":
		return pick(c.Changed, "is "+verb+"ing", "was starting already")
	}
	if req.Action == api.ActionRestart && c.Changed && c.State == "stopping" {
		return "is stopping, and then starts again"
	}
	return pick(c.Changed, "is to "+verb+" ("+c.State+")", "was to start already ("+c.State+")")
}

func whatStopped(c api.ServiceChange) string {
	if c.State == "stopping" {
		return pick(c.Changed, "is stopping", "was stopping already")
	}
	return pick(c.Changed, "has stopped", "was not running")
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// failedChanges is an error when something could not be done with a service.
func failedChanges(result api.ServicesResult) error {
	var failed []string
	for _, c := range result.Services {
		if c.Error != "" {
			failed = append(failed, c.Error)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return errors.New(strings.Join(failed, "\n"))
}
