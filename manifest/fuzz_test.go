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
