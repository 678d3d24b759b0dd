package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
)

func (a *app) lsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the live images",
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.ls(cmd.Context()) },
	}
}

func (a *app) ls(ctx context.Context) error {
	home, err := a.homeFolder()
	if err != nil {
		return err
	}
	live, err := a.liveImages(ctx, home)
	if err != nil {
		return err
	}
	all := make([]api.Image, len(live))
	for i, t := range live {
		all[i] = t.image
	}
	if a.json {
		return a.printJSON(all)
	}
	now := time.Now()
	t := newTable("NAME", "STATE", "READY", "AGE", "PID", "FREEZER", "FROM").alignRight("READY", "AGE", "PID")
	for _, img := range all {
		t.row(img.Name, string(img.State), fmt.Sprintf("%d/%d", img.Ready, img.Services),
			since(img.Started, now), number(img.PID), img.Freezer, shortDigest(img.From))
	}
	return t.write(a.stdout)
}
