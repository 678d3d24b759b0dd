package cli

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// docs/cli.md has a heading for each command, and under it a row for each of
// the command's flags; and nothing that is not there.
func TestDocumentsAreInStep(t *testing.T) {
	source, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := documentedCommands(string(source))
	actual := actualCommands()
	for _, name := range keys(documented, actual) {
		doc, isDocumented := documented[name]
		flags, exists := actual[name]
		switch {
		case !isDocumented:
			t.Errorf("docs/cli.md has no heading \"## %s\"", name)
		case !exists:
			t.Errorf("docs/cli.md describes %q, which is no command", name)
		case !slices.Equal(doc, flags):
			t.Errorf("%s: docs/cli.md describes the flags %q, the command has %q", name, doc, flags)
		}
	}
}

var (
	commandHeading = regexp.MustCompile(`^## (seance .*|Flags of every command)$`)
	flagRow        = regexp.MustCompile("^\\| ((?:`-[^`]*`(?:, )?)+) \\|")
)

// documentedCommands maps a command to its documented flags, such as
// "-f, --file".
func documentedCommands(source string) map[string][]string {
	found := map[string][]string{}
	name := ""
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "## ") { // a part of a command has three
			name = ""
		}
		if m := commandHeading.FindStringSubmatch(line); m != nil {
			name = m[1]
			found[name] = []string{}
		}
		if m := flagRow.FindStringSubmatch(line); m != nil && name != "" {
			flag := strings.ReplaceAll(m[1], "`", "")
			flag, _, _ = strings.Cut(flag, " "+valueOf(flag))
			found[name] = append(found[name], strings.TrimSpace(flag))
		}
	}
	for _, flags := range found {
		sort.Strings(flags)
	}
	return found
}

// valueOf is the value's name in "-f, --file FILE".
func valueOf(flag string) string {
	words := strings.Fields(flag)
	if last := words[len(words)-1]; !strings.HasPrefix(last, "-") {
		return last
	}
	return "\x00"
}

// actualCommands maps each command that does something to its flags.
func actualCommands() map[string][]string {
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, env: func(string) string { return "" }}
	root := a.rootCommand()
	root.InitDefaultHelpFlag()
	found := map[string][]string{"Flags of every command": append(flagsOf(root.PersistentFlags()), "-h, --help")}
	sort.Strings(found["Flags of every command"])
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, child := range c.Commands() {
			walk(child)
		}
		if c.HasParent() && !c.HasSubCommands() {
			found[c.CommandPath()] = flagsOf(c.LocalNonPersistentFlags())
		}
	}
	walk(root)
	found["seance completion"] = []string{} // cobra's own
	return found
}

func flagsOf(set *pflag.FlagSet) []string {
	flags := []string{}
	set.VisitAll(func(f *pflag.Flag) {
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = fmt.Sprintf("-%s, --%s", f.Shorthand, f.Name)
		}
		flags = append(flags, name)
	})
	sort.Strings(flags)
	return flags
}

func keys(maps ...map[string][]string) []string {
	var all []string
	for _, m := range maps {
		for k := range m {
			all = append(all, k)
		}
	}
	sort.Strings(all)
	return slices.Compact(all)
}

// The exit statuses in docs/cli.md are those of the help text.
func TestExitStatusesAreInStep(t *testing.T) {
	source, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.TrimSpace(exitHelp)) {
		status, meaning, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || status == "Exit" {
			continue
		}
		if row := "| " + status + " | " + strings.TrimSpace(meaning); !strings.Contains(string(source), row) {
			t.Errorf("docs/cli.md has no row %q", row)
		}
	}
}

// The help text of run ends with its own exit statuses, which docs/cli.md has as
// well.
func TestExitStatusesOfRunAreItsOwn(t *testing.T) {
	var out, errs strings.Builder
	inv := Invocation{Args: []string{"run", "--help"}, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Env: func(string) string { return "" }}
	if status := Main(t.Context(), inv); status != exitOK {
		t.Fatalf("exit status %d: %s", status, errs.String())
	}
	if !strings.HasSuffix(out.String(), runExitHelp) || strings.Contains(out.String(), exitHelp) {
		t.Errorf("the help text does not end with the exit statuses of run alone:\n%s", out.String())
	}
	source, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(source), "\n## seance run\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(runExitHelp) {
		status, _, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && status != "Exit" && status != "N" && !regexp.MustCompile(`(\| |; |, )`+regexp.QuoteMeta(status)+` `).MatchString(section) {
			t.Errorf("docs/cli.md does not tell of the exit status %s of seance run", status)
		}
	}
}
