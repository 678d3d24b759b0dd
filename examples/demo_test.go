// Package examples_test runs the examples as their readers do.
package examples_test

import (
	"os/exec"
	"testing"

	"github.com/seancehq/seance/internal/testenv"
)

// TestDemo runs `make demo`: the main job, end to end. The demo itself checks
// that every count goes on, and fails otherwise.
func TestDemo(t *testing.T) {
	testenv.RequireCRIU(t)
	testenv.RequireProgram(t, "redis-server")
	testenv.RequireProgram(t, "curl")
	demo(t)
}

// TestDemoWithoutMemory runs the demo as it goes on a machine without CRIU.
func TestDemoWithoutMemory(t *testing.T) {
	testenv.RequireProgram(t, "redis-server")
	testenv.RequireProgram(t, "curl")
	demo(t, "--freezer", "respawn")
}

func demo(t *testing.T, options ...string) {
	t.Helper()
	build := exec.Command("make", "-C", "..", "build")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	out, err := exec.Command("../scripts/demo.sh", options...).CombinedOutput()
	if err != nil {
		t.Errorf("scripts/demo.sh: %v", err)
	}
	t.Logf("%s", out)
}
