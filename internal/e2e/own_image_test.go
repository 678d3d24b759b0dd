package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/seancehq/seance/internal/testenv"
)

// ownImage builds the example of a Go program that is its own image.
func ownImage(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := build(dir, "./../../examples/counter-session"); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "counter-session")
}

// gone waits until nothing is live: the image ended by itself.
func (b *box) gone() {
	b.t.Helper()
	b.until("the image ends by itself", func() bool { return strings.TrimSpace(b.must("ls", "--json")) == "[]" })
}

func (b *box) journal() string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, "journal.txt"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // it may not have begun yet
		b.t.Fatal(err)
	}
	return string(text)
}

const (
	counterBegins = "start-up, booting=true\ncount 1\ncount 2\ncount 3\nshut-down, quitting=true\n"
	counterGoesOn = "start-up, booting=true\ncount 4\ncount 5\ncount 6\nshut-down, quitting=true\n"
)

func TestAGoProgramIsItsOwnImage(t *testing.T) {
	testenv.RequireCRIU(t)
	program := ownImage(t)
	b := newBox(t)
	before := look(t, b)

	b.must("up", "--freezer", "criu", "--", program)
	b.gone()
	b.alone(before)
	if got := b.journal(); got != counterBegins {
		t.Errorf("before the boot the journal is %q, want %q", got, counterBegins)
	}
	first := said(t, b, "counter-session", `counted to 3 in session (\w+), saving`)

	b.must("boot", "counter-session")
	b.gone()
	b.alone(before)
	if got, want := b.journal(), counterBegins+counterGoesOn; got != want {
		t.Errorf("after the boot the journal is %q, want %q", got, want)
	}
	second := said(t, b, "counter-session", `booted as session (\w+), the count is still 3`)
	if first == second {
		t.Errorf("the booted copy is in session %s still: a boot installs a new one", second)
	}

	// What was saved can be booted any number of times, from the same point.
	b.must("boot", "counter-session", "--as", "again")
	b.gone()
	if got, want := b.journal(), counterBegins+counterGoesOn+counterGoesOn; got != want {
		t.Errorf("after the second boot the journal is %q, want %q", got, want)
	}
	if third := said(t, b, "again", `booted as session (\w+), the count is still 3`); third == second {
		t.Errorf("two copies are in one session, %s", third)
	}
}

// said finds what the program has said in the log of an image.
func said(t *testing.T, b *box, name, pattern string) string {
	t.Helper()
	log := b.must("logs", "-i", name, "counter-session")
	found := regexp.MustCompile("(?m)^" + pattern + "$").FindStringSubmatch(log)
	if found == nil {
		t.Fatalf("the log does not say %q:\n%s", pattern, log)
	}
	return found[1]
}

// Where memory is not kept, nothing could return from what is saved: the program
// is told so, and quits.
func TestAGoProgramInAColdImageIsToldSo(t *testing.T) {
	testenv.RequireRoot(t)
	program := ownImage(t)
	b := newBox(t)
	b.must("up", "--freezer", "respawn", "--", program)
	b.gone()
	said(t, b, "counter-session", `counter-session: (cannot save the image): .*saved without its memory.*`)
	if out := strings.TrimSpace(b.must("images", "--json")); out != "[]" {
		t.Errorf("something was saved: %s", out)
	}
}

// A quit from outside stops the program by SIGTERM; that it asks for a quit
// itself then is no mistake.
func TestAGoProgramQuitsWithItsImage(t *testing.T) {
	testenv.RequireRoot(t)
	program := ownImage(t)
	b := newBox(t)
	b.must("up", "--freezer", "respawn", "--", program)
	b.until("it counts", func() bool { return strings.Contains(b.journal(), "count 1") })
	b.must("quit")
	if r := b.try("logs", "-i", "counter-session"); r.out != "" { // nor is there a log
		t.Errorf("it complains:\n%s", r.out)
	}
	if got := b.journal(); !strings.HasSuffix(got, "shut-down, quitting=true\n") {
		t.Errorf("it did not shut down, its journal is %q", got)
	}
}
