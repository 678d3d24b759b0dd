package logfile_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/internal/testenv"
)

// A log that somebody deletes is made anew with the next line. Who follows gets
// the lines of both, and none of the older files again.
func TestDeletedWhileWrittenAndFollowed(t *testing.T) {
	s := openSet(t, logfile.Options{MaxSize: 100, MaxFiles: 5})
	stream := s.Log("db").Stream("stdout", 1)
	for _, text := range []string{"old 1", "old 2", "old 3", "old 4"} {
		fmt.Fprintln(stream, text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var got []string
	err := logfile.Read(ctx, logfile.Query{Dir: s.Dir(), Last: 1, Follow: true}, func(l logfile.Line) error {
		got = append(got, l.Text)
		switch len(got) {
		case 1:
			if err := os.Remove(filepath.Join(s.Dir(), "db.log")); err != nil {
				return err
			}
			fmt.Fprintln(stream, "new 1")
		case 2:
			fmt.Fprintln(stream, "new 2")
		case 3:
			cancel()
		}
		return nil
	})
	if want := []string{"old 4", "new 1", "new 2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, error %v", got, err)
	}
	if text := content(t, s, "db.log"); strings.Count(text, "\n") != 2 {
		t.Errorf("the file has %q", text)
	}
}

// One that somebody moves away, as logrotate does, is made anew soon.
func TestMovedWhileWritten(t *testing.T) {
	s := openSet(t, logfile.Options{})
	stream := s.Log("db").Stream("stdout", 1)
	fmt.Fprintln(stream, "before")
	file := filepath.Join(s.Dir(), "db.log")
	if err := os.Rename(file, filepath.Join(s.Dir(), "moved")); err != nil {
		t.Fatal(err)
	}
	n := 0
	eventually(t, "there is a new file", func() bool {
		fmt.Fprintln(stream, "after")
		n++
		_, err := os.Stat(file)
		return err == nil
	})
	if got := strings.Count(content(t, s, "moved")+content(t, s, "db.log"), "after\n"); got != n {
		t.Errorf("%d of %d lines are in the files", got, n)
	}
}

// A folder that cannot be written to stops no program, and the lines are counted.
func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	if os.Geteuid() == 0 { // whom permissions do not stop
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, ""); err != nil {
			testenv.Missing(t, "needs a mount: "+err.Error())
		}
		defer unix.Unmount(dir, unix.MNT_DETACH)
	} else if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	s := logfile.NewSet(dir, logfile.Options{})
	defer s.End()
	if err := s.Open(); err != nil {
		t.Fatal(err) // nothing needs to be written yet
	}
	r, w, err := logfile.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	pump, err := logfile.StartPump(r, s.Log("db").Stream("stdout", 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bytes.Repeat([]byte("line\n"), 100_000)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	<-pump.Done()
	if c := s.Counters()["db"]; c.Lines != 100_000 || c.Lost != 100_000 {
		t.Errorf("counted %+v", c)
	}
}

// A line of 10 MB, bytes that are no text, and a line that never ends come out
// as they went in, in either format, and go on at once.
func TestAnyBytesComeThrough(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789abcde\x00"), 10<<20/16)
	binary := make([]byte, 100_000)
	for i := range binary {
		if binary[i] = byte(i * 7 >> 3); binary[i] == '\n' {
			binary[i] = 0xff
		}
	}
	said := bytes.Join([][]byte{long, {}, binary, []byte("größe"), []byte("no end")}, []byte("\n"))
	for _, format := range []logfile.Format{logfile.CRI, logfile.JSON, logfile.Plain} {
		t.Run(string(format), func(t *testing.T) {
			s := openSet(t, logfile.Options{MaxSize: 1 << 20, MaxFiles: 200})
			configure(t, s, "db", logfile.Config{Format: format, Size: 1 << 30})
			r, w, err := logfile.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			pump, err := logfile.StartPump(r, s.Log("db").Stream("stdout", 1))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(said); err != nil {
				t.Fatal(err)
			}
			w.Close()
			<-pump.Done()
			var got bytes.Buffer
			for _, l := range readAll(t, logfile.Query{Dir: s.Dir(), Last: logfile.All}) {
				got.WriteString(l.Text)
				if !l.Partial {
					got.WriteByte('\n')
				}
			}
			if !bytes.Equal(got.Bytes(), append(slices.Clone(said), '\n')) {
				t.Errorf("%d bytes came out of %d", got.Len(), len(said)+1)
			}
			lines, err := logfile.Last(s.Dir(), "db", 2)
			if err != nil || len(lines) != 2 || lines[0].Text != "größe" {
				t.Errorf("the last two are %.100q, error %v", texts(lines), err)
			}
		})
	}
}

// A long line is one of the last lines, all of its parts.
func TestLastCountsLinesNotParts(t *testing.T) {
	s := openSet(t, logfile.Options{})
	out, errs := s.Log("db").Stream("stdout", 1), s.Log("db").Stream("stderr", 1)
	long := strings.Repeat("x", 50<<10)
	io.WriteString(out, "before\n"+long[:40<<10])
	io.WriteString(errs, "between\n")
	io.WriteString(out, long[40<<10:]+"\n")
	for n, want := range map[int]int{1: 4, 2: 5, 3: 6} {
		lines, err := logfile.Last(s.Dir(), "db", n)
		if n == 1 {
			want = 2 // what is before another stream's line is not looked for
		}
		if err != nil || len(lines) != want {
			t.Errorf("last %d: %d entries, want %d (error %v)", n, len(lines), want, err)
		}
	}
}
