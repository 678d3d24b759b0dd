package manifest

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// memory reads files that are there in memory only, below /srv.
type memory map[string]string

func (m memory) read(file string) ([]byte, error) {
	text, ok := m[strings.TrimPrefix(file, "/srv/")]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: file, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

func memoryOf(text string) memory {
	m := memory{}
	for _, f := range txtar.Parse([]byte(text)).Files {
		m[f.Name] = string(f.Data)
	}
	return m
}

// read reads manifests with a few variables in the environment.
func (m memory) manifest(files ...string) (*Manifest, error) {
	for i, file := range files {
		files[i] = path.Join("/srv", file)
	}
	env := map[string]string{"OUTSIDE": "out", "EMPTY": "", "BOTH": "outside", "FIVE": "5", "DOLLAR": "a$b${c}"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	return newReading(lookup, m.read).manifest(files)
}

// mustRead also sees that the source makes the same manifest where there are
// neither files nor variables.
func (m memory) mustRead(t *testing.T, files ...string) *Manifest {
	t.Helper()
	got, err := m.manifest(files...)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	checkSource(t, got)
	return got
}

func checkSource(t *testing.T, m *Manifest) {
	t.Helper()
	again, err := Parse(m.Path, m.Source)
	if err != nil {
		t.Fatalf("Parse of the source: %v\n%s", err, m.Source)
	}
	want := *m
	want.Files = nil
	if !reflect.DeepEqual(again, &want) {
		t.Fatalf("the source makes %+v\nwant %+v\nof\n%s", again, &want, m.Source)
	}
	if why := schemaRefuses(t, m.Source); why != "" {
		t.Fatalf("the schema refuses the source: %s\n%s", why, m.Source)
	}
}

func (m *Manifest) service(name string) *Service {
	i := slices.IndexFunc(m.Services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &m.Services[i]
}

func TestLayers(t *testing.T) {
	m := memoryOf(`
-- shop/seance.yaml --
name: shop
env: {A: base, B: base}
categories: [{name: c}, {name: d}]
capture: [data]
services:
  web:
    command: [./web]
    env: {X: base, Y: base}
    restart: always
    ready: {tcp: "localhost:80", timeout: 5s}
    limits: {nofile: 5, core: 5}
    shutdown: {signal: INT, grace: 5s}
    log: {size: 5, count: 5}
    needs: [db]
  db: {command: [./db]}
-- over/extra.yaml --
name: staging
env: {B: over}
categories: [{name: d, after: c}, {name: e}]
capture: [more]
services:
  web:
    env: {Y: over}
    restart: {delay: 5s}
    ready: {log: up}
    limits: {core: 6}
    shutdown: {grace: 6s}
    log: {count: 6}
    needs: []
  db: {command: [./db2], workdir: there}
  new: {command: [./new], category: e}
on_failure: roll-back
`)
	got := m.mustRead(t, "shop/seance.yaml", "over/extra.yaml")
	web := got.service("web")
	if got.Name != "staging" || got.Path != "/srv/shop/seance.yaml" || got.OnFailure != RollBack {
		t.Errorf("got %+v", got)
	}
	if want := []string{"/srv/shop/seance.yaml", "/srv/over/extra.yaml"}; !reflect.DeepEqual(got.Files, want) {
		t.Errorf("files %v", got.Files)
	}
	if from := SourceFiles(got.Source); !reflect.DeepEqual(from, got.Files) {
		t.Errorf("source of %v", from)
	}
	if from := SourceFiles([]byte("# from: \"/x\"\nname: x")); from != nil {
		t.Errorf("a text of its own is from %v", from)
	}
	if want := []Category{{"c", ""}, {"d", "c"}, {"e", ""}}; !reflect.DeepEqual(got.Categories, want) {
		t.Errorf("categories %v", got.Categories)
	}
	if want := []string{"/srv/shop/data", "/srv/over/more"}; !reflect.DeepEqual(got.Capture, want) {
		t.Errorf("capture %v", got.Capture)
	}
	if want := map[string]string{"A": "base", "B": "over", "X": "base", "Y": "over"}; !maps.Equal(web.Env, want) {
		t.Errorf("env %v", web.Env)
	}
	r := web.Restart
	if r.Policy != RestartAlways || r.Delay.Seconds() != 5 || web.Ready.TCP != "" || web.Ready.Timeout != DefaultReadyTimeout {
		t.Errorf("web %+v", web)
	}
	if web.Limits["nofile"].Soft != 5 || web.Limits["core"].Soft != 6 || web.Shutdown.Signal != "INT" || web.Shutdown.Grace.Seconds() != 6 ||
		web.Log.Size != 5 || web.Log.Count != 6 || len(web.Needs) != 0 || web.Workdir != "/srv/shop" {
		t.Errorf("web %+v", web)
	}
	if db, n := got.service("db"), got.service("new"); db.Workdir != "/srv/over/there" || db.Command[0] != "./db2" || n.Workdir != "/srv/over" {
		t.Errorf("db %+v, new %+v", db, n)
	}
}

func TestInclude(t *testing.T) {
	m := memoryOf(`
-- seance.yaml --
include: [db/seance.yaml, common.yaml]
services:
  web: {command: [./web], env: {B: main}}
  db: {env: {B: main}}
-- db/seance.yaml --
name: db
include: ../${NOPE:-common}.yaml
services:
  db: {command: [./db], log: {file: db.log}, env: {A: db, B: db, C: db}}
hooks:
  h: {startup: ./h, env_file: h.env}
-- db/h.env --
H=h
-- common.yaml --
services:
  db: {env: {C: common, D: common}}
`)
	got := m.mustRead(t, "seance.yaml")
	if got.Name != "srv" || got.Hooks[0].Workdir != "/srv/db" || got.Hooks[0].Env["H"] != "h" {
		t.Errorf("got %+v", got)
	}
	db := got.service("db")
	if want := map[string]string{"A": "db", "B": "main", "C": "db", "D": "common"}; !maps.Equal(db.Env, want) || db.Workdir != "/srv/db" || db.Log.File != "/srv/db/db.log" {
		t.Errorf("db = %+v", db)
	}
	if want := []string{"/srv/seance.yaml", "/srv/db/seance.yaml", "/srv/common.yaml", "/srv/db/h.env"}; !reflect.DeepEqual(got.Files, want) {
		t.Errorf("files %v", got.Files)
	}
}

// TestVariablesAndFiles: the environment wins over .env, env_file over both,
// env over all.
func TestVariablesAndFiles(t *testing.T) {
	m := memoryOf(`
-- seance.yaml --
env_file: [all.env]
env: {TOP: "${BOTH}-${FILE}-${OUTSIDE}-${EMPTY:-empty}"}
services:
  a:
    command: ["./a", "$HOME", "${DOLLAR}", "$${FILE}"]
    env_file: [one.env, two.env]
    env: {FOUR: env, D: "${DOLLAR}$$"}
    priority: ${FIVE}
    workdir: ${FILE}/x
    stdin: null
    replicas: ${FIVE}
    log: {file: "${FILE}.${SEANCE_REPLICA}.log"}
    ready: {tcp: "localhost:${FIVE}0${SEANCE_REPLICA}", timeout: "${FIVE}s"}
    umask: 0${FIVE}
  b: {command: 'exec ./b "$HOME" ${FILE} $$', restart: "${RESTART-no}"}
-- .env --
FILE=file
BOTH=file
-- all.env --
ALL=all
FILE=all
-- one.env --
ALL=one
FOUR=one
TWO=one
-- two.env --
TWO="two $x ${FILE}"
`)
	got := m.mustRead(t, "seance.yaml")
	a := got.service("a-2")
	want := map[string]string{
		"TOP": "outside-file-out-empty", "FILE": "all", "BOTH": "outside", "ALL": "one", "FOUR": "env", "TWO": "two $x ${FILE}", "D": "a$b${c}$",
	}
	if !maps.Equal(a.Env, want) {
		t.Errorf("env %v, want %v", a.Env, want)
	}
	if want := []string{"./a", "$HOME", "a$b${c}", "${FILE}"}; !slices.Equal(a.Command, want) {
		t.Errorf("command %q", a.Command)
	}
	if a.Priority != 5 || a.Workdir != "/srv/file/x" || a.Log.File != "/srv/file.2.log" || a.Ready.TCP != "localhost:502" || *a.Umask != 5 || len(got.Services) != 6 {
		t.Errorf("a = %+v", a)
	}
	if b := got.service("b"); b.Command[2] != `exec ./b "$HOME" ${FILE} $$` || b.Restart.Policy != RestartNo || b.Env["ALL"] != "all" {
		t.Errorf("b = %+v", b)
	}
}

func TestSourceIsTheFileWhenItStandsByItself(t *testing.T) {
	const text = "services: {a: {command: ['${X:-$$}', $HOME], workdir: x}} # a remark\n"
	m := memory{"seance.yaml": text, "used.yaml": "services: {a: {command: ['${FIVE}']}}"}
	if got := m.mustRead(t, "seance.yaml"); string(got.Source) != text {
		t.Errorf("source %s", got.Source)
	}
	if got := m.mustRead(t, "used.yaml"); bytes.Contains(got.Source, []byte("FIVE")) {
		t.Errorf("source %s", got.Source)
	}
	m[".env"] = "A=b"
	if got := m.mustRead(t, "seance.yaml"); got.Services[0].Env["A"] != "b" || got.Services[0].Command[1] != "$HOME" {
		t.Errorf("got %+v", got.Services)
	}
}

func TestProcfile(t *testing.T) {
	m := memoryOf(`
-- Procfile --
# what runs

Web: bundle exec puma -p $PORT  # $$
worker:bundle exec sidekiq
-- .env --
RAILS_ENV=development
-- seance.yaml --
services:
  web: {ready: {tcp: "127.0.0.1:5000"}}
`)
	got := m.mustRead(t, "Procfile", "seance.yaml")
	web, worker := got.Services[0], got.Services[1]
	if want := []string{"/bin/sh", "-c", "bundle exec puma -p $PORT  # $$"}; web.Name != "web" || !slices.Equal(web.Command, want) || web.Ready == nil {
		t.Errorf("web = %+v", web)
	}
	if want := (map[string]string{"PORT": "5100", "RAILS_ENV": "development"}); !maps.Equal(worker.Env, want) || worker.Restart.Policy != RestartNo {
		t.Errorf("worker = %+v", worker)
	}
	m[".env"] = "PORT=3000"
	got = m.mustRead(t, "Procfile")
	if a, b := got.Services[0].Env["PORT"], got.Services[1].Env["PORT"]; a != "3000" || b != "3100" || got.Path != "/srv/Procfile" {
		t.Errorf("ports %s, %s", a, b)
	}
}

// TestMistakesInFiles: each is shown with its file, those of one file together.
func TestMistakesInFiles(t *testing.T) {
	for name, c := range map[string]struct{ files, want string }{
		"included": {`
-- seance.yaml --
include: [a.yaml, sub/b.yaml]
services: {x: {comand: x}}
-- a.yaml --
services: {x: {workdir: ""}}
-- sub/b.yaml --
hooks: {h: {startup: x, timeout: 5}}
`, `/srv/seance.yaml:2:16: unknown key "comand"
/srv/a.yaml:1:25: "workdir" of service "x" is empty
/srv/sub/b.yaml:1:34: "timeout" of hook "h" must be a duration`},
		"syntax": {`
-- seance.yaml --
include: [a.yaml]
services: {x: {command: x}}
-- a.yaml --

services: {x
`, `/srv/a.yaml:2:12: a mapping in braces lacks`},
		"no mapping": {`
-- seance.yaml --
include: [a.yaml]
-- a.yaml --
- x
`, `/srv/a.yaml:1:1: the manifest must be a mapping`},
		"circle": {`
-- seance.yaml --
include: a.yaml
services: {x: {command: x}}
-- a.yaml --
include: [b.yaml]
-- b.yaml --
x-y: z
include: [c.yaml, a.yaml]
-- c.yaml --
name: c
`, `/srv/b.yaml:2:19: a file includes itself: a.yaml → b.yaml → a.yaml; remove`},
		"itself": {`
-- seance.yaml --
include: ./seance.yaml
`, `/srv/seance.yaml:1:10: a file includes itself: seance.yaml → seance.yaml`},
		"missing": {`
-- seance.yaml --
include: [nowhere.yaml, "${NOPE}", 5]
env_file: no.env
services: {x: {command: x, env_file: [no2.env]}}
`, `/srv/seance.yaml:1:11: cannot read "/srv/nowhere.yaml": file does not exist
/srv/seance.yaml:1:26: "include" needs the variable NOPE
/srv/seance.yaml:1:36: "include" must be a string, not the number 5
/srv/seance.yaml:2:11: cannot read "/srv/no.env"
/srv/seance.yaml:3:39: cannot read "/srv/no2.env"`},
		"environment file": {`
-- seance.yaml --
services: {x: {command: x, env_file: x.env, env: {B: 1}}}
-- x.env --
A=1
B C
D="x" y
SEANCE_BOOTING=1
-- .env --
1=x
`, `/srv/.env:1:1: "1" is not a name of a variable
/srv/x.env:2:1: this line sets no variable
/srv/x.env:3:7: text after the closing quote`},
		"reserved in an environment file": {`
-- seance.yaml --
services: {x: {command: x, env_file: x.env}}
-- x.env --
SEANCE_BOOTING=1
`, `/srv/x.env:1:1: "env.SEANCE_BOOTING" of service "x" is set by seance itself`},
		"twice in a layer": {`
-- seance.yaml --
include: [a.yaml]
services: {x: {command: x, command: y}, x: {command: z}}
-- a.yaml --
services: {x: {command: x}}
`, `/srv/seance.yaml:2:28: duplicate key "command"
/srv/seance.yaml:2:41: duplicate key "x" in "services"`},
		"Procfile": {`
-- Procfile --
web: x
web worker: y
worker:
link: x
`, `/srv/Procfile:2:1: this line is not that of a process; write "name: command"
/srv/Procfile:3:8: "command" of service "worker" is empty
/srv/Procfile:4:1: service "link" has the name of a part of seance itself`},
		"a variable that is not set": {`
-- seance.yaml --
services: {x: {command: ["${SEANCE_TEST_NONE}"]}}
`, `/srv/seance.yaml:1:27: "command" of service "x" needs the variable SEANCE_TEST_NONE, which is not set; set it in the environment or in .env, or write ${SEANCE_TEST_NONE:-default}`},
		"lines of a Procfile": {`
-- Procfile --
web
web worker: y
`, `/srv/Procfile:1:1: this line is not that of a process; write "name: command"
/srv/Procfile:2:1: this line is not that of a process; write "name: command"`},
		"names of a Procfile": {`
-- Procfile --
web: x
Web: y
worker:
link: x
`, `/srv/Procfile:2:1: duplicate key "web" in "services"; it is on line 1 already
/srv/Procfile:3:8: "command" of service "worker" is empty
/srv/Procfile:4:1: service "link" has the name of a part of seance itself`},
	} {
		t.Run(name, func(t *testing.T) {
			m := memoryOf(c.files)
			file := "seance.yaml"
			if _, ok := m[file]; !ok {
				file = "Procfile"
			}
			got, err := m.manifest(file)
			var list Errors
			if !errors.As(err, &list) {
				t.Fatalf("got %+v, %v", got, err)
			}
			want := strings.Split(c.want, "\n")
			for i, e := range list {
				first, _, _ := strings.Cut(e.Error(), "\n")
				if i >= len(want) || !strings.HasPrefix(first, want[i]) {
					t.Errorf("got %s", first)
				}
			}
			if len(list) != len(want) {
				t.Errorf("%d mistakes, want %d", len(list), len(want))
			}
		})
	}
}

// TestManyFiles: neither a long chain nor many variables are followed for ever.
func TestManyFiles(t *testing.T) {
	m := memory{}
	for i := range 100 {
		m[strings.Repeat("x", i)+".yaml"] = "include: " + strings.Repeat("x", i+1) + ".yaml\nservices: {a: {command: x}}"
	}
	if _, err := m.manifest(".yaml"); err == nil || !strings.Contains(err.Error(), "a manifest of more than 64 files") {
		t.Errorf("got %v", err)
	}
	var b strings.Builder
	for range 4000 {
		b.WriteString("A=" + strings.Repeat("x", 200) + "\nB" + strings.Repeat("x", b.Len()%7000) + "=1\n")
		if b.Len() > MaxSize/2 {
			break
		}
	}
	m = memory{".env": b.String(), "seance.yaml": "services: {a: {command: [" + strings.Repeat(`"${A}",`, 6000) + "x]}}"}
	if _, err := m.manifest("seance.yaml"); err == nil || !strings.Contains(err.Error(), "comes to more than 1048576 bytes") {
		t.Errorf("got %.200v", err)
	}
}

// BenchmarkRead reads the same services with a .env beside them: their source
// is written anew.
func BenchmarkRead(b *testing.B) {
	m := memory{"seance.yaml": string(manyServices(1000)), ".env": "A=b\nC=d\n"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.manifest("seance.yaml"); err != nil {
			b.Fatal(err)
		}
	}
}

// An environment file that is not there, or is bad, hides no other mistake.
func TestEnvFileHidesNoMistakes(t *testing.T) {
	m := memoryOf(`-- seance.yaml --
services:
  a: {command: x, env_file: nowhere.env, priority: high}
  b: {env_file: bad.env}
-- bad.env --
what is this
`)
	_, err := m.manifest("seance.yaml")
	if err == nil {
		t.Fatal("it is good")
	}
	for _, want := range []string{`cannot read "/srv/nowhere.env"`, `"priority" of service "a"`, `service "b" has no command`, "bad.env:1:1: "} {
		if strings.Count(err.Error(), want) != 1 {
			t.Errorf("want %q once in\n%v", want, err)
		}
	}
}
