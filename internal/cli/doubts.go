package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/supervise"
	"github.com/seancehq/seance/manifest"
)

// doubts says what of a manifest is sure to fail here and now. It is no mistake
// of the manifest: it may be meant for another machine, or what is missing may
// be made by then.
func doubts(m *manifest.Manifest) []string {
	var all []string
	add := func(kind, name string, causes ...error) {
		for _, cause := range causes {
			if cause == nil {
				continue
			}
			if text := fmt.Sprintf("%s %q would fail here: %v", kind, name, cause); !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	for _, s := range m.Services {
		name := s.Name
		if s.Of != "" {
			name = s.Of
		}
		add("service", name, supervise.CanRunAs(s.User, s.Group), checkWorkdir(s.Workdir), checkProgram(s.Command, s.Workdir, s.Env),
			checkProgram(s.Shutdown.Command, s.Workdir, s.Env), checkStdin(s.Stdin), checkLog(s.Log.File))
	}
	for _, h := range m.Hooks {
		add("hook", h.Name, checkWorkdir(h.Workdir), checkProgram(h.Startup, h.Workdir, h.Env), checkProgram(h.Shutdown, h.Workdir, h.Env))
	}
	return all
}

func checkWorkdir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no folder %q to run in; make it, or correct workdir", dir)
	case err != nil:
		return fmt.Errorf("cannot run in %q: %w", dir, reason(err))
	case !info.IsDir():
		return fmt.Errorf("cannot run in %q: it is no folder; correct workdir", dir)
	}
	return nil
}

// checkProgram looks for a program where the service or hook would find it. That
// its folder is not there is said elsewhere; seance itself comes with an image.
func checkProgram(command []string, dir string, env map[string]string) error {
	switch {
	case len(command) == 0 || command[0] == "seance":
		return nil
	case checkWorkdir(dir) == nil:
	case !filepath.IsAbs(command[0]):
		return nil
	default:
		dir = ""
	}
	return supervise.CanFind(command, dir, env)
}

func checkStdin(file string) error {
	if !filepath.IsAbs(file) { // a word, such as null
		return nil
	}
	_, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file %q to read from; make it, or correct stdin", file)
	case err != nil:
		return fmt.Errorf("cannot read from %q: %w", file, reason(err))
	}
	return nil
}

// checkLog sees that a log can be made in its folder, and renamed there.
func checkLog(file string) error {
	if file == "" {
		return nil
	}
	dir := filepath.Dir(file)
	switch err := unix.Access(dir, unix.W_OK|unix.X_OK); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no folder %q for its log; make it, or correct the log's file", dir)
	case err != nil:
		return fmt.Errorf("cannot write its log in folder %q: %w", dir, err)
	}
	return nil
}
