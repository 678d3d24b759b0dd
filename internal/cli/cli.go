// Package cli is the seance command: what a person types, and what is printed
// in answer.
//
// Every command is a method of app that returns a *cobra.Command, in a file
// named for it. A command speaks to a live image through package api alone
// (see connect.go), starts a monitor where it needs one (launch.go), and
// prints through table.go and format.go. What goes wrong becomes an exit
// status in exit.go and nowhere else.
package cli

import (
	"context"
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
)

// Invocation is one run of the seance command: what a process is given.
type Invocation struct {
	// Version is that of the program; "" when it was built without one.
	Version string
	// Args are the arguments, without the program's name.
	Args   []string
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Env looks up environment variables, as os.Getenv does.
	Env func(string) string
}

// Main runs one seance command and returns its exit status. When ctx ends the
// command stops waiting and says what goes on without it.
func Main(ctx context.Context, inv Invocation) int {
	a := &app{version: inv.Version, args: inv.Args, stdin: inv.Stdin, stdout: inv.Stdout, stderr: inv.Stderr, env: inv.Env}
	root := a.rootCommand()
	root.SetArgs(inv.Args)
	strictCompletion(root)
	a.completions(root)
	return a.report(root.ExecuteContext(ctx))
}

// app is one run of the command: where it reads and writes, and what the
// flags that every command has say.
type app struct {
	version string
	args    []string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	env     func(string) string

	json  bool
	quiet bool
	image string // --image
	home  string // --home
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "seance",
		Short: "Boot, save, branch and resume running programs as one image",
		Long: `seance runs a set of programs as one image: it boots them in order, shuts
them down in exact reverse, and can freeze the whole running image to disk
and boot it again later, where it stopped.`,
		Example:       rootExample,
		Args:          a.knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpCommand())
	root.SetHelpTemplate(helpTemplate)
	a.globalFlags(root)
	root.AddGroup(
		&cobra.Group{ID: groupManifest, Title: "Manifests:"},
		&cobra.Group{ID: groupLife, Title: "Life of an image:"},
		&cobra.Group{ID: groupServices, Title: "Services of a live image:"},
		&cobra.Group{ID: groupLook, Title: "Look at a live image:"},
		&cobra.Group{ID: groupLists, Title: "Change a live image's lists:"},
		&cobra.Group{ID: groupStore, Title: "Saved images:"},
	)
	addTo(root, groupManifest, a.initCommand(), a.checkCommand())
	addTo(root, groupLife, a.upCommand(), a.runCommand(), a.snapshotCommand(), a.quitCommand(), a.bootCommand())
	addTo(root, groupServices, a.startCommand(), a.stopCommand(), a.restartCommand(), a.reloadCommand(), a.waitCommand())
	addTo(root, groupLook, a.lsCommand(), a.psCommand(), a.topCommand(), a.treeCommand(), a.listCommand(), a.logsCommand(),
		a.eventsCommand(), a.metricsCommand())
	addTo(root, groupLists, a.handlerCommand(), a.categoryCommand())
	addTo(root, groupStore, a.imagesCommand(), a.imageCommand())
	addTo(root, "", a.versionCommand())
	wordsOfOthers(root)
	return root
}

const (
	groupManifest = "manifest"
	groupLife     = "life"
	groupServices = "services"
	groupLook     = "look"
	groupLists    = "lists"
	groupStore    = "store"
)

const rootExample = `  seance up                    boot the image that ./seance.yaml describes
  seance tree                  show its Unix sessions, groups and processes
  seance snapshot --quit       save it and quit
  seance boot shop             boot it again, where it stopped`

// helpTemplate ends every help text with the exit statuses: scripts need them
// as much as the flags.
const helpTemplate = ownHelpTemplate + exitHelp

// ownHelpTemplate is that of a command which has exit statuses of its own.
const ownHelpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`

func (a *app) globalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.BoolVar(&a.json, "json", false, "print JSON")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "print nothing but results and errors")
	f.StringVarP(&a.image, "image", "i", "", "the live image, by `NAME` (default $SEANCE_IMAGE, else that of the manifest here; without a manifest, the only one)")
	f.StringVar(&a.home, "home", "", "the `FOLDER` that holds everything seance keeps (default $SEANCE_HOME)")
}

// wordsOfOthers has those words suggest a command that mean it elsewhere.
func wordsOfOthers(root *cobra.Command) {
	words := map[string][]string{
		"boot":     {"resume", "restore", "load"},
		"check":    {"validate", "lint", "config", "plan"},
		"logs":     {"tail", "journal"},
		"ps":       {"status"},
		"quit":     {"down", "kill", "shutdown", "exit"},
		"run":      {"foreground"},
		"snapshot": {"save", "freeze", "checkpoint", "dump", "commit"},
		"up":       {"launch", "daemon"},
	}
	for _, c := range root.Commands() {
		c.SuggestFor = words[c.Name()]
	}
}

func addTo(parent *cobra.Command, group string, children ...*cobra.Command) {
	for _, c := range children {
		c.GroupID = group
		checked := c.Args
		if checked == nil {
			checked = arguments(0, 0)
		}
		c.Args = func(cmd *cobra.Command, args []string) error {
			return usageIn(cmd, checked(cmd, args))
		}
		parent.AddCommand(c)
	}
}

// knownCommand refuses a first word that names no command.
func (a *app) knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return unknownCommand(cmd, args[0])
}

// printJSON prints one JSON document.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
