package logfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/internal/testenv"
)

func TestFullDisk(t *testing.T) {
	testenv.RequireRoot(t) // a small disk of its own
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal("cannot mount a tmpfs: ", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 128<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	s := logfile.NewSet(dir, logfile.Options{})
	defer s.End()
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	log := s.Log("db")
	stream := log.Stream("stdout", 0)
	const total = 5000 // some 270 KiB
	for i := range total {
		fmt.Fprintf(stream, "line %05d\n", i)
	}
	lost := int(log.Lost())
	if lost == 0 {
		t.Fatal("the disk did not get full")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(stream, "space again\n")

	lines := readAll(t, logfile.Query{Dir: dir, Last: logfile.All})
	kept := 0
	for i, l := range lines[:len(lines)-2] {
		if l.Text != fmt.Sprintf("line %05d", i) {
			t.Fatalf("entry %d is %+v", i, l)
		}
		kept++
	}
	report, last := lines[len(lines)-2], lines[len(lines)-1]
	if kept+lost != total {
		t.Errorf("%d kept and %d lost are not %d", kept, lost, total)
	}
	if !strings.HasPrefix(report.Text, fmt.Sprintf("%d lines (", lost)) || !strings.HasSuffix(report.Text, "were lost here: no space left on device") {
		t.Errorf("reported as %q", report.Text)
	}
	if last.Text != "space again" {
		t.Errorf("the last line is %q", last.Text)
	}
}
