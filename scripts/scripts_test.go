// Package scripts_test runs the scripts with stand-ins for the programs that
// they find on a machine. Read testdata/*.txtar first.
package scripts_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestScripts(t *testing.T) {
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("SCRIPTS", here)
			e.Setenv("SEANCE_CRIU_PREFIX", filepath.Join(e.WorkDir, "prefix"))
			return linkTools(filepath.Join(e.WorkDir, "tools"))
		},
	})
}

// linkTools makes a folder that has what the scripts need of any machine, for
// a PATH without apt and without the machine's own criu.
func linkTools(dir string) error {
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	for _, name := range []string{"bash", "env", "cat", "sed", "sort", "head", "mv", "mkdir"} {
		for _, from := range []string{"/bin", "/usr/bin"} {
			path := filepath.Join(from, name)
			if _, err := os.Stat(path); err != nil {
				continue
			}
			if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
				return err
			}
			break
		}
	}
	return nil
}
