package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
)

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Show the start-up list and the shut-down list of a live image",
		Long: `Show the start-up list and the shut-down list of a live image, with what each
handler did last and how long it took. The shut-down list is the start-up list
reversed.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.list(cmd.Context()) },
	}
}

func (a *app) list(ctx context.Context) error {
	t, err := a.connect(ctx)
	if err != nil {
		return err
	}
	h, err := t.Handlers(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(api.Handlers{Startup: orEmpty(h.Startup), Shutdown: orEmpty(h.Shutdown)})
	}
	if err := a.printHandlers("START-UP", h.Startup, lastStartup); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout)
	if err := a.printHandlers("SHUT-DOWN", h.Shutdown, lastShutdown); err != nil {
		return err
	}
	a.warnOfFailed("start-up", h.Startup, lastStartup)
	a.warnOfFailed("shut-down", h.Shutdown, lastShutdown)
	return nil
}

// warnOfFailed says below the tables why handlers failed, one a line.
func (a *app) warnOfFailed(what string, handlers []api.Handler, last func(api.Handler) *api.HandlerRun) {
	for _, h := range handlers {
		if run := last(h); run != nil && run.Error != "" {
			a.warn("%s of %s: %s", what, h.ID, brief(run.Error))
		}
	}
}

func (a *app) printHandlers(title string, handlers []api.Handler, last func(api.Handler) *api.HandlerRun) error {
	t := newTable(title, "KIND", "CATEGORY", "PRIORITY", "LAST", "TOOK").alignRight("PRIORITY", "TOOK").limit(a.width(a.stdout))
	for _, h := range handlers {
		did, long := "", ""
		if run := last(h); run != nil {
			did, long = outcome(*run), took(run.DurationMS)
		}
		t.row(h.ID, h.Kind, h.Category, strconv.Itoa(h.Priority), did, long)
	}
	return t.write(a.stdout)
}

func lastStartup(h api.Handler) *api.HandlerRun  { return h.LastStartup }
func lastShutdown(h api.Handler) *api.HandlerRun { return h.LastShutdown }

// outcome says what a run of a handler was told, and whether it failed.
func outcome(run api.HandlerRun) string {
	told := "continuing"
	switch {
	case run.Action == "shutdown" && run.Quitting:
		told = "quitting"
	case run.Action == "shutdown":
		told = "saving"
	case run.Booting:
		told = "booting"
	}
	if run.Error != "" {
		return told + ", failed"
	}
	return told
}
