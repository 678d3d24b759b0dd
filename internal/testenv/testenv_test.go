package testenv

import (
	"strings"
	"testing"
)

func TestRecent(t *testing.T) {
	for out, want := range map[string]bool{
		"Version: 4.2.1\n":                      true,
		"Version: 4.2\n":                        true,
		"Version: 4.10\n":                       true,
		"Version: 5\nGitID: v5\n":               true,
		"Warn: something first\nVersion: 4.3\n": true,
		"Version: 4.1.1\n":                      false,
		"Version: 3.17.1\n":                     false,
		"command not found\n":                   false,
	} {
		if got := recent(out); got != want {
			t.Errorf("recent(%q) = %v, want %v", out, got, want)
		}
	}
}

// ended stands in for a test that is to be ended, and keeps how.
type ended struct {
	testing.TB
	skipped, failed string
}

func (e *ended) Helper()                      {}
func (e *ended) Skip(args ...any)             { e.skipped = args[0].(string) }
func (e *ended) Fatalf(_ string, args ...any) { e.failed = args[0].(string) }

func TestMissingProgramSkipsHereAndFailsInCI(t *testing.T) {
	t.Setenv("CI", "")
	here := &ended{TB: t}
	RequireProgram(here, "no-such-program")
	if !strings.Contains(here.skipped, "no-such-program") || here.failed != "" {
		t.Errorf("without CI: skipped %q, failed %q; want a skip that names the program", here.skipped, here.failed)
	}

	t.Setenv("CI", "true")
	ci := &ended{TB: t}
	RequireProgram(ci, "no-such-program")
	if ci.skipped != "" || !strings.Contains(ci.failed, "no-such-program") {
		t.Errorf("with CI=true: skipped %q, failed %q; want a failure that names the program", ci.skipped, ci.failed)
	}
}

func TestRequireProgramReturnsPath(t *testing.T) {
	if path := RequireProgram(t, "sh"); !strings.HasSuffix(path, "/sh") {
		t.Errorf("RequireProgram(sh) = %q, want a path that ends in /sh", path)
	}
}
