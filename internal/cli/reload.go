package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/manifest"
)

func (a *app) reloadCommand() *cobra.Command {
	var files []string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have a live image become what its manifest says now",
		Long: `Have a live image become what its manifest says now. What has changed is
restarted, what is new is started, what is no longer there is stopped, in order;
all else goes on. The plan is shown first, and alone with --dry-run.

A value that takes effect without a restart, such as a restart policy, is an
"update": the program is left alone.`,
		Example: `  seance reload --dry-run
  seance reload
  seance reload -i staging -f examples/shop`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.reload(cmd.Context(), files, dryRun) },
	}
	fileFlag(cmd, &files, "the files that it was started from, or those of the last reload with -f")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show the plan and change nothing")
	return cmd
}

func (a *app) reload(ctx context.Context, files []string, dryRun bool) error {
	t, m, err := a.findReload(ctx, files)
	if err != nil {
		return err
	}
	a.remarkOnName(ctx, t, m)
	req := api.ReloadRequest{Manifest: m.Source, ManifestPath: m.Path, DryRun: true}
	plan, err := t.Reload(ctx, req, nil)
	if err != nil || plan == nil {
		return reloadError(ctx, t.image.Name, plan, err)
	}
	if dryRun || len(plan.Steps) == 0 {
		plan.Done = !dryRun
		return a.printPlan(t.image.Name, plan)
	}
	if !a.json {
		if err := a.printPlan(t.image.Name, plan); err != nil {
			return err
		}
	}
	req.DryRun = false
	p := a.startProgress()
	result, err := t.Reload(ctx, req, p.event)
	p.end()
	if err != nil || result == nil {
		return reloadError(ctx, t.image.Name, result, err)
	}
	if err := a.printReloaded(t.image.Name, result); err != nil {
		return err
	}
	a.warnOfLogs(t.presentServices(ctx))
	return failedSteps(result)
}

// findReload finds the image and reads its manifest. A manifest that is named
// says which image is meant, unless that is said too.
func (a *app) findReload(ctx context.Context, files []string) (*target, *manifest.Manifest, error) {
	if len(files) == 0 {
		t, err := a.connect(ctx)
		if err != nil {
			return nil, nil, err
		}
		m, err := t.readAgain(ctx)
		return t, m, err
	}
	m, err := readManifest(files...)
	if err != nil {
		return nil, nil, err
	}
	if a.imageFlag() != "" || a.insideSocket() != "" {
		t, err := a.connect(ctx)
		return t, m, err
	}
	home, err := a.homeFolder()
	if err != nil {
		return nil, nil, err
	}
	t, err := a.attachOurs(ctx, home, m)
	return t, m, err
}

// remarkOnName says that a name which has changed in the manifest is not that of
// the live image, which keeps the one that it was started under.
func (a *app) remarkOnName(ctx context.Context, t *target, to *manifest.Manifest) {
	source, err := t.Source(ctx)
	if err != nil {
		return // the reload itself says what is wrong
	}
	from, err := manifest.Parse(source.ManifestPath, source.Manifest)
	if err == nil && from.Name != to.Name && to.Name != t.image.Name {
		a.warn("the manifest's name is %s now; the live image keeps its name %s until it is started again", to.Name, t.image.Name)
	}
}

// readAgain reads the files that the image's manifest was read from.
func (t *target) readAgain(ctx context.Context) (*manifest.Manifest, error) {
	source, err := t.Source(ctx)
	if err != nil {
		return nil, err
	}
	files := manifest.SourceFiles(source.Manifest)
	if len(files) == 0 && source.ManifestPath != "" {
		files = []string{source.ManifestPath}
	}
	if len(files) == 0 {
		return nil, usageError{fmt.Errorf("image %q was started without a manifest; name one with --file", t.image.Name)}
	}
	return readManifest(files...)
}

func reloadError(ctx context.Context, name string, result *api.ReloadResult, err error) error {
	switch {
	case ctx.Err() != nil:
		return interruptedError{goesOn: fmt.Sprintf("what %s was asked to do goes on in the background", name)}
	case unanswered(err):
		return fmt.Errorf("lost the monitor of image %q on the way; seance reload --dry-run shows what is left to do; the next command starts a new monitor", name)
	case err == nil && result == nil:
		return errors.New("cannot learn the reload's result: the answer has none")
	}
	return err
}

func (a *app) printPlan(name string, plan *api.ReloadResult) error {
	switch {
	case a.json:
		return a.printJSON(api.ReloadResult{Steps: orEmpty(plan.Steps), Unchanged: plan.Unchanged, Done: plan.Done})
	case a.quiet:
		return nil
	case len(plan.Steps) == 0:
		_, err := fmt.Fprintf(a.stdout, "nothing to do: %s is as its manifest says\n", name)
		return err
	}
	t := newTable("STEP", "NAME", "KIND", "CHANGED").limit(a.width(a.stdout))
	for _, s := range plan.Steps {
		t.row(string(s.Action), s.Name, s.Kind, strings.Join(s.Keys, ","))
	}
	if err := t.write(a.stdout); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "%s as %s\n", counted(plan.Unchanged, "other stays", "others stay"), pick(plan.Unchanged == 1, "it is", "they are"))
	return err
}

// counted is a number of things, in words for one and for more.
func counted(n int, one, more string) string {
	return fmt.Sprintf("%d %s", n, pick(n == 1, one, more))
}

func (a *app) printReloaded(name string, r *api.ReloadResult) error {
	if a.json {
		return a.printJSON(api.ReloadResult{Steps: orEmpty(r.Steps), Unchanged: r.Unchanged, Done: r.Done})
	}
	if a.quiet {
		return nil
	}
	done := map[api.ReloadAction]int{}
	for _, s := range r.Steps {
		if s.Error == "" {
			done[s.Action]++
		}
	}
	var words []string
	for _, w := range []struct {
		action api.ReloadAction
		word   string
	}{
		{api.ReloadStop, "stopped"}, {api.ReloadStart, "started"},
		{api.ReloadChange, "restarted"}, {api.ReloadUpdate, "updated"},
	} {
		if n := done[w.action]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, w.word))
		}
	}
	if len(words) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(a.stdout, "%s is reloaded: %s\n", name, strings.Join(words, ", "))
	return err
}

// failedSteps is an error when a step of a reload that was done has failed.
func failedSteps(r *api.ReloadResult) error {
	var failed []string
	for _, s := range r.Steps {
		if s.Error != "" {
			failed = append(failed, s.Error)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return partlyError{errors.New(strings.Join(failed, "\n"))}
}
