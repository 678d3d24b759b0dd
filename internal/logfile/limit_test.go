package logfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seancehq/seance/internal/logfile"
)

// A burst that comes as one block is kept to the limit, and in order.
func TestSizeIsKeptInABurst(t *testing.T) {
	const size, count, total = 20 << 10, 3, 3000
	var burst strings.Builder
	for i := range total {
		fmt.Fprintf(&burst, "line %05d\n", i)
	}
	for _, format := range []logfile.Format{logfile.CRI, logfile.JSON, logfile.Plain} {
		t.Run(string(format), func(t *testing.T) {
			s := openSet(t, logfile.Options{})
			configure(t, s, "db", logfile.Config{Format: format, Size: size, Count: count})
			stream := s.Log("db").Stream("stdout", 1)
			fmt.Fprint(stream, burst.String())
			s.Close()

			var all string
			for _, name := range []string{"db.log.2", "db.log.1", "db.log"} {
				if _, err := os.Stat(filepath.Join(s.Dir(), name)); os.IsNotExist(err) {
					continue
				}
				text := content(t, s, name)
				last := strings.LastIndexByte(strings.TrimSuffix(text, "\n"), '\n') + 1
				if last >= size {
					t.Errorf("%s has %d bytes, and its last entry begins at %d", name, len(text), last)
				}
				if name != "db.log" && len(text) < size {
					t.Errorf("%s has %d bytes: it was left early", name, len(text))
				}
				all += text
			}
			lines := strings.Split(strings.TrimSuffix(all, "\n"), "\n")
			for i, line := range lines {
				want := fmt.Sprintf("line %05d", total-len(lines)+i)
				if !strings.Contains(line, want) {
					t.Fatalf("entry %d of %d is %q, not %s", i, len(lines), line, want)
				}
			}
			if format != logfile.Plain && len(all) < 2*size {
				t.Errorf("%d bytes are kept", len(all))
			}
			if lost := s.Log("db").Lost(); lost != 0 {
				t.Errorf("%d lost", lost)
			}
		})
	}
}

func TestTroubleIsToldOnce(t *testing.T) {
	var told []string
	s := openSet(t, logfile.Options{OnTrouble: func(service string, err error) {
		told = append(told, fmt.Sprint(service, ": ", err))
	}})
	dir := filepath.Join(s.Dir(), "sub")
	configure(t, s, "db", logfile.Config{File: filepath.Join(dir, "db.log")})
	stream := s.Log("db").Stream("stdout", 1)
	if err := s.Trouble("db"); err != nil {
		t.Errorf("in trouble before the first line: %v", err)
	}
	for range 3 {
		fmt.Fprintln(stream, "hello")
	}
	want := fmt.Sprintf("open %s/db.log: no such file or directory", dir)
	if err := s.Trouble("db"); err == nil || err.Error() != want {
		t.Errorf("trouble is %v, not %s", err, want)
	}
	if lost := s.Log("db").Lost(); lost != 3 {
		t.Errorf("%d lines are lost, not 3", lost)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log works again", func() bool {
		fmt.Fprintln(stream, "again")
		return s.Trouble("db") == nil
	})
	if got := strings.Join(told, "; "); got != "db: "+want+"; db: <nil>" {
		t.Errorf("told %q", got)
	}
	if err := s.Trouble("other"); err != nil {
		t.Errorf("one that writes nothing: %v", err)
	}
}
