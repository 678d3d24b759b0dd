package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/image"
	"github.com/seancehq/seance/manifest"
)

// completionTime is how long a person may wait for the completion of a name.
const completionTime = 300 * time.Millisecond

// nameSource finds names that an argument may have, in a time that is short.
type nameSource func(ctx context.Context) []string

// completions has the shell complete names: of services, handlers and images. What
// cannot be found out at once is not offered, and nothing is said about it.
func (a *app) completions(root *cobra.Command) {
	for path, source := range map[string]nameSource{
		"start": a.serviceNames, "stop": a.serviceNames, "restart": a.serviceNames, "wait": a.serviceNames,
		"events": a.serviceNames, "logs": a.serviceNames, "ps": a.serviceNames,
		"handler rm": a.hookNames, "category rm": a.categoryNames,
		"boot": a.savedNames, "snapshot": a.savedNames, "images": a.savedNamesOnly,
		"image inspect": a.savedNames, "image tree": a.savedNames, "image rm": a.savedNames, "image verify": a.savedNames,
	} {
		cmd, _, err := root.Find(strings.Fields(path))
		if err == nil && cmd != root {
			cmd.ValidArgsFunction = completeNames(source)
		}
	}
	for path, source := range map[string]nameSource{
		"up --freezer": words(api.FreezerCRIU, api.FreezerRespawn), "handler add --category": a.categoryNames,
		"category add --after": a.categoryNames,
	} {
		path, flag, _ := strings.Cut(path, " --")
		cmd, _, err := root.Find(strings.Fields(path))
		if err == nil && cmd != root {
			_ = cmd.RegisterFlagCompletionFunc(flag, completeFlag(source))
		}
	}
	if run, _, err := root.Find([]string{"run"}); err == nil && run != root {
		run.ValidArgsFunction = a.completeRun
		_ = run.RegisterFlagCompletionFunc("exit-with", completeManifest)
	}
	// Only a flag that the command lacks is an error.
	_ = root.RegisterFlagCompletionFunc("image", completeFlag(a.liveNames))
}

func words(all ...string) nameSource { return func(context.Context) []string { return all } }

// completeRun offers the services of a manifest, and files to a program.
func (a *app) completeRun(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if slices.Contains(a.args[:len(a.args)-1], "--") { // cobra parses them with one more
		return nil, cobra.ShellCompDirectiveDefault
	}
	return offer(cmd, servicesIn(cmd), args, begun)
}

func completeManifest(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	return offer(cmd, servicesIn(cmd), nil, begun)
}

// servicesIn are the services of the manifest that a command is to read.
func servicesIn(cmd *cobra.Command) nameSource {
	m, err := manifest.Read(filesOf(cmd)...)
	if err != nil {
		return words()
	}
	var names []string
	for _, s := range m.Services {
		if s.Of != "" {
			names = append(names, s.Of)
		}
		names = append(names, s.Name)
	}
	return words(names...)
}

// completeNames offers each name once, and only as many as the command takes.
func completeNames(source nameSource) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && !strings.Contains(cmd.Use, "…") {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return offer(cmd, source, args, begun)
	}
}

func completeFlag(source nameSource) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return offer(cmd, source, nil, begun)
	}
}

func offer(cmd *cobra.Command, source nameSource, taken []string, begun string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	known := map[string]bool{}
	for _, name := range taken {
		known[name] = true
	}
	var names []string
	for _, name := range source(ctx) {
		if strings.HasPrefix(name, begun) && !known[name] {
			known[name] = true
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// clientHere speaks to the image that is meant, if it has a monitor: unlike
// connect it starts none, and asks nobody which image that is.
func (a *app) clientHere() *api.Client {
	if socket := a.insideSocket(); socket != "" {
		return api.NewClient(socket)
	}
	home, err := a.homeFolder()
	if err != nil {
		return nil
	}
	name := a.imageFlag()
	if name == "" {
		m, err := manifestHere()
		all, _ := home.LiveImages()
		switch {
		case m != nil:
			name = m.Name
		case err == nil && len(all) == 1:
			name = all[0].Name
		}
	}
	if live := home.Live(name); name != "" && live.Recorded() {
		return api.NewClient(live.Socket())
	}
	return nil
}

// serviceNames are the services', and those of which there are replicas.
func (a *app) serviceNames(ctx context.Context) (names []string) {
	client := a.clientHere()
	if client == nil {
		return nil
	}
	services, err := client.Services(ctx)
	if err != nil {
		return nil
	}
	for _, s := range services {
		if s.Of != "" {
			names = append(names, s.Of)
		}
		names = append(names, s.Name)
	}
	return names
}

func (a *app) hookNames(ctx context.Context) (names []string) {
	client := a.clientHere()
	if client == nil {
		return nil
	}
	handlers, err := client.Handlers(ctx)
	if err != nil {
		return nil
	}
	for _, h := range handlers.Startup {
		if h.Kind == "hook" {
			names = append(names, h.ID)
		}
	}
	return names
}

// categoryNames are those of the manifest that the image runs now, and those in which
// something was put since.
func (a *app) categoryNames(ctx context.Context) (names []string) {
	client := a.clientHere()
	if client == nil {
		return nil
	}
	if source, err := client.Source(ctx); err == nil {
		if m, err := manifest.Parse(source.ManifestPath, source.Manifest); err == nil {
			names = m.CategoryOrder()
		}
	}
	handlers, err := client.Handlers(ctx)
	if err != nil {
		return names
	}
	for _, h := range handlers.Startup {
		names = append(names, h.Category)
	}
	return names
}

func (a *app) liveNames(context.Context) (names []string) {
	home, err := a.homeFolder()
	if err != nil {
		return nil
	}
	all, err := home.LiveImages()
	if err != nil {
		return nil
	}
	for _, live := range all {
		names = append(names, live.Name)
	}
	return names
}

// savedNames are those of saved images, as short as they may be written.
func (a *app) savedNames(ctx context.Context) (names []string) {
	lines, err := a.imageLines(ctx, "")
	if err != nil {
		return nil
	}
	for _, l := range lines {
		name := l.Name
		if l.Tag != image.DefaultTag {
			name += ":" + l.Tag
		}
		names = append(names, name)
	}
	return names
}

// savedNamesOnly are those without their tags.
func (a *app) savedNamesOnly(ctx context.Context) (names []string) {
	for _, name := range a.savedNames(ctx) {
		name, _, _ = strings.Cut(name, ":")
		names = append(names, name)
	}
	return names
}
