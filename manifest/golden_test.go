package manifest

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what Parse says into testdata/errors")

// TestErrors reads testdata/errors as a specification: each NAME.yaml is
// refused with what NAME.err says.
func TestErrors(t *testing.T) {
	archives, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				writeGolden(t, file, archive)
				return
			}
			checkGolden(t, archive)
		})
	}
}

func checkGolden(t *testing.T, archive *txtar.Archive) {
	want := map[string]string{}
	for _, f := range archive.Files {
		want[f.Name] = string(f.Data)
	}
	for _, f := range archive.Files {
		name, ok := strings.CutSuffix(f.Name, ".yaml")
		if !ok {
			continue
		}
		t.Run(name, func(t *testing.T) {
			got := refusal(t, f.Data)
			if got != want[name+".err"] {
				t.Errorf("got\n%s\nwant\n%s", got, want[name+".err"])
			}
		})
	}
}

// refusal is what Parse says against src.
func refusal(t *testing.T, src []byte) string {
	t.Helper()
	m, err := Parse("/srv/shop/seance.yaml", src)
	var list Errors
	if m != nil || !errors.As(err, &list) || len(list) == 0 {
		t.Fatalf("Parse(%s) = %v, %v, want Errors", src, m, err)
	}
	return strings.ReplaceAll(err.Error(), "/srv/shop/seance.yaml:", "seance.yaml:") + "\n"
}

func writeGolden(t *testing.T, file string, archive *txtar.Archive) {
	var files []txtar.File
	for _, f := range archive.Files {
		name, ok := strings.CutSuffix(f.Name, ".yaml")
		if !ok {
			continue
		}
		files = append(files, f, txtar.File{Name: name + ".err", Data: []byte(refusal(t, f.Data))})
	}
	archive.Files = files
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
