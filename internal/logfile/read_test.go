package logfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/logfile"
)

// writeLog writes entries "TIME stdout F SERVICE i" with i from from to below
// to, one second apart.
func writeLog(t testing.TB, dir, file, service string, from, to int) {
	t.Helper()
	var text []byte
	for i := from; i < to; i++ {
		line := logfile.Line{Time: epoch.Add(time.Duration(i) * time.Second), Stream: "stdout", Text: fmt.Sprint(service, " ", i)}
		text = line.Append(text)
	}
	if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLastLinesAcrossRotation(t *testing.T) {
	dir := t.TempDir()
	writeLog(t, dir, "db.log.2", "db", 0, 10)
	writeLog(t, dir, "db.log.1", "db", 10, 3000) // more than one block
	writeLog(t, dir, "db.log", "db", 3000, 3005)
	for _, n := range []int{0, 1, 4, 5, 6, 2994, 2995, 2996, 3004, 3005, 9999} {
		lines, err := logfile.Last(dir, "db", n)
		if err != nil {
			t.Fatal(err)
		}
		want := min(n, 3005)
		if len(lines) != want {
			t.Errorf("last %d: %d lines", n, len(lines))
			continue
		}
		for i, l := range lines {
			if l.Text != fmt.Sprint("db ", 3005-want+i) {
				t.Errorf("last %d: line %d is %q", n, i, l.Text)
				break
			}
		}
	}
}

func TestServicesAreMergedByTime(t *testing.T) {
	dir := t.TempDir()
	writeLog(t, dir, "a.log", "a", 0, 50)
	writeLog(t, dir, "b.log", "b", 25, 75)
	lines := readAll(t, logfile.Query{Dir: dir, Last: logfile.All})
	if len(lines) != 100 || !slices.IsSortedFunc(lines, func(a, b logfile.Line) int { return a.Time.Compare(b.Time) }) {
		t.Errorf("%d lines, out of order: %q", len(lines), texts(lines))
	}
	if lines[25].Service != "a" || lines[26].Service != "b" {
		t.Errorf("at the same time: %+v, %+v", lines[25], lines[26])
	}
	since := readAll(t, logfile.Query{Dir: dir, Services: []string{"b", "none"}, Last: logfile.All, Since: epoch.Add(70 * time.Second)})
	if got, want := texts(since), []string{"b 70", "b 71", "b 72", "b 73", "b 74"}; !slices.Equal(got, want) {
		t.Errorf("since: %q", got)
	}
}

func TestWhatIsNoEntryIsShownAsItIs(t *testing.T) {
	dir := t.TempDir()
	text := "rubbish\n" + stamp + " stdout F good\n\x00\x00\x00\n" + stamp + " stdout F:2 tagged\n" + stamp + " stdout F\n"
	if err := os.WriteFile(filepath.Join(dir, "db.log"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := readAll(t, logfile.Query{Dir: dir, Last: logfile.All})
	if got, want := texts(lines), []string{"rubbish", "good", "\x00\x00\x00", "tagged", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if lines[0].Stream != "" || lines[1].Stream != "stdout" || !lines[2].Time.Equal(epoch) {
		t.Errorf("got %+v", lines)
	}
}

func TestNoLogs(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if lines := readAll(t, logfile.Query{Dir: dir, Last: logfile.All}); len(lines) != 0 {
			t.Errorf("got %v", lines)
		}
	}
}

func TestErrorOfTheCallerEndsReading(t *testing.T) {
	dir := t.TempDir()
	writeLog(t, dir, "a.log", "a", 0, 50)
	enough := errors.New("enough")
	n := 0
	err := logfile.Read(context.Background(), logfile.Query{Dir: dir, Last: logfile.All}, func(logfile.Line) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("%d lines, error %v", n, err)
	}
}

// TestFollow reads while a log is written, rotated much faster than the reader
// looks, closed and opened again: every line, once, in order.
func TestFollow(t *testing.T) {
	const total = 20000
	s := openSet(t, logfile.Options{MaxSize: 64 << 10, MaxFiles: 1000})
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	go func() {
		stream := s.Log("db").Stream("stdout", 0)
		for i := range total {
			if i%5000 == 2500 {
				s.Close()
				time.AfterFunc(30*time.Millisecond, func() { _ = s.Open() })
			}
			fmt.Fprintf(stream, "%d\n", i)
		}
	}()
	next := 0
	err := logfile.Read(ctx, logfile.Query{Dir: s.Dir(), Last: logfile.All, Follow: true}, func(l logfile.Line) error {
		if l.Text != fmt.Sprint(next) {
			return fmt.Errorf("got %q, want %d", l.Text, next)
		}
		if next++; next == total {
			cancel()
		}
		return nil
	})
	if err != nil || next != total {
		t.Errorf("%d lines, error %v", next, err)
	}
}

func TestFollowFromTheEnd(t *testing.T) {
	s := openSet(t, logfile.Options{})
	s.Log("db").Note("old")
	s.Log("db").Note("last")
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	var got []string
	err := logfile.Read(ctx, logfile.Query{Dir: s.Dir(), Last: 1, Follow: true}, func(l logfile.Line) error {
		got = append(got, l.Service+" "+l.Text)
		switch len(got) {
		case 1:
			s.Log("db").Note("new")
		case 2:
			s.Log("late").Note("first") // a log that was not there
		case 3:
			cancel()
		}
		return nil
	})
	if want := []string{"db last", "db new", "late first"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, error %v", got, err)
	}
}

func TestFollowUntilATimeHasPassed(t *testing.T) {
	s := openSet(t, logfile.Options{})
	s.Log("db").Note("old")
	until := time.Now().Add(time.Second)
	var got []string
	err := logfile.Read(t.Context(), logfile.Query{Dir: s.Dir(), Last: logfile.All, Follow: true, Until: until}, func(l logfile.Line) error {
		if l.Time.After(until) {
			t.Errorf("%q was written after that", l.Text)
		}
		if got = append(got, l.Text); len(got) == 1 {
			s.Log("db").Note("new")
		}
		return nil
	})
	if time.Now().Before(until) {
		t.Error("it ended before the time had passed")
	}
	if err != nil || len(got) == 0 || t.Context().Err() != nil {
		t.Errorf("got %q, error %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		stamp + " stdout F hello", stamp + " pty P", stamp + " stderr F:3 x", "2026-04-31T00:00:00.000000000Z a F ",
		"2026-11-22T02:02:02+01:00 stdout F offset", "", " ", "9999-12-31T23:59:60.999999999Z stdout F \x00",
		stamp + " stdout F:0:x:007 tags", `{"time":"2026-11-22T02:02:02Z","stream":"pty","partial":true,"text":"\u0000","bytes":"AP8="}`,
		`{"time":null,"stream":"","text":null}`, `{"time":"2026-11-22T02:02:02+01:00","stream":"a b","instance":3,"text":"x\ny"}`, "{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, entry []byte) {
		line, err := logfile.Parse(entry)
		if err != nil {
			if !errors.Is(err, logfile.ErrFormat) {
				t.Error(err)
			}
			return
		}
		if strings.ContainsAny(line.Text, "\n") || strings.ContainsAny(line.Stream, " \n") || bytes.ContainsRune(entry, '\n') || line.Time.Year() > 9999 || line.Time.Year() < 0 {
			return // no writer makes it
		}
		again, err := logfile.Parse(bytes.TrimSuffix(line.Append(nil), []byte("\n")))
		if err != nil || !again.Time.Equal(line.Time) {
			t.Fatalf("%q: %+v becomes %+v, %v", entry, line, again, err)
		}
		again.Time = line.Time
		if again != line {
			t.Errorf("%q: %+v becomes %+v", entry, line, again)
		}
	})
}

func TestTimesAreParsedAsThePackageTimeDoes(t *testing.T) {
	for _, text := range []string{
		"2026-11-22T02:02:02.123456789Z", "2024-02-29T23:59:59.000000000Z", "2023-02-29T00:00:00.000000000Z",
		"2026-13-01T00:00:00.000000000Z", "2026-00-01T00:00:00.000000000Z", "2026-01-00T00:00:00.000000000Z",
		"2026-01-01T24:00:00.000000000Z", "2026-01-01T00:60:00.000000000Z", "2026-01-01T00:00:00,000000000Z",
		"2026-01-01t00:00:00.000000000Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+02:00", "+026-01-01T00:00:00.000000000Z",
	} {
		want, wantErr := time.Parse(time.RFC3339Nano, text)
		line, err := logfile.Parse([]byte(text + " stdout F x"))
		if strings.Contains(text, ",") {
			continue // package time takes a comma, we need not
		}
		if (err == nil) != (wantErr == nil) || err == nil && !line.Time.Equal(want) {
			t.Errorf("%s: %v, %v; want %v, %v", text, line.Time, err, want, wantErr)
		}
	}
}

// A reading that does not follow gives what was there when it began, however
// much is written meanwhile.
func TestReadingEndsWhereTheLogDidWhenItBegan(t *testing.T) {
	s := openSet(t, logfile.Options{MaxSize: 4 << 10, MaxFiles: 3})
	stream := s.Log("db").Stream("stdout", 1)
	written := 0
	write := func(n int) {
		for range n {
			written++
			fmt.Fprintln(stream, written)
		}
	}
	write(10)
	for _, n := range []int{1, 3, logfile.All} {
		var got []string
		last := written
		err := logfile.Read(t.Context(), logfile.Query{Dir: s.Dir(), Last: n}, func(l logfile.Line) error {
			if got = append(got, l.Text); len(got) > last {
				return errors.New("it reads on and on")
			}
			write(2)
			return nil
		})
		if n == logfile.All {
			n = last
		}
		if err != nil || len(got) != n || got[n-1] != fmt.Sprint(last) {
			t.Errorf("of %d lines: %q, error %v", last, got, err)
		}
	}
}
