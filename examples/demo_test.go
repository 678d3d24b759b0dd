// Package examples_test runs the examples as their readers do.
package examples_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/seancehq/seance/internal/testenv"
)

// TestDemo runs `make demo`: the main job, end to end. The demo itself checks
// that every count goes on, and fails otherwise.
func TestDemo(t *testing.T) {
	testenv.RequireCRIU(t)
	testenv.RequireProgram(t, "redis-server")
	testenv.RequireProgram(t, "curl")
	if out := demo(t); strings.Contains(out, "not shown") {
		t.Error("memory can be saved here, and the demo did not show it")
	}
}

// TestDemoWithoutMemory runs the demo as it goes on a machine without CRIU.
func TestDemoWithoutMemory(t *testing.T) {
	testenv.RequireProgram(t, "redis-server")
	testenv.RequireProgram(t, "curl")
	if out := demo(t, "--freezer", "respawn"); !strings.Contains(out, "not shown") {
		t.Error("the demo did not say that it could not show the memory saved")
	}
}

// demo runs the demo to its end and returns what it printed.
func demo(t *testing.T, options ...string) string {
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
	return string(out)
}
