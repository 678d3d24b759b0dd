package logfile_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/logfile"
)

func configure(t testing.TB, s *logfile.Set, service string, c logfile.Config) {
	t.Helper()
	if err := s.Configure(service, c); err != nil {
		t.Fatal(err)
	}
}

func TestInstanceIsInEachEntry(t *testing.T) {
	s := openSet(t, logfile.Options{Now: fixed})
	log := s.Log("db")
	io.WriteString(log.Stream("stdout", 1), "a\n")
	io.WriteString(log.Stream("stdout", 12), strings.Repeat("x", 16<<10)+"y\n")
	log.Note("gone")
	want := stamp + " stdout F:1 a\n" + stamp + " stdout P:12 " + strings.Repeat("x", 16<<10) + "\n" +
		stamp + " stdout F:12 y\n" + stamp + " seance F gone\n"
	if got := content(t, s, "db.log"); got != want {
		t.Errorf("got %.200q", got)
	}
	var instances []int
	for _, l := range readAll(t, logfile.Query{Dir: s.Dir(), Last: logfile.All}) {
		instances = append(instances, l.Instance)
	}
	if want := []int{1, 12, 12, 0}; !slices.Equal(instances, want) {
		t.Errorf("read as %v, want %v", instances, want)
	}
}

// Whatever a program writes comes back as it was, and is JSON for others.
func TestFormatJSON(t *testing.T) {
	s := openSet(t, logfile.Options{Now: fixed})
	configure(t, s, "db", logfile.Config{Format: logfile.JSON})
	said := []string{"hello", "", `say "hi" \ bye`, "tab\t bell\a nul\x00 del\x7f", "größe ✓ \u2028", "bad \xff\xfe utf-8 \xc3", `{"level":"info"}`}
	stream := s.Log("db").Stream("stderr", 3)
	io.WriteString(stream, strings.Join(said, "\n")+"\n")
	s.Log("db").Note("bye")

	for i, entry := range strings.Split(strings.TrimSuffix(content(t, s, "db.log"), "\n"), "\n") {
		var l struct {
			Time, Service, Stream string
			Instance              int
			Text                  *string
		}
		if err := json.Unmarshal([]byte(entry), &l); err != nil || l.Time != stamp || l.Service != "db" || l.Text == nil {
			t.Fatalf("%q: %+v, error %v", entry, l, err)
		}
		if i < len(said) && (l.Stream != "stderr" || l.Instance != 3 || *l.Text != strings.ToValidUTF8(said[i], "\ufffd") && i != 5) {
			t.Errorf("%q: %+v", entry, l)
		}
	}
	lines := readAll(t, logfile.Query{Dir: s.Dir(), Last: logfile.All})
	if got := texts(lines); !slices.Equal(got, append(said, "bye")) {
		t.Errorf("read as %q", got)
	}
	if l := lines[0]; l.Instance != 3 || l.Stream != "stderr" || !l.Time.Equal(epoch) {
		t.Errorf("read as %+v", l)
	}
}

func TestFormatPlain(t *testing.T) {
	s := openSet(t, logfile.Options{Quiet: time.Hour})
	configure(t, s, "db", logfile.Config{Format: logfile.Plain})
	log := s.Log("db")
	out, errs := log.Stream("stdout", 1), log.Stream("stderr", 1)
	long := strings.Repeat("x", 40<<10)
	io.WriteString(out, stamp+" stdout F looks like an entry\n"+long+"\n")
	log.Note("not what the program wrote")
	io.WriteString(out, long) // goes on after the other
	io.WriteString(errs, "between\n")
	io.WriteString(out, "end\n")
	want := stamp + " stdout F looks like an entry\n" + long + "\n" + long[:32<<10] + "\nbetween\n" + long[32<<10:] + "end\n"
	if got := content(t, s, "db.log"); got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	lines := readAll(t, logfile.Query{Dir: s.Dir(), Last: logfile.All, Since: epoch})
	if len(lines) != 5 || lines[0].Text != stamp+" stdout F looks like an entry" || lines[0].Stream != "" || !lines[0].Time.IsZero() || lines[3].Text != "between" {
		t.Errorf("read as %.200q", texts(lines))
	}
}

// A reader that knows nothing but the folder finds a log elsewhere, as it is
// now, when the image is gone, and after the manifest has changed.
func TestLogElsewhere(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	s := logfile.NewSet(dir, logfile.Options{})
	file := filepath.Join(elsewhere, "web.txt")
	configure(t, s, "web", logfile.Config{File: file, Size: 200, Count: 3})
	configure(t, s, "db", logfile.Config{})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	web := s.Log("web").Stream("stdout", 1)
	var want []string
	for i := range 12 {
		want = append(want, fmt.Sprint("line ", i))
		fmt.Fprintf(web, "line %d\n", i)
	}
	io.WriteString(s.Log("db").Stream("stdout", 1), "db\n")
	if got := entries(t, elsewhere); !slices.Equal(got, []string{"web.txt", "web.txt.1", "web.txt.2"}) {
		t.Errorf("files %v", got)
	}
	if got := entries(t, dir); !slices.Equal(got, []string{"db.log", "index.json"}) {
		t.Errorf("files %v", got)
	}
	if services, err := logfile.Services(dir); err != nil || !slices.Equal(services, []string{"db", "web"}) {
		t.Errorf("services %v, error %v", services, err)
	}
	if got := texts(readAll(t, logfile.Query{Dir: dir, Services: []string{"web"}, Last: logfile.All})); !slices.Equal(got, want) {
		t.Errorf("read as %q", got)
	}

	configure(t, s, "web", logfile.Config{File: filepath.Join(elsewhere, "other"), Format: logfile.Plain})
	io.WriteString(web, "after\n")
	s.End()
	if got := texts(readAll(t, logfile.Query{Dir: dir, Services: []string{"web"}, Last: logfile.All})); !slices.Equal(got, []string{"after"}) {
		t.Errorf("after the change: %q", got)
	}
}

// Services of an earlier manifest can be read when the logs are opened again.
func TestIndexOutlivesTheManifest(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "web.log")
	for _, service := range []string{"web", "db"} {
		s := logfile.NewSet(dir, logfile.Options{})
		c := logfile.Config{File: file}
		if service == "db" {
			c = logfile.Config{Format: logfile.Plain}
		}
		configure(t, s, service, c)
		if err := s.Open(); err != nil {
			t.Fatal(err)
		}
		io.WriteString(s.Log(service).Stream("stdout", 1), service+"\n")
		s.End()
	}
	if got := texts(readAll(t, logfile.Query{Dir: dir, Last: logfile.All})); !slices.Equal(got, []string{"db", "web"}) {
		t.Errorf("got %q", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte("{broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := texts(readAll(t, logfile.Query{Dir: dir, Last: logfile.All})); !slices.Equal(got, []string{"db"}) {
		t.Errorf("with a broken index: %q", got)
	}
	s := logfile.NewSet(dir, logfile.Options{})
	defer s.End()
	configure(t, s, "web", logfile.Config{File: file})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	if got := texts(readAll(t, logfile.Query{Dir: dir, Last: logfile.All})); !slices.Equal(got, []string{"db", "web"}) {
		t.Errorf("after it was mended: %q", got)
	}
}

func TestConfigChangesWhileInUse(t *testing.T) {
	s := openSet(t, logfile.Options{Now: fixed})
	stream := s.Log("db").Stream("stdout", 1)
	io.WriteString(stream, "cri\n")
	configure(t, s, "db", logfile.Config{Format: logfile.JSON})
	io.WriteString(stream, "json\n")
	configure(t, s, "db", logfile.Config{Size: 1, Count: 2})
	io.WriteString(stream, "one\n")
	io.WriteString(stream, "two\n")
	if got := entries(t, s.Dir()); !slices.Equal(got, []string{"db.log", "db.log.1"}) {
		t.Errorf("files %v", got)
	}
	if got := texts(readAll(t, logfile.Query{Dir: s.Dir(), Last: logfile.All})); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("read as %q", got)
	}
}

func TestCounters(t *testing.T) {
	s := openSet(t, logfile.Options{})
	stream := s.Log("db").Stream("stdout", 1)
	io.WriteString(stream, "12345\n\n"+strings.Repeat("x", 20<<10)+"\n")
	s.Log("quiet")
	want := logfile.Counters{Lines: 3, Bytes: 5 + 20<<10}
	if got := s.Counters(); len(got) != 2 || got["db"] != want || got["quiet"] != (logfile.Counters{}) {
		t.Errorf("got %+v", got)
	}
}

func entries(t testing.TB, dir string) []string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// FuzzJSON has any bytes come back from an entry as they were, and be JSON.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{"", "hello", "\x00\xff\"\\\t\r\u2028", "\xc3", "{}", strings.Repeat("é", 9000)} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, said []byte) {
		s := logfile.NewSet(filepath.Join(dir, fmt.Sprintf("%x", time.Now().UnixNano())), logfile.Options{})
		defer os.RemoveAll(s.Dir())
		defer s.End()
		configure(t, s, "db", logfile.Config{Format: logfile.JSON})
		if err := s.Open(); err != nil {
			t.Fatal(err)
		}
		stream := s.Log("db").Stream("stdout", 1)
		stream.Write(said)
		io.WriteString(stream, "\n")
		for entry := range strings.Lines(content(t, s, "db.log")) {
			if !json.Valid([]byte(entry)) {
				t.Errorf("%q is not JSON", entry)
			}
		}
		var got strings.Builder
		for _, l := range readAll(t, logfile.Query{Dir: s.Dir(), Last: logfile.All}) {
			got.WriteString(l.Text)
			if !l.Partial {
				got.WriteByte('\n')
			}
		}
		if got.String() != string(said)+"\n" {
			t.Errorf("%q came back as %q", said, got.String())
		}
	})
}
