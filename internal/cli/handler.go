package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/manifest"
)

func (a *app) handlerCommand() *cobra.Command {
	cmd := groupCommand("handler", "Add handlers to a live image's lists, and remove them")
	addTo(cmd, "", a.handlerAddCommand(), a.handlerRmCommand())
	return cmd
}

func (a *app) categoryCommand() *cobra.Command {
	cmd := groupCommand("category", "Add categories to a live image, and remove them")
	addTo(cmd, "", a.categoryAddCommand(), a.categoryRmCommand())
	return cmd
}

// groupCommand is a command that only has others below it.
func groupCommand(name, short string) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
}

// added is what the flags of handler add say.
type added struct {
	startup, shutdown, category string
	priority                    int
	timeout                     time.Duration
}

func (a *app) handlerAddCommand() *cobra.Command {
	var f added
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a handler to a live image's lists",
		Long: `Add a handler to the start-up list and the shut-down list of a live image: a
pair of commands, as a hook of a manifest is. They are run by /bin/sh, in the
current folder. Nothing is run now: the next list runs it. A hook of the same
name is replaced, wherever it stood.`,
		Example: `  seance handler add leases --startup renew-leases --shutdown 'drop-leases --all'
  seance handler add cache --startup warm-cache --category network --priority 200`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := f.request(args[0])
			if err != nil {
				return usageIn(cmd, err)
			}
			return a.addHandler(cmd.Context(), req)
		},
	}
	cmd.Flags().StringVar(&f.startup, "startup", "", "the `COMMAND` that is run at start-up")
	cmd.Flags().StringVar(&f.shutdown, "shutdown", "", "the `COMMAND` that is run at shut-down")
	cmd.Flags().StringVar(&f.category, "category", manifest.DefaultCategory, "the `CATEGORY` it stands in")
	cmd.Flags().IntVar(&f.priority, "priority", manifest.DefaultPriority, "its place there: lower `NUMBERS` are started first")
	cmd.Flags().DurationVar(&f.timeout, "timeout", manifest.DefaultHookTimeout, "`TIME` after which a command is ended, such as 5s")
	return cmd
}

func (f added) request(name string) (req api.HandlerRequest, err error) {
	if f.startup == "" && f.shutdown == "" {
		return req, errors.New("a handler has a --startup command, a --shutdown command or both")
	}
	if f.timeout <= 0 {
		return req, fmt.Errorf("a --timeout is more than 0, not %v", f.timeout)
	}
	dir, err := os.Getwd()
	return api.HandlerRequest{
		ID: name, Startup: shell(f.startup), Shutdown: shell(f.shutdown), Workdir: dir,
		Category: f.category, Priority: &f.priority, TimeoutMS: float64(f.timeout) / float64(time.Millisecond),
	}, err
}

// shell is a command as a manifest has it that is one string.
func shell(command string) []string {
	if command == "" {
		return nil
	}
	return []string{"/bin/sh", "-c", command}
}

func (a *app) addHandler(ctx context.Context, req api.HandlerRequest) error {
	t, err := a.connect(ctx)
	if err != nil {
		return err
	}
	h, err := t.AddHandler(ctx, req)
	if err != nil {
		return err
	}
	if t.image.Freezer == api.FreezerRespawn {
		a.warn("%s is saved without its memory: booted again, it has the handlers of its manifest, and not this one", t.image.Name)
	}
	if a.json {
		return a.printJSON(h)
	}
	return nil
}

func (a *app) handlerRmCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "Take a handler off a live image's lists",
		Long: `Take a hook off the start-up list and the shut-down list of a live image, be it
one of the manifest or one that was added. Neither of its commands is run.`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			if err := t.RemoveHandler(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.printRemoved(args[0])
		},
	}
}

func (a *app) categoryAddCommand() *cobra.Command {
	var after string
	cmd := &cobra.Command{
		Use:     "add NAME",
		Short:   "Add a category to a live image",
		Example: `  seance category add storage --after system`,
		Args:    arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			req := api.CategoryRequest{Name: args[0], After: after}
			if err := t.AddCategory(cmd.Context(), req); err != nil || !a.json {
				return err
			}
			return a.printJSON(req)
		},
	}
	cmd.Flags().StringVar(&after, "after", "", "the `CATEGORY` that it follows (default: the last one)")
	return cmd
}

func (a *app) categoryRmCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove a category in which no handler stands",
		Args:  arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			if err := t.RemoveCategory(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.printRemoved(args[0])
		},
	}
}

// removed is what is printed as JSON when something was removed that has a name and
// no more.
type removed struct {
	Removed string `json:"removed"`
}

func (a *app) printRemoved(name string) error {
	if !a.json {
		return nil
	}
	return a.printJSON(removed{name})
}
