package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/linux/mirror"
	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/process"
)

// treeCommandOptions are the flags of seance tree.
type treeCommandOptions struct {
	process.TreeOptions
	host     bool
	watch    bool
	interval time.Duration
}

func (a *app) treeCommand() *cobra.Command {
	var opts treeCommandOptions
	cmd := &cobra.Command{
		Use:   "tree",
		Short: "Show the Unix sessions, groups and processes of a live image",
		Long: `Show the Unix sessions, process groups, processes and threads of a live image,
or of the whole host, in the manner of ps -ejH. Leaders, terminals, foreground
groups, zombies and orphaned groups are marked.`,
		Example: `  seance tree
  seance tree --args --threads
  seance tree --watch
  seance tree --host --watch --interval 100ms --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.checkWatch(cmd, opts); err != nil {
				return err
			}
			if opts.watch {
				return a.watch(cmd.Context(), opts)
			}
			return a.tree(cmd.Context(), opts)
		},
	}
	treeFlags(cmd, &opts.TreeOptions)
	f := cmd.Flags()
	f.BoolVar(&opts.host, "host", false, "show all processes of the host, not those of an image")
	f.BoolVarP(&opts.watch, "watch", "w", false, "go on with a line for each event as it comes")
	f.DurationVar(&opts.interval, "interval", 250*time.Millisecond, "how often --watch looks")
	return cmd
}

func (a *app) imageTreeCommand() *cobra.Command {
	var opts process.TreeOptions
	cmd := &cobra.Command{
		Use:   "tree NAME[:TAG]|DIGEST",
		Short: "Show the Unix sessions, groups and processes that a saved image holds",
		Args:  arguments(1, 1),
		RunE:  func(cmd *cobra.Command, args []string) error { return a.imageTree(cmd.Context(), args[0], opts) },
	}
	treeFlags(cmd, &opts)
	return cmd
}

func treeFlags(cmd *cobra.Command, opts *process.TreeOptions) {
	cmd.Flags().BoolVar(&opts.Threads, "threads", false, "show threads too")
	cmd.Flags().BoolVarP(&opts.Args, "args", "a", false, "show whole command lines")
}

func (a *app) tree(ctx context.Context, opts treeCommandOptions) error {
	if opts.host {
		return a.hostTree(opts.TreeOptions)
	}
	t, err := a.connect(ctx)
	if err != nil {
		return err
	}
	raw, err := t.Hierarchy(ctx)
	if err != nil {
		return err
	}
	return a.printRawHierarchy(raw, opts.TreeOptions)
}

// hostTree needs nobody's help: everyone may read most of /proc.
func (a *app) hostTree(opts process.TreeOptions) error {
	seen, err := hostProcesses()
	if err != nil {
		return err
	}
	table, err := process.Mirror(seen)
	if err != nil {
		return err
	}
	return a.printHierarchy(table.State(), opts)
}

func hostProcesses() ([]process.Observed, error) { return mirror.All(procfs.New("/proc")) }

func (a *app) printRawHierarchy(raw api.Hierarchy, opts process.TreeOptions) error {
	state, err := decodeHierarchy(raw)
	if err != nil {
		return err
	}
	return a.printHierarchy(state, opts)
}

func decodeHierarchy(raw api.Hierarchy) (state process.State, err error) {
	if err := json.Unmarshal(raw, &state); err != nil {
		return state, fmt.Errorf("cannot read the hierarchy: %w", err)
	}
	return state, nil
}

func (a *app) imageTree(ctx context.Context, ref string, opts process.TreeOptions) error {
	img, err := a.savedImage(ctx, ref)
	if err != nil {
		return err
	}
	if img.Config.Hierarchy == nil {
		return fmt.Errorf("cannot show the processes of image %q: none were saved, its programs start again at boot", ref)
	}
	return a.printHierarchy(*img.Config.Hierarchy, opts)
}

func (a *app) printHierarchy(state process.State, opts process.TreeOptions) error {
	if a.json {
		return a.printJSON(state)
	}
	table, err := process.Restore(state)
	if err != nil {
		return fmt.Errorf("cannot read the hierarchy: %w", err)
	}
	opts.Color, opts.Width = a.colours().on, a.width(a.stdout)
	return table.WriteTree(a.stdout, opts)
}
