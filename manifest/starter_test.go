package manifest

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
)

// TestStarter: what it writes is good, with what stands in the remarks too.
func TestStarter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "My Shop")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text, from, err := Starter(dir)
	if err != nil || from != "" {
		t.Fatal(from, err)
	}
	m := mustParse(t, filepath.Join(dir, "seance.yaml"), string(text))
	if m.Name != "my-shop" || len(m.Services) != 1 {
		t.Errorf("got %+v", m)
	}
	keys := regexp.MustCompile(`(?m)^( *)# ( *[a-z]+:)`)
	all := keys.ReplaceAllString(string(text), "$1$2")
	m = mustParse(t, filepath.Join(dir, "seance.yaml"), all)
	if len(m.Services) != 2 || len(m.Hooks) != 1 || len(m.Capture) != 1 || m.service("web").Ready.TCP != "127.0.0.1:8080" {
		t.Errorf("got %+v of\n%s", m, all)
	}
	if why := schemaRefuses(t, []byte(all)); why != "" {
		t.Error(why)
	}
}

// TestStarterFromProcfile: the same services.
func TestStarterFromProcfile(t *testing.T) {
	t.Setenv("PORT", "")
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("Procfile", "web: echo \"a: b\" $PORT ${X:-y} $$ # é\nno: ./x\\\n")
	write(".env", "PORT=3000\nA=b\n")
	text, from, err := Starter(dir)
	if err != nil || from != filepath.Join(dir, "Procfile") {
		t.Fatal(from, err)
	}
	want, err := Read(from)
	if err != nil {
		t.Fatal(err)
	}
	write("seance.yaml", string(text))
	got, err := Read(dir)
	if err != nil || !reflect.DeepEqual(got.Services, want.Services) {
		t.Errorf("got %+v, %v\nwant %+v\nof\n%s", got, err, want, text)
	}
	write("Procfile", "web\n")
	if text, _, err := Starter(dir); err == nil {
		t.Errorf("a bad Procfile makes %s", text)
	}
}
