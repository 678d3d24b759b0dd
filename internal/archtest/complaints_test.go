package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var testName = regexp.MustCompile("`([a-z0-9]+)\\.(Test[A-Za-z0-9_]*)`")

// TestEveryComplaintHasItsTest keeps docs/complaints.md in step: each row of its
// tables names tests, and there are such tests.
func TestEveryComplaintHasItsTest(t *testing.T) {
	text, err := os.ReadFile("../../docs/complaints.md")
	if err != nil {
		t.Fatal(err)
	}
	folders := foldersByName(t)
	rows := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| complaint") {
			continue
		}
		rows++
		names := testName.FindAllStringSubmatch(line, -1)
		if len(names) == 0 {
			t.Errorf("no test is named in %q", line)
		}
		for _, m := range names {
			if !hasTest(t, folders[m[1]], m[2]) {
				t.Errorf("there is no test %s.%s", m[1], m[2])
			}
		}
	}
	if rows < 12 {
		t.Errorf("the tables have %d rows", rows)
	}
}

// foldersByName lists the module's packages.
func foldersByName(t *testing.T) map[string]string {
	out, err := exec.Command("go", "list", "-f", "{{.Name}} {{.Dir}}", "../../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 2 {
			folders[f[0]] = f[1]
		}
	}
	return folders
}

func hasTest(t *testing.T, folder, name string) bool {
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(source), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
