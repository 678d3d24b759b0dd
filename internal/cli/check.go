package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/manifest"
)

// checked is what check says of a good manifest.
type checked struct {
	Name      string    `json:"name"`
	Path      string    `json:"path"`
	Files     []string  `json:"files"`
	OnFailure string    `json:"on_failure"`
	Plan      []planned `json:"plan"`
	Warnings  []string  `json:"warnings"`
}

func (a *app) checkCommand() *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check a manifest and show its start-up plan, running nothing",
		Long: `Check a manifest and show its start-up plan: what starts in which order, and
what is waited for. Handlers of one rank start together, but for those that need
each other; the next rank starts when this one is ready. Nothing is run. What is sure to fail
on this machine, such as a program that is not there, is said on standard error.`,
		Example: `  seance check
  seance check -f seance.yaml -f staging.yaml`,
		RunE: func(*cobra.Command, []string) error { return a.check(files) },
	}
	fileFlag(cmd, &files, hereFallback)
	return cmd
}

func (a *app) check(files []string) error {
	m, err := readManifest(files...)
	if err != nil {
		return err
	}
	plan, err := planOf(m)
	if err != nil {
		return err
	}
	warnings := append(manifestWarnings(m), doubts(m)...)
	if a.json {
		return a.printJSON(checked{
			Name: m.Name, Path: m.Path, Files: m.Files, OnFailure: string(m.OnFailure), Plan: plan, Warnings: orEmpty(warnings),
		})
	}
	if a.quiet {
		return nil
	}
	if err := a.printStartPlan(plan); err != nil {
		return err
	}
	for _, w := range warnings {
		a.warn("%s", w)
	}
	_, err = fmt.Fprintf(a.stdout, "\n%s is a good manifest of image %s\n", strings.Join(readFrom(m), " with "), m.Name)
	return err
}

// readFrom are the files that were named when a manifest was read.
func readFrom(m *manifest.Manifest) []string {
	if files := manifest.SourceFiles(m.Source); len(files) > 0 {
		return files
	}
	return []string{m.Path}
}

func (a *app) printStartPlan(plan []planned) error {
	t := newTable("RANK", "START-UP", "KIND", "CATEGORY", "PRIORITY", "READY", "NEEDS", "COMMAND").alignRight("RANK", "PRIORITY").limit(a.width(a.stdout))
	for _, p := range plan {
		ready := p.Ready
		if p.Disabled {
			ready = "disabled"
		}
		t.row(strconv.Itoa(p.Rank), p.ID, p.Kind, p.Category, strconv.Itoa(p.Priority), ready, strings.Join(p.Needs, ","), briefCommand(p.Startup))
	}
	return t.write(a.stdout)
}
