package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/process"
)

func (a *app) treeCommand() *cobra.Command {
	var opts process.TreeOptions
	cmd := &cobra.Command{
		Use:   "tree",
		Short: "Show the Unix sessions, groups and processes of a live image",
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.tree(cmd.Context(), opts) },
	}
	treeFlags(cmd, &opts)
	return cmd
}

func (a *app) imageTreeCommand() *cobra.Command {
	var opts process.TreeOptions
	cmd := &cobra.Command{
		Use:   "tree NAME[:TAG]|DIGEST",
		Short: "Show the Unix sessions, groups and processes that a saved image holds",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return a.imageTree(cmd.Context(), args[0], opts) },
	}
	treeFlags(cmd, &opts)
	return cmd
}

func treeFlags(cmd *cobra.Command, opts *process.TreeOptions) {
	cmd.Flags().BoolVar(&opts.Threads, "threads", false, "show threads too")
	cmd.Flags().BoolVarP(&opts.Args, "args", "a", false, "show whole command lines")
}

func (a *app) tree(ctx context.Context, opts process.TreeOptions) error {
	t, err := a.connect(ctx)
	if err != nil {
		return err
	}
	raw, err := t.Hierarchy(ctx)
	if err != nil {
		return err
	}
	var state process.State
	if err := json.Unmarshal(raw, &state); err != nil {
		return fmt.Errorf("cannot read the hierarchy: %w", err)
	}
	return a.printHierarchy(state, opts)
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
