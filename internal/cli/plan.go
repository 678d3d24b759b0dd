package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

// planned is one handler of a manifest, where it will stand in the start-up
// list.
type planned struct {
	// Rank counts from 1: handlers of one rank start together, the next ones when
	// these are ready.
	Rank     int    `json:"rank"`
	ID       string `json:"id"`
	Kind     string `json:"kind"` // service or hook
	Category string `json:"category"`
	Priority int    `json:"priority"`
	// Ready says what is waited for, Needs which services of its own rank a
	// service waits for before it starts.
	Ready     string   `json:"ready"`
	Needs     []string `json:"needs,omitempty"`
	Disabled  bool     `json:"disabled,omitempty"`
	ReplicaOf string   `json:"replica_of,omitempty"`
	Startup   []string `json:"startup,omitempty"`
	Shutdown  []string `json:"shutdown,omitempty"` // a hook's; a service is stopped
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
		p := byID[e.ID]
		p.Rank = 1
		if n := len(plan); n > 0 {
			before := plan[n-1]
			p.Rank = before.Rank
			if before.Category != p.Category || before.Priority != p.Priority {
				p.Rank++
			}
		}
		plan = append(plan, p)
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
	rank := map[string]*manifest.Service{}
	for i := range m.Services {
		rank[m.Services[i].Name] = &m.Services[i]
	}
	for _, s := range m.StartOrder() {
		earlier := func(name string) bool {
			return rank[name].Category != s.Category || rank[name].Priority != s.Priority
		}
		all = append(all, planned{
			ID: s.Name, Kind: "service", Category: s.Category, Priority: s.Priority, Startup: s.Command,
			Ready: readyWhen(s.Ready), Disabled: s.Disabled, ReplicaOf: s.Of,
			Needs: slices.DeleteFunc(slices.Clone(s.Needs), earlier),
		})
	}
	for _, h := range m.Hooks {
		ready := "exit 0"
		if h.Startup == nil {
			ready = ""
		}
		all = append(all, planned{
			ID: h.Name, Kind: "hook", Category: h.Category, Priority: h.Priority, Startup: h.Startup, Shutdown: h.Shutdown, Ready: ready,
		})
	}
	return all
}

// readyWhen puts into a few words when a service counts as started.
func readyWhen(r *manifest.Ready) string {
	switch {
	case r == nil:
		return "runs"
	case r.TCP != "":
		return "tcp " + r.TCP
	case r.HTTP != "":
		return r.HTTP
	case r.Log != "":
		return "log " + r.Log
	case r.Notify:
		return "notify"
	case r.Exit:
		return "exit 0"
	}
	words := []string{"command"}
	if len(r.Command) == 3 && r.Command[0] == "/bin/sh" {
		return strings.Join(append(words, r.Command[2]), " ")
	}
	return strings.Join(append(words, commandLine(r.Command)), " ")
}
