package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/manifest"
)

// programAfterDash lets arguments stand after "--" only: else a mistyped flag
// would be run.
func programAfterDash(cmd *cobra.Command, args []string) error {
	switch dash := cmd.ArgsLenAtDash(); {
	case len(args) == 0 && dash >= 0:
		return errors.New("no program after --")
	case len(args) > 0 && dash != 0 && namesManifest(args[0]):
		return unexpected(cmd, args[0])
	case len(args) > 0 && dash != 0 && isService(filesOf(cmd), args[0]):
		return fmt.Errorf("unexpected argument %q; seance up starts all services but those that are disabled; to run some: seance run %s", args[0], shellWord(args[0]))
	case len(args) > 0 && dash != 0:
		return programMeant(cmd, args[0])
	}
	return nil
}

// programMeant is the error of a program that does not stand after "--".
func programMeant(cmd *cobra.Command, arg string) error {
	return fmt.Errorf("unexpected argument %q; a program to run stands after --: %s -- %s", arg, cmd.CommandPath(), arg)
}

func filesOf(cmd *cobra.Command) []string {
	files, _ := cmd.Flags().GetStringArray("file")
	return files
}

// upProgram boots an image around one program.
func (a *app) upProgram(ctx context.Context, command []string, name, freezer string) error {
	if _, err := exec.LookPath(command[0]); err != nil && !errors.Is(err, exec.ErrDot) {
		if errors.Is(err, exec.ErrNotFound) {
			err = errors.New("it is in no folder of PATH; install it, correct the name, or add its folder to PATH")
		}
		return usageError{fmt.Errorf("cannot run %q: %w", command[0], reason(err))}
	}
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("cannot run %q: %w", command[0], err)
	}
	m, err := manifestOf(command, dir)
	if err != nil {
		return err
	}
	return a.upManifest(ctx, m, name, freezer)
}

// reason is what exec.LookPath says without the name, which it says too.
func reason(err error) error {
	var lookup *exec.Error
	if errors.As(err, &lookup) {
		err = lookup.Err
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err
}

// manifestOf is the manifest of an image around one program. It has no file;
// by that, init knows that the image ends with the program. It is made as text,
// which a saved image keeps as it does any other.
func manifestOf(command []string, dir string) (*manifest.Manifest, error) {
	name := nameOf(command[0])
	service := name
	if service == "link" || service == "logs" { // seance's own handlers
		service = "program"
	}
	argv, err := quoted(command)
	if err != nil {
		return nil, err
	}
	workdir, err := quoted(dir)
	if err != nil {
		return nil, err
	}
	source := fmt.Sprintf("name: %q\nservices:\n  %q:\n    command: %s\n    workdir: %s\n    restart: \"no\"\n", name, service, argv, workdir)
	m, err := manifest.Parse("", []byte(source))
	if err != nil {
		return nil, err
	}
	if got := m.Services[0]; !slices.Equal(got.Command, command) || got.Workdir != dir {
		return nil, usageError{fmt.Errorf("cannot run %q: an argument, or the name of the current folder, is not valid UTF-8", command[0])}
	}
	return m, nil
}

// quoted is a value as JSON, which YAML contains. A dollar is none of a variable:
// the shell has seen to those.
func quoted(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.ReplaceAll(strings.TrimSpace(b.String()), "$", "$$"), err
}

// nameOf makes a valid name of a program's: its base name in lower case, with
// "-" for what a name cannot hold.
func nameOf(program string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-", r) {
			return r
		}
		return '-'
	}, strings.ToLower(filepath.Base(program)))
	name = strings.Trim(name, "-._")
	name = strings.TrimRight(name[:min(len(name), manifest.MaxNameLength)], "-._")
	if name == "" {
		return "program"
	}
	return name
}
