package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// planned is one handler of a manifest, where it will stand in the start-up
// list.
type planned struct {
	ID       string   `json:"id"`
	Kind     string   `json:"kind"` // service or hook
	Category string   `json:"category"`
	Priority int      `json:"priority"`
	Startup  []string `json:"startup,omitempty"`
	Shutdown []string `json:"shutdown,omitempty"` // a hook's; a service is stopped
}

func (a *app) checkCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check a manifest and show its start-up list, running nothing",
		RunE:  func(*cobra.Command, []string) error { return a.check(file) },
	}
	cmd.Flags().StringVarP(&file, "file", "f", ".", "the manifest: a `FILE`, or the folder that holds seance.yaml")
	return cmd
}

func (a *app) check(file string) error {
	m, err := readManifest(file)
	if err != nil {
		return err
	}
	plan, err := planOf(m)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(plan)
	}
	if a.quiet {
		return nil
	}
	t := newTable("START-UP", "KIND", "CATEGORY", "PRIORITY", "COMMAND").alignRight("PRIORITY").limit(a.width(a.stdout))
	for _, p := range plan {
		t.row(p.ID, p.Kind, p.Category, strconv.Itoa(p.Priority), commandLine(p.Startup))
	}
	if err := t.write(a.stdout); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "\n%s is a good manifest of image %s\n", m.Path, m.Name)
	return err
}

// planOf gives a manifest's handlers in start-up order. The order is that of
// a session manager which has them registered, as init has.
func planOf(m *manifest.Manifest) ([]planned, error) {
	manager := session.New()
	if err := createCategories(manager, m.CategoryOrder()); err != nil {
		return nil, err
	}
	byID := map[string]planned{}
	for _, p := range handlersOf(m) {
		byID[p.ID] = p
		h := session.Func(p.ID, doNothing, doNothing)
		if err := manager.Register(h, session.InCategory(p.Category), session.AtPriority(p.Priority)); err != nil {
			return nil, err
		}
	}
	plan := []planned{}
	for _, e := range manager.StartupList() {
		plan = append(plan, byID[e.ID])
	}
	return plan, nil
}

func doNothing(context.Context, bool) error { return nil }

// createCategories creates those of order that a manager does not have from
// the start, each right after the one before it.
func createCategories(m *session.Manager, order []string) error {
	for i, name := range order {
		if _, err := m.Category(name); err == nil {
			continue
		}
		if _, err := m.CreateCategoryAfter(name, order[i-1]); err != nil {
			return err
		}
	}
	return nil
}

// handlersOf lists a manifest's handlers in the order of registration.
func handlersOf(m *manifest.Manifest) []planned {
	var all []planned
	for _, s := range m.Services {
		all = append(all, planned{ID: s.Name, Kind: "service", Category: s.Category, Priority: s.Priority, Startup: s.Command})
	}
	for _, h := range m.Hooks {
		all = append(all, planned{ID: h.Name, Kind: "hook", Category: h.Category, Priority: h.Priority, Startup: h.Startup, Shutdown: h.Shutdown})
	}
	return all
}
