package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/seancehq/seance/"

// rule says what one package, or all packages below a folder, may import.
type rule struct {
	pkg  string   // "a/..." stands for a and all below it
	ours []string // packages of this module, in the same notation
	// pure packages work on every platform and have no effect on it: they
	// import nothing of the operating system.
	pure bool
}

// rules are in the order of the design: what stands below comes first.
var rules = []rule{
	{pkg: "process", pure: true},
	{pkg: "session", pure: true},
	{pkg: "session/inside", ours: []string{"session", "api"}},
	{pkg: "session/...", ours: []string{"session"}},
	{pkg: "manifest"},
	{pkg: "image", ours: []string{"process", "manifest"}},
	{pkg: "api"},
	{pkg: "internal/version"},
	{pkg: "internal/program"},
	{pkg: "internal/logfile", ours: []string{"api"}},
	{pkg: "internal/linux/...", ours: []string{"process", "internal/linux/..."}},
	{pkg: "internal/criu", ours: []string{"image", "internal/linux/..."}},
	{pkg: "internal/link", ours: []string{"api"}},
	{pkg: "docs"},
	{pkg: "internal/serve", ours: []string{"process", "api", "docs", "internal/link", "internal/linux/mirror", "internal/linux/procfs", "internal/logfile"}},
	{pkg: "internal/supervise", ours: []string{"process", "session", "manifest", "internal/linux/...", "internal/logfile"}},
	{pkg: "internal/live", ours: []string{"api", "internal/link", "internal/linux/..."}},
	{pkg: "internal/guard", ours: []string{"api", "internal/live", "internal/linux/..."}},
	{pkg: "internal/initd", ours: []string{"process", "session", "manifest", "api", "internal/guard", "internal/supervise", "internal/link", "internal/live", "internal/serve", "internal/linux/...", "internal/logfile"}},
	{pkg: "internal/monitor", ours: []string{"process", "manifest", "image", "api", "internal/criu", "internal/link", "internal/live", "internal/serve", "internal/linux/...", "internal/logfile", "internal/program", "internal/version"}},
	// The command reads the logs of an image that is gone by itself, and
	// removes the network lock of a saved one: there is nobody left to ask. It
	// looks at the processes of the host by itself too: they are no image's.
	// What runs in the foreground is init itself, in the command's own process.
	{pkg: "internal/cli", ours: []string{"process", "session", "manifest", "image", "api", "internal/guard", "internal/initd", "internal/live", "internal/supervise", "internal/linux/mirror", "internal/linux/netlock", "internal/linux/pid1", "internal/linux/pidfd", "internal/linux/procfs", "internal/linux/reap", "internal/logfile", "internal/program", "internal/version"}},
	{pkg: "internal/bench/...", ours: []string{"internal/bench/...", "api"}},
	{pkg: "internal/e2e/...", ours: []string{"api", "image", "internal/linux/netlock"}},
	{pkg: "internal/archtest"},
	{pkg: "internal/testenv"},
	{pkg: "cmd/seance", ours: []string{"internal/..."}},
	{pkg: "examples/...", ours: []string{"session/..."}},
	{pkg: "scripts"},
}

// impure are the packages of the operating system.
var impure = []string{"os/...", "syscall/...", "net/...", "unsafe", "C", "plugin", "runtime/cgo", "golang.org/x/sys/..."}

func TestImportsPointDown(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, complaint := range check(p.name(), p.Imports) {
			t.Error(complaint)
		}
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name    string
		pkg     string
		imports []string
		wrong   bool
	}{
		{"pure package that opens files", "process", []string{"os"}, true},
		{"pure package that calls the kernel", "session", []string{"golang.org/x/sys/unix"}, true},
		{"pure package that imports nothing of the system", "session", []string{"context", "log/slog"}, false},
		{"import upward", "internal/linux/reap", []string{module + "internal/supervise"}, true},
		{"import sideways below one folder", "internal/linux/reap", []string{module + "internal/linux/procfs"}, false},
		{"command past the client package", "internal/cli", []string{module + "internal/monitor"}, true},
		{"command through the client package", "internal/cli", []string{module + "api"}, false},
		{"package without a rule", "internal/unheardof", nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := check(tt.pkg, tt.imports); (len(got) > 0) != tt.wrong {
				t.Errorf("check(%q, %q) = %q", tt.pkg, tt.imports, got)
			}
		})
	}
}

// check returns a line for each import that the rules forbid.
func check(pkg string, imports []string) []string {
	i := slices.IndexFunc(rules, func(r rule) bool { return covers(r.pkg, pkg) })
	if i < 0 {
		return []string{"package " + pkg + " has no rule: say in rules what it may import"}
	}
	var complaints []string
	for _, path := range imports {
		own, isOurs := strings.CutPrefix(path, module)
		switch {
		case isOurs && !anyCovers(rules[i].ours, own):
			complaints = append(complaints, "package "+pkg+" may not import "+own)
		case rules[i].pure && anyCovers(impure, path):
			complaints = append(complaints, "package "+pkg+" is pure and may not import "+path)
		}
	}
	return complaints
}

func anyCovers(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, path) })
}

// covers reports whether path is pattern, or lies below a pattern that ends
// in "/...".
func covers(pattern, path string) bool {
	folder, isFolder := strings.CutSuffix(pattern, "/...")
	return path == folder || isFolder && strings.HasPrefix(path, folder+"/")
}

type listed struct {
	ImportPath string
	Imports    []string // what its tests import is not among them
}

func (p listed) name() string { return strings.TrimPrefix(p.ImportPath, module) }

func listPackages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", module+"...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cannot list the module's packages: %v\n%s", err, stderr.String())
	}
	var packages []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("cannot read what go list printed: %v", err)
		}
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		t.Fatal("go list found no package of this module")
	}
	return packages
}
