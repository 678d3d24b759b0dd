package logfile_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seancehq/seance/internal/logfile"
)

func stopTee(t testing.TB, tee *logfile.Tee) {
	t.Helper()
	if err := tee.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// A reader that keeps reading gets all, though it is slower than the writer.
func TestTeeHandsOnEveryLine(t *testing.T) {
	s := openSet(t, logfile.Options{})
	next := 0
	tee := s.Tee(func(written []logfile.Output, skipped int) {
		for _, o := range written {
			for line := range strings.Lines(string(o.Text)) {
				if o.Service != "db" || o.Stream != "stderr" || o.Instance != 2 || o.Time.IsZero() || line != fmt.Sprintf("line %d\n", next) {
					t.Errorf("got %+v, want line %d", o, next)
				}
				next++
			}
		}
		if skipped > 0 {
			t.Errorf("%d lines skipped", skipped)
		}
	})
	stream := s.Log("db").Stream("stderr", 2)
	const total = 50_000
	for i := range total {
		fmt.Fprintf(stream, "line %d\n", i)
	}
	stopTee(t, tee)
	if next != total {
		t.Errorf("got %d lines", next)
	}
	io.WriteString(stream, "after the end\n")
}

// What is handed on is what was written, wherever its blocks end.
func TestTeeHandsOnEveryByte(t *testing.T) {
	s := openSet(t, logfile.Options{})
	var got []byte
	tee := s.Tee(func(written []logfile.Output, _ int) {
		for _, o := range written {
			got = append(got, o.Text...)
		}
	})
	random := rand.New(rand.NewPCG(1, 2))
	lengths := []int{0, 1, 99, 99, 99, 4 << 10, 16 << 10, 16<<10 + 1, 50 << 10}
	var text []byte
	for n := range 300 {
		text = append(text, bytes.Repeat([]byte{'a' + byte(n%26)}, lengths[random.IntN(len(lengths))])...)
		text = append(text, '\n')
	}
	stream := s.Log("db").Stream("stdout", 1)
	for rest := text; len(rest) > 0; {
		n := min(1+random.IntN(200<<10), len(rest))
		stream.Write(rest[:n])
		rest = rest[n:]
	}
	stopTee(t, tee)
	if !bytes.Equal(got, text) {
		same := 0
		for same < min(len(got), len(text)) && got[same] == text[same] {
			same++
		}
		t.Errorf("got %d bytes of %d, the first %d as they were written", len(got), len(text), same)
	}
}

// A terminal that was stopped holds nobody up for long. When it goes on, it is
// told what it missed.
func TestTeeOfAReaderThatIsStuck(t *testing.T) {
	s := openSet(t, logfile.Options{})
	goOn := make(chan struct{})
	stuck := make(chan struct{}, 1000)
	shown, missed := 0, 0
	tee := s.Tee(func(written []logfile.Output, skipped int) {
		stuck <- struct{}{}
		<-goOn
		for _, o := range written {
			shown += bytes.Count(o.Text, []byte("\n"))
		}
		missed += skipped
	})
	stream := s.Log("db").Stream("stdout", 1)
	const total = 20_000
	block := strings.Repeat(strings.Repeat("x", 999)+"\n", 10)
	for range total / 10 {
		io.WriteString(stream, block)
	}
	<-stuck
	if n := len(readAll(t, logfile.Query{Dir: s.Dir(), Last: logfile.All})); n != total {
		t.Errorf("%d lines are in the log", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := tee.Stop(ctx); err == nil {
		t.Error("stopped, though the reader is stuck")
	}
	close(goOn)
	stopTee(t, tee)
	if missed == 0 || shown == 0 || shown+missed != total {
		t.Errorf("%d shown, %d missed", shown, missed)
	}
}

// What cannot be kept is shown all the same.
func TestTeeWithoutAFile(t *testing.T) {
	s := logfile.NewSet(filepath.Join("/proc", "no", "such", "folder"), logfile.Options{})
	defer s.End()
	if err := s.Open(); err == nil {
		t.Fatal("opened in /proc")
	}
	var got []byte
	tee := s.Tee(func(written []logfile.Output, _ int) {
		for _, o := range written {
			got = append(got, o.Text...)
		}
	})
	io.WriteString(s.Log("db").Stream("stdout", 1), "a\nb\n")
	s.Log("db").Note("c")
	stopTee(t, tee)
	if string(got) != "a\nb\nc\n" {
		t.Errorf("got %q", got)
	}
}
