package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seancehq/seance/manifest"
)

// arguments lets a command have so many arguments, at the least and at the
// most.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			_, missing, _ := strings.Cut(cmd.Use, " ")
			return fmt.Errorf("missing %s", missing)
		case len(args) > most:
			return unexpected(cmd, args[most])
		}
		return nil
	}
}

// unexpected is an argument too many. A manifest and a live image are named with
// flags.
func unexpected(cmd *cobra.Command, arg string) error {
	switch {
	case cmd.Flags().Lookup("file") != nil && (namesManifest(arg) || exists(arg)):
		return manifestMeant(cmd, arg)
	case isAboutImage(cmd) && checkLiveName(arg) == nil:
		return fmt.Errorf("unexpected argument %q; a live image is named with -i: %s -i %s", arg, cmd.CommandPath(), arg)
	}
	return fmt.Errorf("unexpected argument %q", arg)
}

// isAboutImage says that a command is about one live image and nothing in it.
func isAboutImage(cmd *cobra.Command) bool {
	switch cmd.CommandPath() {
	case "seance quit", "seance reload", "seance top", "seance tree", "seance list", "seance metrics":
		return true
	}
	return false
}

// manifestMeant is the error of a manifest that stands where none does.
func manifestMeant(cmd *cobra.Command, arg string) error {
	return fmt.Errorf("unexpected argument %q; a manifest is named with -f: %s -f %s", arg, cmd.CommandPath(), shellWord(arg))
}

// namesManifest says that an argument looks like a manifest, be it there or not,
// or is a folder that holds one.
func namesManifest(arg string) bool {
	switch filepath.Ext(arg) {
	case ".yaml", ".yml":
		return true
	}
	if name := filepath.Base(arg); name == "Procfile" || strings.HasPrefix(name, "Procfile.") {
		return true
	}
	if info, err := os.Stat(arg); err != nil || !info.IsDir() {
		return false
	}
	_, err := manifest.Read(arg)
	return !errors.Is(err, fs.ErrNotExist)
}

// namesProgram says that an argument is a file that can be executed.
func namesProgram(arg string) bool {
	info, err := os.Stat(arg)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// anyNumber of arguments.
const anyNumber = int(^uint(0) >> 1)

// flagError says what is wrong with a flag in words for people.
func flagError(cmd *cobra.Command, err error) error {
	var bad *pflag.InvalidValueError
	if errors.As(err, &bad) {
		err = fmt.Errorf("--%s is %q: it must be %s", bad.GetFlag().Name, bad.GetValue(), mustBe(bad.GetFlag().Value.Type()))
	}
	return usageIn(cmd, err)
}

// mustBe describes the values of a type of flag.
func mustBe(flagType string) string {
	switch flagType {
	case "int":
		return "a whole number"
	case "duration":
		return "a time such as 500ms or 30s"
	case "moment":
		return "a time ago such as 10m, or a date such as 2026-01-31T15:04:05Z"
	case "bool":
		return "true or false"
	case "lines":
		return "a number of lines, 0 or more"
	}
	return "a " + flagType
}

// lines is the flag of a number of lines: all, or so many.
type lines struct{ n *int }

func linesFlag(n *int) pflag.Value {
	*n = -1
	return lines{n}
}

func (l lines) Type() string { return "lines" }

// String is "" for all, so that help shows no number that stands for it.
func (l lines) String() string {
	if l.n == nil || *l.n < 0 {
		return ""
	}
	return strconv.Itoa(*l.n)
}

func (l lines) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err == nil && n < 0 {
		err = strconv.ErrRange
	}
	if err != nil {
		return err
	}
	*l.n = n
	return nil
}

// strictCompletion makes a shell that cobra's completion does not know an error.
func strictCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			group := groupCommand("", "")
			c.Args, c.RunE = group.Args, group.RunE
		}
	}
}

// helpCommand is cobra's, but for a topic that does not exist being an error.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return usageIn(cmd, err)
			}
			if len(rest) > 0 {
				return unknownCommand(about, rest[0])
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, c := range about.Commands() {
				if c.IsAvailableCommand() && strings.HasPrefix(c.Name(), begun) {
					names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}
