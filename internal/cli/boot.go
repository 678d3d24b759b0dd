package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
)

func (a *app) bootCommand() *cobra.Command {
	var as string
	var force bool
	cmd := &cobra.Command{
		Use:   "boot NAME[:TAG]|DIGEST",
		Short: "Boot a saved image where it stopped",
		Long: `Boot a saved image: its programs go on at the very instruction where they
stopped, and every handler's start-up is told that the image is booting.

An image whose files have changed since it was saved is not booted: its
programs would work on files that no longer match their memory. --force boots
it nevertheless.`,
		Example: `  seance boot shop
  seance boot shop:before-migration --as trial`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.boot(cmd.Context(), args[0], as, force)
		},
	}
	cmd.Flags().StringVar(&as, "as", "", "the live image's `NAME` (default: the saved image's)")
	cmd.Flags().BoolVar(&force, "force", false, "boot though files have changed since the image was saved")
	return cmd
}

func (a *app) boot(ctx context.Context, ref, as string, force bool) error {
	img, err := a.savedImage(ctx, ref)
	if err != nil {
		return err
	}
	if as == "" {
		as = img.Config.Name
	}
	return a.startImage(ctx, api.Launch{Action: api.ActionBoot, Name: as, Ref: ref, Force: force})
}
