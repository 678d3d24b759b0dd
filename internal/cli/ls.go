package cli

import (
	"context"
	"fmt"
	"strings"
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
	for i, f := range live {
		if f.err != nil {
			all[i] = silentImage(f.live, f.err)
			a.warn("%v", f.err)
			continue
		}
		all[i] = f.target.image
	}
	if a.json {
		return a.printJSON(all)
	}
	now := time.Now()
	t := newTable("NAME", "STATE", "READY", "AGE", "PID", "FREEZER", "FROM").alignRight("READY", "AGE", "PID").limit(a.width(a.stdout))
	for _, img := range all {
		t.row(img.Name, string(img.State), ready(img), since(img.Started, now), number(img.PID), img.Freezer, origin(img))
	}
	return t.write(a.stdout)
}

// ready is how many services of an image are ready; "" when that is not known.
func ready(img api.Image) string {
	if img.State == stateNotAnswering {
		return ""
	}
	return fmt.Sprintf("%d/%d", img.Ready, img.Services)
}

// origin is the saved image that an image was booted from, by the name that it
// was asked for by if there was one.
func origin(img api.Image) string {
	if img.FromRef == "" || strings.Contains(img.From, img.FromRef) {
		return shortDigest(img.From)
	}
	return img.FromRef
}
