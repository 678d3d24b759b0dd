package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/seancehq/seance/internal/testenv"
)

// The example of README.md works as it stands there, on a port that is free.
func TestReadmeExample(t *testing.T) {
	testenv.RequireRoot(t)
	testenv.RequireProgram(t, "redis-server")
	source, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```yaml\n(# seance.yaml\n.*?)```\n\n```\n(seance up .*?)```").FindSubmatch(source)
	if found == nil {
		t.Fatal("README.md has no manifest that is followed by commands")
	}
	h := newRealHome(t)
	h.manifest(strings.ReplaceAll(string(found[1]), "7380", freePortNumber(t)))
	cmd := exec.Command("sh", "-e", "-c", string(found[2]))
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), "SEANCE_HOME="+h.home, "PATH="+h.bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"shop is up: 2 of 2 services ready", "saved shop:before", "saved shop:latest", "order "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the commands print no %q:\n%s", want, out)
		}
	}
	if live, err := os.ReadDir(filepath.Join(h.home, "live")); err == nil {
		for _, e := range live {
			if _, err := os.Stat(filepath.Join(h.home, "live", e.Name(), "live.json")); err == nil {
				t.Errorf("image %s is still live", e.Name())
			}
		}
	}
}
