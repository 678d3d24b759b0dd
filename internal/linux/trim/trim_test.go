package trim

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// fileRSS is how much memory is mapped from files.
func fileRSS(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(string(regexp.MustCompile(`RssFile:\s+(\d+)`).FindSubmatch(status)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestProgramIsLetGoOfAndRunsOn(t *testing.T) {
	before := fileRSS(t)
	if err := Program(); err != nil {
		t.Fatal(err)
	}
	if after := fileRSS(t); after > before*3/4 {
		t.Errorf("%d KiB of files are mapped, %d before", after, before)
	}
}

func TestOnlyWhatCannotBeWritten(t *testing.T) {
	const maps = `00400000-00c8e000 r-xp 00000000 fe:00 1234 /usr/bin/a program
00c8e000-01a7f000 r--p 0088e000 fe:00 1234 /usr/bin/a program
01a7f000-01af2000 rw-p 0167f000 fe:00 1234 /usr/bin/a program
01af2000-01b3a000 rw-p 00000000 00:00 0
7f0000000000-7f0000001000 r--p 00000000 fe:00 99 /usr/bin/another
7f0000002000-7f0000003000 r--s 00000000 fe:00 1234 /usr/bin/a program
`
	got, err := constants(strings.NewReader(maps), "/usr/bin/a program")
	if want := []span{{0x400000, 0xc8e000}, {0xc8e000, 0x1a7f000}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%x, error %v; want %x", got, err, want)
	}
	if _, err := constants(strings.NewReader("4000-x r--p 0 0 0 /p\n"), "/p"); err == nil {
		t.Error("a line that is none is read")
	}
}
