package logfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/logfile"
)

// Wherever a reading begins, it gives what one of everything would give from
// there on.
func TestReadingBeginsAnywhere(t *testing.T) {
	dir := t.TempDir()
	writeLog(t, dir, "db.log.2", "db", 0, 4000) // several blocks
	writeLog(t, dir, "db.log.1", "db", 4000, 4001)
	writeLog(t, dir, "db.log", "db", 4001, 9000)
	var all []logfile.Line
	err := logfile.Read(t.Context(), logfile.Query{Dir: dir, Last: logfile.All}, func(l logfile.Line) error {
		all = append(all, l)
		return nil
	})
	if err != nil || len(all) != 9000 {
		t.Fatalf("%d lines, error %v", len(all), err)
	}
	for _, i := range []int{0, 1, 2, 1999, 3998, 3999, 4000, 4001, 4002, 6000, 8998, 8999} {
		since := readAll(t, logfile.Query{Dir: dir, Last: logfile.All, Since: all[i].Time})
		if !slices.Equal(since, all[i:]) {
			t.Errorf("since line %d: %d lines, want %d", i, len(since), len(all)-i)
		}
		later := readAll(t, logfile.Query{Dir: dir, Last: logfile.All, Since: all[i].Time.Add(1)})
		if !slices.Equal(later, all[i+1:]) {
			t.Errorf("later than line %d: %d lines, want %d", i, len(later), len(all)-i-1)
		}
		until := readAll(t, logfile.Query{Dir: dir, Last: logfile.All, Until: all[i].Time})
		if !slices.Equal(until, all[:i+1]) {
			t.Errorf("until line %d: %d lines, want %d", i, len(until), i+1)
		}
		last := readAll(t, logfile.Query{Dir: dir, Last: 3, Until: all[i].Time})
		if !slices.Equal(last, all[max(0, i-2):i+1]) {
			t.Errorf("the last 3 until line %d: %q", i, texts(last))
		}
		mark, err := logfile.ParseMark(all[i].Mark.String())
		if err != nil {
			t.Fatal(err)
		}
		after := readAll(t, logfile.Query{Dir: dir, Last: 0, After: map[string]logfile.Mark{"db": mark}})
		if !slices.Equal(after, all[i+1:]) {
			t.Errorf("after line %d: %d lines, want %d", i, len(after), len(all)-i-1)
		}
	}
	if err := os.Remove(filepath.Join(dir, "db.log.2")); err != nil {
		t.Fatal(err)
	}
	lost := readAll(t, logfile.Query{Dir: dir, After: map[string]logfile.Mark{"db": all[7].Mark}})
	if !slices.Equal(texts(lost), texts(all[4000:])) {
		t.Errorf("after a line whose file is gone: %d lines, want %d", len(lost), 5000)
	}
}

// A time is found between lines that have none.
func TestSinceInAFileWithRubbish(t *testing.T) {
	dir := t.TempDir()
	var text []byte
	for i := range 20_000 {
		if i%3 != 0 {
			text = append(text, "no entry at all\n"...)
			continue
		}
		text = logfile.Line{Time: epoch.Add(time.Duration(i) * time.Second), Stream: "stdout", Text: fmt.Sprint(i)}.Append(text)
	}
	if err := os.WriteFile(filepath.Join(dir, "db.log"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 3, 9999, 19_998} {
		lines := readAll(t, logfile.Query{Dir: dir, Last: logfile.All, Since: epoch.Add(time.Duration(i) * time.Second)})
		if len(lines) != 20_000-i || lines[0].Text != fmt.Sprint(i) {
			t.Errorf("since %d: %d lines, the first %q", i, len(lines), lines[0].Text)
		}
	}
}

func TestGrep(t *testing.T) {
	dir := t.TempDir()
	writeLog(t, dir, "db.log.1", "db", 0, 3000)
	writeLog(t, dir, "db.log", "db", 3000, 5000)
	grep := regexp.MustCompile("[05]99$")
	all := texts(readAll(t, logfile.Query{Dir: dir, Last: logfile.All, Grep: grep}))
	var matching []string
	for i := range 5000 {
		if text := fmt.Sprint("db ", i); grep.MatchString(text) {
			matching = append(matching, text)
		}
	}
	if !slices.Equal(all, matching) || len(all) < 9 {
		t.Errorf("got %q, want %q", all, matching)
	}
	for _, n := range []int{0, 1, 4, 5, 8, 9, 10} {
		got := texts(readAll(t, logfile.Query{Dir: dir, Last: n, Grep: grep}))
		if want := matching[max(0, len(matching)-n):]; !slices.Equal(got, want) {
			t.Errorf("the last %d: %q, want %q", n, got, want)
		}
	}
}

func TestReplicas(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"web-1", "web-2", "web-admin", "db", "db-1"} {
		writeLog(t, dir, name+".log", name, 0, 1)
	}
	for asked, want := range map[string]string{"web": "web-1 0,web-2 0", "web-2": "web-2 0", "db": "db 0", "we": "", "web-admin": "web-admin 0"} {
		got := strings.Join(texts(readAll(t, logfile.Query{Dir: dir, Services: []string{asked}, Last: logfile.All})), ",")
		if got != want {
			t.Errorf("%s: %q, want %q", asked, got, want)
		}
	}
}

// A reading that is gone on with again and again, by one who knows nothing but
// the last mark, gives every line once, though the log is rotated meanwhile.
func TestGoingOnFromMarks(t *testing.T) {
	const total = 5000
	s := openSet(t, logfile.Options{MaxSize: 8 << 10, MaxFiles: 1000, Now: fixed})
	done := make(chan struct{})
	go func() {
		defer close(done)
		stream := s.Log("db").Stream("stdout", 1)
		for i := range total {
			fmt.Fprintln(stream, i)
		}
	}()
	enough := errors.New("enough")
	after := map[string]logfile.Mark{}
	for next := 0; next < total; {
		want := next + next%97 + 1
		q := logfile.Query{Dir: s.Dir(), Last: logfile.All, Follow: true, Ended: done, After: after}
		err := logfile.Read(t.Context(), q, func(l logfile.Line) error {
			if l.Text != fmt.Sprint(next) {
				return fmt.Errorf("got %q, want %d", l.Text, next)
			}
			after["db"] = l.Mark
			if next++; next == want {
				return enough
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			t.Fatal(err)
		}
	}
	<-done
}

// The end of what is written ends a reading that follows, after its last line.
func TestFollowToTheEnd(t *testing.T) {
	s := openSet(t, logfile.Options{})
	ended := make(chan struct{})
	stream := s.Log("db").Stream("stdout", 1)
	fmt.Fprintln(stream, "first")
	idle := 0
	q := logfile.Query{Dir: s.Dir(), Last: logfile.All, Follow: true, Ended: ended, Idle: func() error {
		if idle++; idle == 1 {
			fmt.Fprint(stream, "last\nno end")
			stream.Close()
			close(ended)
		}
		return nil
	}}
	if got := texts(readAll(t, q)); !slices.Equal(got, []string{"first", "last", "no end"}) {
		t.Errorf("got %q", got)
	}
	if idle == 0 {
		t.Error("never idle")
	}
	gone := errors.New("gone")
	q.Ended, q.Idle = nil, func() error { return gone }
	if err := logfile.Read(context.Background(), q, func(logfile.Line) error { return nil }); !errors.Is(err, gone) {
		t.Errorf("error %v", err)
	}
}

func FuzzParseMark(f *testing.F) {
	f.Add("1f.-3.0")
	f.Add("ffffffffffffffff.7fffffffffffffff.7fffffffffffffff")
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := logfile.ParseMark(text)
		if err != nil {
			return
		}
		if again, err := logfile.ParseMark(m.String()); err != nil || again != m {
			t.Errorf("%q: %v becomes %v, %v", text, m, again, err)
		}
	})
}

// A gap in the numbers of a log's files, which a rotation has for a moment and
// somebody who deletes one leaves for good, hides no older file.
func TestGapsInNumbers(t *testing.T) {
	dir := t.TempDir()
	for i := range 6 {
		writeLog(t, dir, fmt.Sprintf("db.log.%d", 6-i), "db", 2*i, 2*i+2)
	}
	read := func(q logfile.Query) []logfile.Line {
		q.Dir, q.Last = dir, logfile.All
		return readAll(t, q)
	}
	mark := read(logfile.Query{})[0].Mark
	for _, gap := range []string{"db.log.3", "db.log.1", "db.log.2"} {
		if err := os.Remove(filepath.Join(dir, gap)); err != nil {
			t.Fatal(err)
		}
		left := texts(read(logfile.Query{}))
		if len(left) < 6 || left[0] != "db 0" {
			t.Errorf("without %s: got %q", gap, left)
		}
		after := texts(read(logfile.Query{After: map[string]logfile.Mark{"db": mark}}))
		if !slices.Equal(after, left[1:]) {
			t.Errorf("without %s: after the first got %q, want %q", gap, after, left[1:])
		}
	}
}
