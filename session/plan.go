package session

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Plan is what the start-up list is going to do; the shut-down list does it backwards.
type Plan struct {
	Policy Policy
	Steps  []Step
}

// Step is a stretch of the start-up list that begins when the one before it is done. With
// [WithConcurrency] it is a rank, all of whose handlers run at the same time; else it is a single
// handler.
type Step struct {
	Category string
	Priority int
	Handlers []Entry
}

// Plan returns what the start-up list would do if it ran now. Nothing is called.
func (m *Manager) Plan() Plan {
	p := Plan{Policy: m.policy}
	if !m.Running() {
		p.Policy = m.bootPolicy
	}
	var before *entry
	for _, e := range m.startupOrder() {
		if !m.concurrent || before == nil || !sameRank(before, e) {
			p.Steps = append(p.Steps, Step{Category: e.category.name, Priority: e.priority})
		}
		last := &p.Steps[len(p.Steps)-1]
		last.Handlers = append(last.Handlers, e.public())
		before = e
	}
	return p
}

// String prints the plan as a table, a line for each handler.
func (p Plan) String() string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STEP\tCATEGORY\tPRIORITY\tHANDLER\tLIMIT")
	for i, s := range p.Steps {
		for _, e := range s.Handlers {
			fmt.Fprintf(t, "%d\t%s\t%d\t%s\t%v\n", i+1, s.Category, s.Priority, e.ID, e.Timeout)
		}
	}
	t.Flush() // cannot fail: it writes to memory
	return b.String()
}
