package manifest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const shop = `
name: shop
categories:
  - {name: late, after: early}
  - name: early
    after: network
services:
  db:
    command: [redis-server, --port, 7001, 1.10, true, ""]
    workdir: var/db
    env: {A: b, PORT: 8080, VERSION: 1.10, ON: true, EMPTY: "", HOME: $HOME}
    category: early
    priority: -5
    terminal: true
    ready: {tcp: "localhost:7001", timeout: 1m30s}
    restart: {policy: always, delay: 1s, max_delay: 5s, reset_after: 1h}
    shutdown: {signal: SIGINT, grace: 0s}
  web:
    command: cd app && exec ./web --home "${HOME:-/}" # not $1
hooks:
  warm-up:
    startup: [./warm]
    shutdown: ./cool
    workdir: /opt/../srv
    category: gui
    timeout: 1.5s
capture: [data, /var/lib/shop/]
`

func mustParse(t *testing.T, path, src string) *Manifest {
	t.Helper()
	m, err := Parse(path, []byte(src))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return m
}

func TestParseTakesEveryValue(t *testing.T) {
	got := mustParse(t, "/home/u/Shop/seance.yaml", shop)
	want := &Manifest{
		Path:       "/home/u/Shop/seance.yaml",
		Source:     []byte(shop),
		Name:       "shop",
		Categories: []Category{{"late", "early"}, {"early", "network"}},
		Services: []Service{{
			Name:     "db",
			Command:  []string{"redis-server", "--port", "7001", "1.10", "true", ""},
			Workdir:  "/home/u/Shop/var/db",
			Env:      map[string]string{"A": "b", "PORT": "8080", "VERSION": "1.10", "ON": "true", "EMPTY": "", "HOME": "$HOME"},
			Category: "early",
			Priority: -5,
			Terminal: true,
			Ready:    &Ready{TCP: "localhost:7001", Timeout: 90 * time.Second},
			Restart:  Restart{Policy: RestartAlways, Delay: time.Second, MaxDelay: 5 * time.Second, ResetAfter: time.Hour, Within: time.Minute},
			Stdin:    StdinNull,
			Log:      Log{Size: 50 << 20, Count: 4, Format: LogCRI},
			Shutdown: Shutdown{Signal: "INT"},
		}, {
			Name:     "web",
			Command:  []string{"/bin/sh", "-c", `cd app && exec ./web --home "${HOME:-/}"`},
			Workdir:  "/home/u/Shop",
			Category: "user",
			Priority: 100,
			Restart:  Restart{Policy: RestartOnFailure, Delay: 500 * time.Millisecond, MaxDelay: 30 * time.Second, ResetAfter: 10 * time.Second, Within: time.Minute},
			Stdin:    StdinNull,
			Log:      Log{Size: 50 << 20, Count: 4, Format: LogCRI},
			Shutdown: Shutdown{Signal: "TERM", Grace: 10 * time.Second},
		}},
		Hooks: []Hook{{
			Name:     "warm-up",
			Startup:  []string{"./warm"},
			Shutdown: []string{"/bin/sh", "-c", "./cool"},
			Workdir:  "/srv",
			Category: "gui",
			Priority: 100,
			Timeout:  1500 * time.Millisecond,
		}},
		Capture:   []string{"/home/u/Shop/data", "/var/lib/shop"},
		OnFailure: GoOn,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if err := got.Validate(); err != nil {
		t.Errorf("Validate: %v", err)
	}
}

// TestParseReady takes each way of being ready.
func TestParseReady(t *testing.T) {
	for src, want := range map[string]Ready{
		`{tcp: "[::1]:80"}`:                {TCP: "[::1]:80"},
		`{http: "https://[::1]:8443/up?"}`: {HTTP: "https://[::1]:8443/up?"},
		`{command: [pg_isready, -q]}`:      {Command: []string{"pg_isready", "-q"}},
		`{command: test -e up}`:            {Command: []string{"/bin/sh", "-c", "test -e up"}},
		`{log: '^ready (\d+)$'}`:           {Log: `^ready (\d+)$`},
		`{exit: true}`:                     {Exit: true},
	} {
		want.Timeout = DefaultReadyTimeout
		m := mustParse(t, "", "services: {a: {command: x, ready: "+src+"}}")
		if got := *m.Services[0].Ready; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", src, got, want)
		}
	}
}

func TestParseRestart(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	for src, want := range map[string]Restart{
		`no`:                {Policy: RestartNo, Delay: 500 * ms, MaxDelay: 30 * s, ResetAfter: 10 * s, Within: 60 * s},
		`always`:            {Policy: RestartAlways, Delay: 500 * ms, MaxDelay: 30 * s, ResetAfter: 10 * s, Within: 60 * s},
		`{}`:                {Policy: RestartOnFailure, Delay: 500 * ms, MaxDelay: 30 * s, ResetAfter: 10 * s, Within: 60 * s},
		`{delay: 60s}`:      {Policy: RestartOnFailure, Delay: 60 * s, MaxDelay: 60 * s, ResetAfter: 10 * s, Within: 60 * s},
		`{max_delay: 10ms}`: {Policy: RestartOnFailure, Delay: 10 * ms, MaxDelay: 10 * ms, ResetAfter: 10 * s, Within: 60 * s},
		`{delay: 0s}`:       {Policy: RestartOnFailure, Delay: 0, MaxDelay: 30 * s, ResetAfter: 10 * s, Within: 60 * s},
	} {
		m := mustParse(t, "", "services: {a: {command: x, restart: "+src+"}}")
		if got := m.Services[0].Restart; got != want {
			t.Errorf("%s: got %+v, want %+v", src, got, want)
		}
	}
}

// TestRestartOfAOneShot: it is started again when the manifest says so, and not by
// default.
func TestRestartOfAOneShot(t *testing.T) {
	for src, want := range map[string]RestartPolicy{
		`ready: {exit: true}`:                                   RestartNo,
		`ready: {exit: true}, restart: {delay: 1s}`:             RestartNo,
		`restart: {limit: 3}, replicas: 2, ready: {exit: true}`: RestartNo,
		`ready: {exit: true}, restart: on-failure`:              RestartOnFailure,
		`restart: {policy: on-failure}, ready: {exit: true}`:    RestartOnFailure,
		`ready: {exit: true}, restart: "${NONE:-on-failure}"`:   RestartOnFailure,
		`ready: {log: up}`:                                      RestartOnFailure,
		`ready: {tcp: "127.0.0.1:80"}, restart: {delay: 1s}`:    RestartOnFailure,
	} {
		m := mustParse(t, "", "services: {a: {command: x, "+src+"}}")
		for _, s := range m.Services {
			if s.Restart.Policy != want {
				t.Errorf("%s: %s has %q, want %q", src, s.Name, s.Restart.Policy, want)
			}
		}
	}
}

func TestAliasesAndMergeKeys(t *testing.T) {
	m := mustParse(t, "", `
x-one: &one {env: {A: one}, restart: always, workdir: one}
x-two: &two
  restart: no
  terminal: true
services:
  a: &a
    <<: [*one, *two]
    command: &cmd [run, fast]
    workdir: own
  b: {<<: *a, priority: 7}
  c: {command: *cmd}
`)
	a, b, c := m.Services[0], m.Services[1], m.Services[2]
	if a.Restart.Policy != RestartAlways || !a.Terminal || a.Workdir != "own" || a.Env["A"] != "one" {
		t.Errorf("a = %+v", a)
	}
	a.Name, a.Priority = "b", 7
	if !reflect.DeepEqual(a, b) {
		t.Errorf("b = %+v, want %+v", b, a)
	}
	if !reflect.DeepEqual(c.Command, []string{"run", "fast"}) {
		t.Errorf("c = %+v", c)
	}
	m.Services[0].Env["A"] = "changed"
	if m.Services[1].Env["A"] != "one" {
		t.Error("services share a map")
	}
}

func TestPathsAndNamesFollowTheFolder(t *testing.T) {
	long := strings.Repeat("a", 63) + "-b"
	for _, c := range []struct{ path, name, workdir, data string }{
		{"", "image", ".", "data"},
		{"seance.yaml", "image", ".", "data"},
		{"shop/seance.yaml", "shop", "shop", "shop/data"},
		{"/srv/My Shop (2)/seance.yaml", "my-shop--2", "/srv/My Shop (2)", "/srv/My Shop (2)/data"},
		{"/seance.yaml", "image", "/", "/data"},
		{"/srv/.hidden_/x.yaml", "hidden", "/srv/.hidden_", "/srv/.hidden_/data"},
		{"/srv/Été/x.yaml", "t", "/srv/Été", "/srv/Été/data"},
		{"/" + long + "/x.yaml", strings.Repeat("a", 63), "/" + long, "/" + long + "/data"},
	} {
		m := mustParse(t, c.path, "services: {a: {command: x}}\ncapture: [./data/]")
		if m.Name != c.name || m.Services[0].Workdir != c.workdir || m.Capture[0] != c.data {
			t.Errorf("%q: name %q, workdir %q, capture %q", c.path, m.Name, m.Services[0].Workdir, m.Capture[0])
		}
	}
}

func TestRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Read(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	write("other", "")
	if _, err := Read(dir); !errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(err.Error(), "no seance.yaml, seance.yml or Procfile; to begin one: seance init") {
		t.Errorf("empty folder: %v", err)
	}
	write("seance.yml", "services: {a: {command: x}}")
	t.Chdir(filepath.Dir(dir))
	for _, path := range []string{dir, "shop", "shop/", "shop/seance.yml"} {
		m, err := Read(path)
		if err != nil {
			t.Fatalf("Read(%q): %v", path, err)
		}
		if m.Path != filepath.Join(dir, "seance.yml") || m.Name != "shop" || m.Services[0].Workdir != dir {
			t.Errorf("Read(%q) = %+v", path, m)
		}
		if want := []string{m.Path}; !reflect.DeepEqual(m.Files, want) {
			t.Errorf("Files = %v, want %v", m.Files, want)
		}
		again, err := Parse(m.Path, m.Source)
		m.Files = nil
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("Parse of the same = %+v, %v", again, err)
		}
	}
	write("seance.yml", "service: {}")
	_, err := Read("shop")
	var list Errors
	if !errors.As(err, &list) || !strings.HasPrefix(err.Error(), "shop/seance.yml:1:1: unknown key") {
		t.Errorf("mistake: %v", err)
	}
	write("seance.yaml", "services: {a: {command: x}}")
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "cannot choose") {
		t.Errorf("two manifests: %v", err)
	}
}

func TestReadFindsProcfile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("Procfile", "web: ./web")
	if err := os.Mkdir(filepath.Join(dir, ".env"), 0o755); err != nil { // a virtual environment of Python
		t.Fatal(err)
	}
	t.Setenv("PORT", "")
	m, err := Read(dir)
	if err != nil || m.Services[0].Name != "web" || m.Services[0].Env["PORT"] != "5000" || len(m.Files) != 1 {
		t.Errorf("got %+v, %v", m, err)
	}
	write("seance.yaml", "services: {other: {command: x}}")
	if m, err = Read(dir); err != nil || m.Services[0].Name != "other" {
		t.Errorf("got %+v, %v", m, err)
	}
	if m, err = Read(dir, filepath.Join(dir, "Procfile")); err != nil || len(m.Services) != 2 {
		t.Errorf("got %+v, %v", m, err)
	}
	if _, err = Read(dir, filepath.Join(dir, "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestReadEndless: what has no end is refused, not read.
func TestReadEndless(t *testing.T) {
	_, err := Read("/dev/zero")
	if err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Error(err)
	}
}

func TestSourceIsACopy(t *testing.T) {
	src := []byte("services: {a: {command: x}}")
	m, err := Parse("", src)
	if err != nil {
		t.Fatal(err)
	}
	src[0] = 'X'
	if m.Source[0] != 's' {
		t.Error("Source changed with the caller's slice")
	}
}

func TestCategoryOrder(t *testing.T) {
	m := mustParse(t, "", `
categories:
  - {name: x, after: later}
  - {name: end}
  - {name: later, after: network}
  - {name: also, after: network}
  - {name: last, after: end}
  - {name: end2}
services: {a: {command: x}}`)
	got := strings.Join(m.CategoryOrder(), " ")
	const want = "system network later x also gui tools user end last end2"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
