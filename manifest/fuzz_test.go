package manifest

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzParse: whatever the text, Parse gives mistakes that all have a place in
// it, or a manifest that is valid, that its own source gives again, and that the
// schema takes.
func FuzzParse(f *testing.F) {
	f.Add([]byte(shop))
	for _, block := range docBlocks(readDocs(f), "yaml") {
		f.Add([]byte(block))
	}
	archives, _ := filepath.Glob("testdata/errors/*.txtar")
	for _, file := range archives {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, a := range archive.Files {
			if strings.HasSuffix(a.Name, ".yaml") {
				f.Add(a.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		const path = "/srv/shop/seance.yaml"
		m, err := Parse(path, src)
		if err != nil {
			checkMistakes(t, m, err, src)
			return
		}
		if err := m.Validate(); err != nil {
			t.Fatalf("Validate: %v", err)
		}
		again, err := Parse(m.Path, m.Source)
		if err != nil || !reflect.DeepEqual(m, again) {
			t.Fatalf("again: %+v, %v, want %+v", again, err, m)
		}
		if order := m.StartOrder(); len(order) != len(m.Services) {
			t.Fatalf("%d services in order, want %d", len(order), len(m.Services))
		}
		if why := schemaRefuses(t, src); why != "" {
			t.Fatalf("the schema refuses it: %s", why)
		}
		if order := m.CategoryOrder(); len(order) != 5+len(m.Categories) {
			t.Fatalf("order %v of %v", order, m.Categories)
		}
	})
}

func checkMistakes(t *testing.T, m *Manifest, err error, src []byte) {
	var list Errors
	if m != nil || !errors.As(err, &list) || len(list) == 0 {
		t.Fatalf("Parse = %v, %v, want Errors", m, err)
	}
	lines := 1 + strings.Count(strings.ReplaceAll(strings.ReplaceAll(string(src), "\r\n", "\n"), "\r", "\n"), "\n")
	for i, e := range list {
		if e.Line < 1 || e.Line > lines || e.Column < 1 || e.Column > len([]rune(e.Source))+1 || e.Msg == "" {
			t.Fatalf("no place in %d lines: %+v", lines, *e)
		}
		if strings.Contains(e.Msg, "the YAML parser failed") {
			t.Fatalf("panic: %s", e.Msg)
		}
		if i > 0 && list[i-1].Line > e.Line {
			t.Fatalf("not in order: %v", err)
		}
	}
	if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) {
		t.Fatalf("control characters in %q", err)
	}
}

func equalValues(t *testing.T, got, want *Manifest) {
	t.Helper()
	g, w := *got, *want
	g.Source, w.Source = nil, nil
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %+v\nwant %+v", g, w)
	}
}

// FuzzFiles: of two files, one included and one layered over them, and an
// environment file, Read makes a manifest whose source makes the same anywhere,
// or mistakes that have a place in one of them.
func FuzzFiles(f *testing.F) {
	f.Add(shop, everything, "services: {web: {env: {A: '${FIVE}'}}}", "A=b")
	f.Add(expressions, "services: {a: {workdir: x, needs: ['b']}}", "on_failure: go-on", "X=5")
	f.Add("include: one.yaml", shop, "capture: [x]", "B='c\nd' # e\nexport C = ${A}$\n")
	for _, text := range []string{"\u0085\u2028\u00a0\ufffe", `\x7f\ufeff`, "${FIVE}", "a$$b", "${SEANCE_REPLICA}", "~", "null", "0o7", "-5", "1e3", ": #", "😀"} {
		f.Add("services: {a: {command: ['"+text+"'], env: {X: \""+text+"\", '"+text+"': y}, workdir: \"x"+text+"\", replicas: 2}}", "x-a: b", "name: a", "")
	}
	f.Fuzz(func(t *testing.T, one, two, three, env string) {
		if len(one)+len(two)+len(three)+len(env) > 1<<16 {
			return
		}
		files := memory{"one.yaml": one, "sub/two.yaml": two, "three.yaml": three, ".env": env}
		files["seance.yaml"] = "include: [one.yaml, sub/two.yaml]"
		m, err := files.manifest("seance.yaml", "three.yaml")
		if err == nil {
			checkSource(t, m)
			return
		}
		var list Errors
		if m != nil || !errors.As(err, &list) || len(list) == 0 {
			t.Fatalf("Read = %v, %v, want Errors", m, err)
		}
		for _, e := range list {
			if !strings.HasPrefix(e.File, "/srv/") || e.Line < 1 || e.Column < 1 || e.Column > len([]rune(e.Source))+1 || strings.Contains(e.Msg, "the YAML parser failed") {
				t.Fatalf("no place: %+v", *e)
			}
		}
	})
}

// FuzzEnvFile: what is read can be written in quotes and read again.
func FuzzEnvFile(f *testing.F) {
	for _, block := range docBlocks(readDocs(f), "dotenv") {
		f.Add(block)
	}
	f.Add("A=\nB= # c\nC=a#b #c\nexport\tD='x\ny'\nE=\"\\\"\\\\\\n\\q\"#z\nexport=1\n=2\nF G\nH='\n")
	f.Fuzz(func(t *testing.T, text string) {
		vars, mistakes := readEnv(t, text)
		var b strings.Builder
		for _, v := range vars {
			if !envNameRE.MatchString(v.name) {
				t.Fatalf("name %q", v.name)
			}
			b.WriteString(" export " + v.name + " = \"" + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v.value) + "\" # c\n")
		}
		again, wrong := readEnv(t, b.String())
		if len(again) != len(vars) || wrong > 0 {
			t.Fatalf("%d variables of %q, %d mistakes, want %d; %d mistakes before", len(again), b.String(), wrong, len(vars), mistakes)
		}
		for i, v := range again {
			if v.name != vars[i].name || v.value != vars[i].value {
				t.Fatalf("got %+v, want %+v", v, vars[i])
			}
		}
	})
}

// readEnv counts the mistakes, each of which has a place.
func readEnv(t *testing.T, text string) (vars []envVar, mistakes int) {
	s, e := newSource("x.env", []byte(text))
	if e != nil {
		return nil, 1
	}
	vars = parseEnvFile(s, func(at pos, msg, _ string) {
		mistakes++
		if at.line < 1 || at.line > len(s.lines) || at.column < 1 || at.column > len([]rune(s.lines[at.line-1]))+1 || msg == "" {
			t.Fatalf("no place: %+v in %q", at, text)
		}
	})
	return vars, mistakes
}

// FuzzProcfile: a Procfile makes a manifest whose source makes the same, or
// mistakes.
func FuzzProcfile(f *testing.F) {
	for _, block := range docBlocks(readDocs(f), "procfile") {
		f.Add(block)
	}
	f.Add("a: b\r\n# c\n\nA.b-c_d:e: f $$ ${X}\t\nlogs: x\n: y")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := memory{"Procfile": text}.manifest("Procfile")
		if err == nil {
			checkSource(t, m)
			return
		}
		var list Errors
		if !errors.As(err, &list) {
			t.Fatal(err)
		}
	})
}
