package cli

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/testenv"
)

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0:                "0 B",
		1023:             "1023 B",
		1024:             "1.0 KiB",
		9541222:          "9.1 MiB",
		1 << 20:          "1.0 MiB",
		1<<20 - 1:        "1.0 MiB", // not "1024.0 KiB"
		3 << 30:          "3.0 GiB",
		5000 * (1 << 40): "5000.0 TiB",
		1<<63 - 1:        "8388608.0 TiB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:             "0s", // clocks jump
		500 * time.Millisecond:   "0s",
		59900 * time.Millisecond: "59s",
		time.Minute:              "1m",
		90 * time.Minute:         "1h",
		47 * time.Hour:           "47h",
		50 * time.Hour:           "2d",
	} {
		if got := age(d); got != want {
			t.Errorf("age(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestTook(t *testing.T) {
	for ms, want := range map[float64]string{
		0.123: "0.12 ms", 4.25: "4.2 ms", 51.4: "51 ms", 1500: "1.5 s",
	} {
		if got := took(ms); got != want {
			t.Errorf("took(%v) = %q, want %q", ms, got, want)
		}
	}
}

func TestShortDigest(t *testing.T) {
	for digest, want := range map[string]string{
		"sha256:1a2b3c4d5e6f7a8b9c": "sha256:1a2b3c4d5e6f",
		"sha256:1a2b":               "sha256:1a2b",
		"":                          "",
	} {
		if got := shortDigest(digest); got != want {
			t.Errorf("shortDigest(%q) = %q, want %q", digest, got, want)
		}
	}
}

// A shell reads a command line back as the very arguments it was made from.
func TestCommandLineIsReadBack(t *testing.T) {
	bash := testenv.RequireProgram(t, "bash")
	argv := []string{"plain", "", "two words", `it's`, `"quoted"`, "$HOME `x` \\ *", "a\nb\tc", "tab\t'and' \\ \"quotes\"", "ünï", "-x=1"}
	script := `printf '%s\0' ` + commandLine(argv)
	out, err := exec.Command(bash, "-c", script).Output()
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if strings.Join(got, "|") != strings.Join(argv, "|") {
		t.Errorf("%s\ngives %q\nwant  %q", script, got, argv)
	}
	if line := commandLine(argv); strings.Contains(line, "\n") {
		t.Errorf("command line %q has more than one line", line)
	}
}

func TestTable(t *testing.T) {
	table := newTable("NAME", "SIZE", "NOTE").alignRight("SIZE")
	table.row("db", "9", "größer")
	table.row("worker", "1024", "")
	table.row("x", "1", "two\nlines")
	var b strings.Builder
	if err := table.write(&b); err != nil {
		t.Fatal(err)
	}
	want := `NAME    SIZE  NOTE
db         9  größer
worker  1024  -
x          1  two lines
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestTableIsCutToTheTerminal(t *testing.T) {
	table := newTable("NAME", "COMMAND").limit(16)
	table.row("db", "a rather long command")
	var b strings.Builder
	if err := table.write(&b); err != nil {
		t.Fatal(err)
	}
	want := "NAME  COMMAND\ndb    a rather …\n"
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}
