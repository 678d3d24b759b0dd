package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/seancehq/seance/internal/testenv"
)

func TestNoWaitIsCutShortBySaveOrBoot(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	read := filepath.Join(b.dir, "read")
	if err := os.WriteFile(read, []byte("line 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.must("up", "-f", b.manifest("patient", fmt.Sprintf(`services:
  waiter: {command: [%s/waiter], ready: {log: tick}, restart: no}
  tail: {command: [tail, -f, %s], ready: {log: line 1}, restart: no}
`, programs, read)))
	b.patient(read, 2)
	b.must("snapshot")
	b.patient(read, 3)
	b.must("snapshot", "--quit")
	b.must("boot", "patient")
	b.patient(read, 4)
	b.must("snapshot")
	b.patient(read, 5)
	b.must("quit")
}

// patient checks that the programs still wait, that the timer goes on, and that
// what is added to the file is read.
func (b *box) patient(file string, line int) {
	b.t.Helper()
	from := b.ticks()
	b.until("the timer goes on", func() bool { return b.ticks() > from+50 })
	if f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0); err != nil {
		b.t.Fatal(err)
	} else {
		fmt.Fprintf(f, "line %d\n", line)
		f.Close()
	}
	b.until("tail reads on", func() bool {
		return strings.Contains(b.must("logs", "-i", "patient", "tail"), fmt.Sprintf("line %d", line))
	})
	if out := b.must("logs", "-i", "patient", "waiter"); strings.Contains(out, "cut short") {
		b.t.Errorf("a wait was cut short:\n%s", out)
	}
}

// ticks is how often the waiter's timer has expired.
func (b *box) ticks() int {
	b.t.Helper()
	fields := strings.Fields(b.must("logs", "-i", "patient", "-n", "1", "waiter"))
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(fields[len(fields)-1])
	return n
}
