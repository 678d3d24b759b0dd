package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/seancehq/seance/api"
)

// waitOptions are the flags of seance wait.
type waitOptions struct {
	ready, stopped bool
	timeout        time.Duration
}

func (a *app) waitCommand() *cobra.Command {
	var opts waitOptions
	cmd := &cobra.Command{
		Use:   "wait SERVICE…",
		Short: "Wait until services are ready, or stopped",
		Long: `Wait until services of a live image are ready, or with --stopped until nothing of
them runs and nothing is about to. It prints nothing. A service that has failed,
or has ended for good, will not get ready: exit status 1. One that is not so far
when --timeout is over: exit status 6.`,
		Example: `  seance wait db && psql
  seance wait --ready --timeout 10s web db
  seance wait --stopped job`,
		Args: arguments(1, anyNumber),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkTimeout(cmd, opts.timeout); err != nil {
				return usageIn(cmd, err)
			}
			if opts.ready && opts.stopped {
				return usageIn(cmd, errors.New("--ready and --stopped exclude each other"))
			}
			return a.waitServices(cmd.Context(), args, opts)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opts.ready, "ready", false, "until others may count on them (this is the default)")
	f.BoolVar(&opts.stopped, "stopped", false, "until nothing of them runs, and nothing is about to")
	f.DurationVar(&opts.timeout, "timeout", 0, "`TIME` to wait at most, such as 30s (default: any)")
	return cmd
}

func (o waitOptions) what() api.WaitFor {
	if o.stopped {
		return api.WaitStopped
	}
	return api.WaitReady
}

func (a *app) waitServices(ctx context.Context, names []string, opts waitOptions) error {
	limited, cancel := within(ctx, opts.timeout)
	defer cancel()
	t, err := a.connect(limited)
	if err == nil {
		err = a.waitAll(limited, t, names, opts.what())
	}
	switch {
	case ctx.Err() != nil:
		return interruptedError{}
	case err != nil && limited.Err() != nil:
		return timeoutError{fmt.Errorf("not %s after %v%s", opts.what(), opts.timeout, t.states(ctx, names))}
	}
	return err
}

// waitAll waits for all at the same time: the first that fails ends it.
func (a *app) waitAll(ctx context.Context, t *target, names []string, what api.WaitFor) error {
	found := make([][]api.Service, len(names))
	all, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		all.Go(func() (err error) {
			found[i], err = a.waitOne(ctx, t, name, what)
			return err
		})
	}
	if err := all.Wait(); err != nil || !a.json {
		return err
	}
	list := []api.Service{}
	for _, services := range found {
		list = append(list, services...)
	}
	return a.printJSON(list)
}

// waitOne asks again when the monitor that was to answer is lost: to wait
// changes nothing.
func (a *app) waitOne(ctx context.Context, t *target, name string, what api.WaitFor) ([]api.Service, error) {
	for {
		services, err := t.WaitService(ctx, name, what)
		if !unanswered(err) || ctx.Err() != nil {
			return services, err
		}
		t, err = a.again(ctx, t)
		if isEnded(err) && what == api.WaitStopped {
			return nil, nil // with the image, all of its services have ended
		}
		if err != nil {
			return nil, err
		}
	}
}

// states says how services are now, as the end of a message; nothing of those
// that are as they should be is known to be wrong, and nothing when the image
// does not say at once.
func (t *target) states(ctx context.Context, names []string) string {
	if t == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	services, err := t.Services(ctx)
	if err != nil {
		return ""
	}
	text := ""
	for _, s := range services {
		if named(names, s.Name) {
			text += fmt.Sprintf("; %s is %s", s.Name, serviceState(s))
		}
	}
	return text
}
