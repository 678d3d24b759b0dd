package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/image"
)

func (a *app) snapshotCommand() *cobra.Command {
	var quit bool
	cmd := &cobra.Command{
		Use:   "snapshot [NAME[:TAG]]",
		Short: "Save a live image",
		Long: `Save a live image: shut its handlers down (those that must not be frozen),
freeze it to disk, and start the handlers up again. The programs go on but for
the moment of the freeze. The default name is the live image's own.

A program inside an image can say it too. It is answered twice, the way
fork(2) is: standard output is "continuing" in the image that goes on, and
"booting" in each one that is booted from what was saved.`,
		Example: `  seance snapshot
  seance snapshot --quit shop:before-migration
  if [ "$(seance snapshot)" = booting ]; then renew-leases; fi`,
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := api.SnapshotRequest{Save: true, Quit: quit, Ref: strings.Join(args, "")}
			if _, err := image.ParseRef(req.Ref); req.Ref != "" && err != nil {
				return usageIn(cmd, err)
			}
			return a.snapshot(cmd.Context(), req)
		},
	}
	cmd.Flags().BoolVar(&quit, "quit", false, "quit once it is saved")
	return cmd
}

func (a *app) quitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "quit",
		Short: "Shut a live image down, saving nothing",
		Long: `Shut a live image down in the order of the shut-down list, saving nothing. It
returns when no process of the image is left.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.snapshot(cmd.Context(), api.SnapshotRequest{Quit: true})
		},
	}
}

func (a *app) snapshot(ctx context.Context, req api.SnapshotRequest) error {
	t, err := a.connect(ctx)
	if err != nil {
		return err
	}
	p := a.startProgress()
	result, err := t.Snapshot(ctx, req, p.event)
	p.end()
	if ctx.Err() != nil {
		return interruptedError{goesOn: fmt.Sprintf("what %s was asked to do goes on in the background", t.image.Name)}
	}
	if err != nil {
		return snapshotError(t.image.Name, req, err)
	}
	if err := a.printSnapshot(t, result); err != nil {
		return err
	}
	return snapshotFailure(t.image.Name, req, result)
}

// snapshotError adds to an error what was tried, unless the image says so
// itself.
func snapshotError(name string, req api.SnapshotRequest, err error) error {
	var remote *api.Error
	switch {
	case errors.As(err, &remote):
		return err
	case unanswered(err):
		return fmt.Errorf("lost the monitor of image %q on the way; %s", name, afterLoss(req))
	}
	return fmt.Errorf("cannot %s image %q: %w", verb(req), name, err)
}

// afterLoss says what is known of a snapshot whose monitor was lost, and how to
// learn the rest.
func afterLoss(req api.SnapshotRequest) string {
	switch {
	case req.Save && req.Quit:
		return "seance images shows whether it was saved, seance ls whether it goes on"
	case req.Save:
		return "the image goes on, and seance images shows whether it was saved"
	}
	return "seance ls shows whether the image goes on; the next command starts a new monitor"
}

func verb(req api.SnapshotRequest) string {
	if req.Save {
		return "save"
	}
	return "quit"
}

// snapshotFailure is the error of a snapshot that was answered: nothing was
// saved, or a handler failed on the way.
func snapshotFailure(name string, req api.SnapshotRequest, r *api.SnapshotResult) error {
	if r.Outcome == api.Failed {
		return failedSnapshot(name, req, r.Error)
	}
	var failed []string
	for _, run := range r.Handlers {
		if run.Error != "" {
			failed = append(failed, fmt.Sprintf("%s of %s: %s", run.Action, run.ID, run.Error))
		}
	}
	switch {
	case len(failed) > 0:
		return partlyError{errors.New(strings.Join(failed, "\n"))}
	case r.Error != "":
		return partlyError{errors.New(r.Error)}
	}
	return nil
}

func failedSnapshot(name string, req api.SnapshotRequest, cause string) error {
	if strings.Contains(cause, "\n") {
		return fmt.Errorf("cannot %s image %q: %s\nimage %[2]q goes on", verb(req), name, cause)
	}
	return fmt.Errorf("cannot %s image %q: %s; it goes on", verb(req), name, cause)
}

func (a *app) printSnapshot(t *target, r *api.SnapshotResult) (err error) {
	switch {
	case a.json:
		err = a.printJSON(r)
	case r.Outcome == api.Failed:
	case t.inside && r.Outcome != api.Quit:
		_, err = fmt.Fprintln(a.stdout, r.Outcome)
	case r.Saved != nil && !a.quiet:
		_, err = fmt.Fprintln(a.stdout, savedLine(t.image.Name, r))
	case r.Outcome == api.Quit && !a.quiet:
		_, err = fmt.Fprintf(a.stdout, "%s has quit\n", t.image.Name)
	}
	if len(r.Survivors) > 0 && !a.json {
		a.warn("of the detached services of %s there live on: %s", t.image.Name, strings.Join(r.Survivors, ", "))
	}
	return err
}

func savedLine(name string, r *api.SnapshotResult) string {
	line := fmt.Sprintf("saved %s  %s  %s", r.Saved.Ref, shortDigest(r.Saved.Digest), size(r.Saved.Size))
	switch {
	case r.Outcome == api.Quit:
		line += fmt.Sprintf("; %s has quit", name)
	case r.FrozenMS > 0:
		line += fmt.Sprintf("; programs stood still for %s", took(r.FrozenMS))
	}
	return line
}
