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
	h, err := t.Hierarchy(ctx)
	if err != nil {
		return err
	}
	return a.printHierarchy(h, opts)
}

func (a *app) imageTree(ctx context.Context, ref string, opts process.TreeOptions) error {
	img, err := a.savedImage(ctx, ref)
	if err != nil {
		return err
	}
	if len(img.Config.Hierarchy) == 0 {
		return fmt.Errorf("cannot show the processes of image %q: none were saved, its programs start again at boot", ref)
	}
	return a.printHierarchy(img.Config.Hierarchy, opts)
}

// printHierarchy prints a process.State, given as JSON.
func (a *app) printHierarchy(raw json.RawMessage, opts process.TreeOptions) error {
	if a.json {
		return a.printJSON(raw)
	}
	var state process.State
	if err := json.Unmarshal(raw, &state); err != nil {
		return fmt.Errorf("cannot read the hierarchy: %w", err)
	}
	table, err := process.Restore(state)
	if err != nil {
		return fmt.Errorf("cannot read the hierarchy: %w", err)
	}
	opts.Color, opts.Width = a.colours().on, a.width(a.stdout)
	return table.WriteTree(a.stdout, opts)
}
