// Package testenv says what a test needs of the machine it runs on.
//
// A test that cannot run here is skipped, with the reason. In continuous
// integration (CI=true), where everything is set up, it fails instead: a skip
// there would hide that nothing is tested.
package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// privateCRIU is where `make criu` unpacks CRIU.
const privateCRIU = "/opt/seance/criu/bin/criu"

// RequireRoot skips the test unless it runs as root.
func RequireRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "needs root")
	}
}

// RequireProgram skips the test unless there is such a program on PATH, and
// returns the program's path.
func RequireProgram(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, fmt.Sprintf("needs the program %s; `make setup` installs it", name))
	}
	return path
}

// RequireCRIU skips the test unless it runs as root on a machine with a CRIU
// of version 4.2 or later, and returns the path of the criu that seance will
// use too: $SEANCE_CRIU, else the one on PATH, else the one that `make criu`
// unpacked.
func RequireCRIU(t testing.TB) string {
	t.Helper()
	RequireRoot(t)
	for _, path := range criuPaths() {
		if recentCRIU(path) {
			return path
		}
	}
	Missing(t, "needs CRIU 4.2 or later; `make criu` installs it")
	return ""
}

func criuPaths() []string {
	if path := os.Getenv("SEANCE_CRIU"); path != "" {
		return []string{path}
	}
	if path, err := exec.LookPath("criu"); err == nil {
		return []string{path, privateCRIU}
	}
	return []string{privateCRIU}
}

func recentCRIU(path string) bool {
	out, err := exec.Command(path, "--version").Output()
	return err == nil && recent(string(out))
}

var versionLine = regexp.MustCompile(`(?m)^Version: (\d+)(?:\.(\d+))?`)

// recent reports whether the output of `criu --version` shows 4.2 or later.
func recent(out string) bool {
	m := versionLine.FindStringSubmatch(out)
	if m == nil {
		return false
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return major > 4 || major == 4 && minor >= 2
}

// Missing ends a test that cannot run here, and says why: skipped, or failed
// where nothing may be missing.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s, and CI may not skip it", what)
		return
	}
	t.Skip(what)
}
