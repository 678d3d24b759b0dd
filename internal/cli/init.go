package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/seancehq/seance/manifest"
)

func (a *app) initCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a manifest to start from",
		Long: `Write a seance.yaml to start from, with a remark on what can be said in it. A
Procfile that is there is made into one. A file that is there already is left as
it is.`,
		Example: `  seance init
  seance init -f services/seance.yaml`,
		RunE: func(*cobra.Command, []string) error { return a.init(file) },
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the `FILE` to write, or the folder to write a seance.yaml into (default: "+hereFallback+")")
	return cmd
}

// manifestFile is what init writes in a folder.
const manifestFile = "seance.yaml"

func (a *app) init(file string) error {
	path, err := initPath(file)
	if err != nil {
		return usageError{err}
	}
	text, from, err := manifest.Starter(filepath.Dir(path))
	if err != nil {
		return err
	}
	if err := writeNew(path, text); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			Path string `json:"path"`
			From string `json:"from,omitempty"`
		}{path, from})
	}
	if a.quiet {
		return nil
	}
	made := ""
	if from != "" {
		made = " from " + filepath.Base(from)
	}
	_, err = fmt.Fprintf(a.stdout, "wrote %s%s; see what it would start: %s\n", path, made, checkOf(file))
	return err
}

// checkOf is the command that checks what init wrote.
func checkOf(file string) string {
	if file == "" {
		return "seance check"
	}
	return "seance check -f " + shellWord(file)
}

// initPath is the file to write.
func initPath(file string) (string, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return "", fmt.Errorf("cannot write manifest %q: %w", file, err)
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		if other := filepath.Join(path, "seance.yml"); exists(other) {
			return "", alreadyThere(other)
		}
		return filepath.Join(path, manifestFile), nil
	case err == nil:
		return "", alreadyThere(path)
	case errors.Is(err, fs.ErrNotExist):
		if dir := filepath.Dir(path); !exists(dir) {
			return "", fmt.Errorf("cannot write manifest %q: there is no folder %q; make it first: mkdir -p %s", path, dir, shellWord(dir))
		}
		return path, nil
	default:
		return "", fmt.Errorf("cannot write manifest %q: %w", file, err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func alreadyThere(path string) error {
	return fmt.Errorf("cannot write manifest %q: it is there already; remove it, or name another file with --file", path)
}

// writeNew writes a file that is not there yet, or nothing: one that cannot be
// written to its end is removed.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usageError{alreadyThere(path)}
	}
	if err != nil {
		return fmt.Errorf("cannot write manifest %q: %w", path, err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("cannot write manifest %q: %w", path, err), os.Remove(path))
	}
	return nil
}
