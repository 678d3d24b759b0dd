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
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/seancehq/seance/internal/logfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 11, 22, 2, 2, 2, 123456789, time.UTC)

const stamp = "2026-11-22T02:02:02.123456789Z"

// fixed is a clock that stands still.
func fixed() time.Time { return epoch }

func openSet(t testing.TB, opts logfile.Options) *logfile.Set {
	t.Helper()
	s := logfile.NewSet(t.TempDir(), opts)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.End)
	return s
}

func content(t testing.TB, s *logfile.Set, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readAll(t testing.TB, q logfile.Query) []logfile.Line {
	t.Helper()
	var lines []logfile.Line
	if err := logfile.Read(context.Background(), q, func(l logfile.Line) error {
		lines = append(lines, l)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return lines
}

func texts(lines []logfile.Line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, l.Text)
	}
	return out
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestFormat(t *testing.T) {
	long := strings.Repeat("x", 16<<10)
	tests := []struct {
		name, stream string
		blocks       []string
		want         string
	}{
		{"a line", "stdout", []string{"hello\n"}, stamp + " stdout F hello\n"},
		{"two in one block", "stderr", []string{"a\nb\n"}, stamp + " stderr F a\n" + stamp + " stderr F b\n"},
		{"one in three blocks", "stdout", []string{"he", "l", "lo\n"}, stamp + " stdout F hello\n"},
		{"an empty one", "stdout", []string{"\n"}, stamp + " stdout F \n"},
		{"no newline at the end", "stdout", []string{"a\nb"}, stamp + " stdout F a\n" + stamp + " stdout F b\n"},
		{"bytes", "stdout", []string{"\x00\xff\r\n"}, stamp + " stdout F \x00\xff\r\n"},
		{"a terminal's line end", "pty", []string{"a\r", "\nb\r\r\n"}, stamp + " pty F a\n" + stamp + " pty F b\n"},
		{"as long as may be", "stdout", []string{long + "\n"}, stamp + " stdout F " + long + "\n"},
		{"longer", "stdout", []string{long + "y\n"}, stamp + " stdout P " + long + "\n" + stamp + " stdout F y\n"},
		{"longer, in pieces", "stdout", []string{long[:9000], long[:9000], "\nz\n"},
			stamp + " stdout P " + long + "\n" + stamp + " stdout F " + long[:18000-len(long)] + "\n" + stamp + " stdout F z\n"},
		{"nothing", "stdout", []string{""}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := openSet(t, logfile.Options{Now: fixed, Quiet: time.Hour})
			stream := s.Log("db").Stream(test.stream, 0)
			for _, block := range test.blocks {
				if _, err := io.WriteString(stream, block); err != nil {
					t.Fatal(err)
				}
			}
			stream.Close()
			got := ""
			if test.want != "" {
				got = content(t, s, "db.log")
			}
			if got != test.want {
				t.Errorf("got  %.200q\nwant %.200q", got, test.want)
			}
		})
	}
}

func TestUnterminatedLineIsWrittenWhenQuiet(t *testing.T) {
	s := openSet(t, logfile.Options{Now: fixed, Quiet: time.Millisecond})
	stream := s.Log("db").Stream("pty", 0)
	io.WriteString(stream, "password: ")
	want := stamp + " pty P password: \n"
	eventually(t, "the prompt is in the log", func() bool {
		text, _ := os.ReadFile(filepath.Join(s.Dir(), "db.log"))
		return string(text) == want
	})
	io.WriteString(stream, "secret\r\n")
	stream.Close()
	if got := content(t, s, "db.log"); got != want+stamp+" pty F secret\n" {
		t.Errorf("got %q", got)
	}
}

func TestWritersWaitWhileClosed(t *testing.T) {
	s := logfile.NewSet(t.TempDir(), logfile.Options{})
	stream := s.Log("db").Stream("stdout", 0)
	written := make(chan int)
	go func() {
		for i := range 3 {
			fmt.Fprintf(stream, "line %d\n", i)
			written <- i
		}
	}()
	select {
	case <-written:
		t.Fatal("written while the set is closed")
	case <-time.After(30 * time.Millisecond):
	}
	for range 3 { // opened and closed between lines, none is lost
		if err := s.Open(); err != nil {
			t.Fatal(err)
		}
		<-written
		s.Close()
		if open := openUnder(t, s.Dir()); len(open) > 0 {
			t.Errorf("still open: %v", open)
		}
	}
	got := texts(readAll(t, logfile.Query{Dir: s.Dir(), Last: logfile.All}))
	if want := []string{"line 0", "line 1", "line 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func openUnder(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, entry := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && strings.HasPrefix(target, dir) {
			open = append(open, target)
		}
	}
	return open
}

func TestEndLetsWritersGo(t *testing.T) {
	s := logfile.NewSet(t.TempDir(), logfile.Options{})
	stream := s.Log("db").Stream("stdout", 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.WriteString(stream, "dropped\n")
	}()
	s.End()
	<-done
	if err := s.Open(); err != nil { // stays ended
		t.Fatal(err)
	}
	io.WriteString(stream, "dropped too\n")
	if services, err := logfile.Services(s.Dir()); err != nil || len(services) > 0 {
		t.Errorf("logs %v, error %v", services, err)
	}
}

func TestRotation(t *testing.T) {
	s := openSet(t, logfile.Options{MaxSize: 1000, MaxFiles: 3})
	stream := s.Log("db").Stream("stdout", 0)
	for i := range 100 {
		fmt.Fprintf(stream, "line %02d\n", i)
	}
	entries, err := os.ReadDir(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if want := []string{"db.log", "db.log.1", "db.log.2"}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
	// An entry has 48 bytes, 21 of them reach 1000: four files got full, of which
	// two are kept, and 16 entries are in the present one.
	lines := readAll(t, logfile.Query{Dir: s.Dir(), Last: logfile.All})
	if len(lines) != 16+2*21 || lines[0].Text != "line 42" || lines[len(lines)-1].Text != "line 99" {
		t.Errorf("%d lines, from %q to %q", len(lines), lines[0].Text, lines[len(lines)-1].Text)
	}
}

func TestBrokenLastLineIsEndedBeforeMore(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "db.log"), []byte(stamp+" stdout F cut o"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := texts(readAll(t, logfile.Query{Dir: dir, Last: logfile.All})); !slices.Equal(got, []string{"cut o"}) {
		t.Errorf("before: %q", got)
	}
	s := logfile.NewSet(dir, logfile.Options{Now: fixed})
	defer s.End()
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	s.Log("db").Note("goes on")
	got := texts(readAll(t, logfile.Query{Dir: dir, Last: logfile.All}))
	if want := []string{"cut o", "goes on"}; !slices.Equal(got, want) {
		t.Errorf("after: %q", got)
	}
}

func TestLostFolderIsReportedOnceItIsBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	s := logfile.NewSet(dir, logfile.Options{})
	defer s.End()
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	log := s.Log("db")
	stream := log.Stream("stdout", 0)
	io.WriteString(stream, "one\ntwo\n")
	io.WriteString(stream, "three\n")
	if n := log.Lost(); n != 3 {
		t.Errorf("%d lines lost, want 3", n)
	}
	s.Close()
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(stream, "four\n")
	lines := readAll(t, logfile.Query{Dir: dir, Last: logfile.All})
	if len(lines) != 2 || lines[0].Stream != "seance" || !strings.HasPrefix(lines[0].Text, "3 lines (") || lines[1].Text != "four" {
		t.Errorf("got %+v", lines)
	}
	if n := log.Lost(); n != 0 {
		t.Errorf("%d lines lost, want none", n)
	}
}

func TestTapSeesLines(t *testing.T) {
	s := openSet(t, logfile.Options{Quiet: time.Millisecond})
	stream := s.Log("db").Stream("stdout", 0)
	var mu sync.Mutex
	var seen []string
	stream.Tap(func(line []byte) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, string(line))
	})
	io.WriteString(stream, "a\nb")
	io.WriteString(stream, "c\n")
	io.WriteString(stream, "prompt> ")
	eventually(t, "the prompt is seen", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Equal(seen, []string{"a", "bc", "prompt> "})
	})
	stream.Tap(nil)
	io.WriteString(stream, "unseen\n")
	stream.Close()
	if len(seen) != 3 {
		t.Errorf("seen %q", seen)
	}
}

func TestStreamsOfOneLogDoNotMix(t *testing.T) {
	s := openSet(t, logfile.Options{MaxSize: 20000, MaxFiles: 100})
	log := s.Log("db")
	var wg sync.WaitGroup
	for _, name := range []string{"stdout", "stderr"} {
		wg.Go(func() {
			stream := log.Stream(name, 0)
			defer stream.Close()
			text := []byte(strings.Repeat(name+" line\n", 2000))
			for block := range slices.Chunk(text, 777) {
				stream.Write(block)
			}
		})
	}
	wg.Wait()
	count := map[string]int{}
	for _, l := range readAll(t, logfile.Query{Dir: s.Dir(), Last: logfile.All}) {
		if l.Text != l.Stream+" line" {
			t.Fatalf("got %+v", l)
		}
		count[l.Stream]++
	}
	if count["stdout"] != 2000 || count["stderr"] != 2000 {
		t.Errorf("got %v", count)
	}
}

func TestPump(t *testing.T) {
	s := openSet(t, logfile.Options{Quiet: time.Hour}) // however long a line takes
	r, w, err := logfile.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	pump, err := logfile.StartPump(r, s.Log("db").Stream("stdout", 0))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "first\n")
	pump.Drain()
	if got := texts(readAll(t, logfile.Query{Dir: s.Dir(), Last: logfile.All})); !slices.Equal(got, []string{"first"}) {
		t.Errorf("after Drain: %q", got)
	}
	big := bytes.Repeat([]byte("0123456789\n"), 100000) // more than any pipe holds
	if _, err := w.Write(big); err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "unterminated")
	w.Close()
	<-pump.Done()
	pump.Drain() // after the end it does nothing
	lines := texts(readAll(t, logfile.Query{Dir: s.Dir(), Last: logfile.All}))
	if len(lines) != 100002 || lines[100001] != "unterminated" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

// A program that writes on and on is left alone now and then, and not forgotten
// when it pauses.
func TestPumpOfLineByLine(t *testing.T) {
	s := openSet(t, logfile.Options{})
	r, w, err := logfile.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	pump, err := logfile.StartPump(r, s.Log("db").Stream("stdout", 0))
	if err != nil {
		t.Fatal(err)
	}
	defer pump.Stop()
	said := int64(0)
	for range 5 {
		for range 5000 {
			fmt.Fprintln(w, "line", said)
			said++
		}
		eventually(t, "all lines are in the log", func() bool { return s.Counters()["db"].Lines == said })
	}
	for i, l := range readAll(t, logfile.Query{Dir: s.Dir(), Last: logfile.All}) {
		if want := fmt.Sprint("line ", i); l.Text != want {
			t.Fatalf("got %q, want %q", l.Text, want)
		}
	}
}
