package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/manifest"
)

func (a *app) upCommand() *cobra.Command {
	var files []string
	var name, freezer string
	cmd := &cobra.Command{
		Use:   "up [flags] [-- PROGRAM [ARGUMENT]...]",
		Short: "Boot the image that a manifest describes, or one around a program",
		Long: `Boot the image that a manifest describes: start its services and hooks in
the order of the start-up list, and return when all are ready. The image goes
on in the background.

With a program after "--" it needs no manifest: the image is that program and
all it starts, in the current folder, and is called after it. It is not started
again when it ends; the image ends with it.`,
		Example: `  seance up
  seance up -f examples/shop --name staging
  seance up -- ./counter --from 1`,
		Args: programAfterDash,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFreezer(freezer); err != nil {
				return usageIn(cmd, err)
			}
			if cmd.ArgsLenAtDash() < 0 {
				return a.up(cmd.Context(), files, name, freezer)
			}
			if cmd.Flags().Changed("file") {
				return usageIn(cmd, errors.New("either a manifest (--file) or a program can be started"))
			}
			return a.upProgram(cmd.Context(), args, name, freezer)
		},
	}
	fileFlag(cmd, &files, hereFallback)
	cmd.Flags().StringVar(&name, "name", "", "the live image's `NAME` (default: the manifest's, or the program's)")
	cmd.Flags().StringVar(&freezer, "freezer", "", "how it is saved: `criu` (memory and all) or respawn (default: criu where it works)")
	return cmd
}

func checkFreezer(name string) error {
	if name == "" || slices.Contains([]string{api.FreezerCRIU, api.FreezerRespawn}, name) {
		return nil
	}
	return fmt.Errorf("no such freezer: %q; there are %s and %s", name, api.FreezerCRIU, api.FreezerRespawn)
}

func (a *app) up(ctx context.Context, files []string, name, freezer string) error {
	m, err := readManifest(files...)
	if err != nil {
		return err
	}
	return a.upManifest(ctx, m, name, freezer)
}

func (a *app) upManifest(ctx context.Context, m *manifest.Manifest, name, freezer string) error {
	if name == "" {
		name = m.Name
	}
	return a.startImage(ctx, api.Launch{
		Action:       api.ActionUp,
		Name:         name,
		Manifest:     m.Source,
		ManifestPath: m.Path,
		Freezer:      freezer,
	}, manifestWarnings(m)...)
}

// startImage has a monitor start an image under a name that is free, and
// prints what came of it. What is to be warned of is true of one that is saved with
// its memory.
func (a *app) startImage(ctx context.Context, what api.Launch, warnings ...string) error {
	if err := checkLiveName(what.Name); err != nil {
		return err
	}
	if err := a.checkFree(ctx, what); err != nil {
		return err
	}
	p := a.startProgress()
	img, err := a.launch(ctx, what, p.event)
	p.end()
	if errors.As(err, new(interruptedError)) {
		return interruptedError{goesOn: fmt.Sprintf(
			"%s goes on starting in the background; see: seance ls", what.Name)}
	}
	if err != nil {
		return err
	}
	if err := a.printStarted(*img, what.Freezer); err != nil {
		return err
	}
	if img.Freezer == api.FreezerCRIU {
		for _, w := range warnings {
			a.warn("%s", w)
		}
	}
	if !a.quiet {
		a.warnOfLogsNow(ctx, img.Name)
	}
	return a.notReady(ctx, *img)
}

// checkFree refuses a name under which an image is live.
func (a *app) checkFree(ctx context.Context, what api.Launch) error {
	name, flag := what.Name, "--name"
	if what.Action == api.ActionBoot {
		flag = "--as"
	}
	home, err := a.homeFolder()
	if err != nil {
		return err
	}
	live := home.Live(name)
	if !live.Recorded() {
		return nil
	}
	t, err := a.attach(ctx, live)
	if isNotAlive(err) {
		a.warn("%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	from := ""
	if t.image.Manifest != "" && t.image.Manifest != what.ManifestPath {
		from = ", from " + t.image.Manifest
	}
	return &api.Error{Code: api.CodeExists, Message: fmt.Sprintf(
		"cannot start image %q: it is live already (pid %d%s); choose another name with %s, or: seance quit -i %[1]s", name, t.image.PID, from, flag)}
}

func (a *app) printStarted(img api.Image, asked string) error {
	if a.json {
		return a.printJSON(img)
	}
	if a.quiet {
		return nil
	}
	_, err := fmt.Fprintf(a.stdout, "%s is up: %s ready (pid %d)\n", img.Name, readyOf(img), img.PID)
	if img.Freezer == api.FreezerRespawn && asked == "" && img.WhyCold != "" {
		a.warn("%s will be saved without its memory: %s", img.Name, img.WhyCold)
	}
	return err
}

func readyOf(img api.Image) string {
	noun := "services"
	if img.Services == 1 {
		noun = "service"
	}
	return fmt.Sprintf("%d of %d %s", img.Ready, img.Services, noun)
}

// notReady is an error when something in an image that is up failed. What did
// comes in the order of the alphabet: it failed in any order.
func (a *app) notReady(ctx context.Context, img api.Image) error {
	switch {
	case img.Error != "":
		failed := messages(img.Error)
		slices.Sort(failed)
		return partlyError{errors.New(strings.Join(failed, "\n"))}
	case img.Ready < img.Services:
		return partlyError{fmt.Errorf("only %s of %s ready%s; see: seance ps -i %s", readyOf(img), img.Name, a.unready(ctx, img.Name), img.Name)}
	}
	return nil
}

// unready names the services that are not, and says how they are, as far as the
// image says so at once.
func (a *app) unready(ctx context.Context, image string) string {
	var list []string
	for _, s := range a.servicesNow(ctx, image) {
		how := serviceState(s)
		done := s.State == "exited" && s.Error == ""
		if s.Ready || done || how == "disabled" {
			continue
		}
		if s.Exit != "" {
			how += ", " + s.Exit
		}
		list = append(list, fmt.Sprintf("%s (%s)", s.Name, how))
	}
	if len(list) == 0 {
		return ""
	}
	return ", but not " + strings.Join(list, ", ")
}
