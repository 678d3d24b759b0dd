package image

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/process"
)

func fullConfig() Config {
	c := testConfig()
	c.Version, c.Name, c.Architecture, c.OS = FormatVersion, "shop", "amd64", "linux"
	c.Created = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	c.Parent = "sha256:" + "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	c.Manifest = ManifestSource{"/srv/seance.yaml", "services: {}\n"}
	c.Capture = []string{"/srv/data"}
	c.Listeners = []string{"127.0.0.1:7379", "[::]:80"}
	c.Files = []File{{Path: "/srv/data/db", FileState: FileState{1, 2, 3, 4}, Writable: true, Processes: []int{7}}, {Path: "/srv/\xff"}}
	state := process.NewTable().State()
	c.Hierarchy = &state
	return c
}

func TestConfigComesBack(t *testing.T) {
	want := fullConfig()
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeConfig(data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestConfigRefused(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Config)
		want string
	}{
		"name":        {func(c *Config) { c.Name = "../x" }, "name"},
		"created":     {func(c *Config) { c.Created = time.Time{} }, "created is missing"},
		"arch":        {func(c *Config) { c.Architecture = "" }, "architecture"},
		"freezer":     {func(c *Config) { c.Freezer = "ice" }, `freezer "ice"`},
		"parent":      {func(c *Config) { c.Parent = "md5:00" }, "parent"},
		"init":        {func(c *Config) { c.Init = "sha256:zz" }, "init"},
		"capture":     {func(c *Config) { c.Capture = []string{"data"} }, "captured folder"},
		"list":        {func(c *Config) { c.StartupList = []StartupEntry{{}} }, "start-up list"},
		"file":        {func(c *Config) { c.Files = []File{{Path: "x"}} }, "not absolute"},
		"listener":    {func(c *Config) { c.Listeners = []string{"localhost:80"} }, "not an address and a port"},
		"size":        {func(c *Config) { c.Files = []File{{Path: "/x", FileState: FileState{Size: -1}}} }, "negative"},
		"newer":       {func(c *Config) { c.Version = 2 }, "version 2 is newer than this seance knows (1): upgrade"},
		"versionless": {func(c *Config) { c.Version = 0 }, "version 0 is not known"},
	} {
		cfg := fullConfig()
		c.edit(&cfg)
		data, _ := json.Marshal(cfg)
		if _, err := decodeConfig(data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

// In another version any other field may have another type: the message must
// still be of the version.
func TestNewerConfigWithOtherTypes(t *testing.T) {
	_, err := decodeConfig([]byte(`{"version": 9, "name": {"first": "shop"}, "files": 3}`))
	var version *VersionError
	if !errors.As(err, &version) || version.Version != 9 {
		t.Fatal(err)
	}
}

func FuzzDecodeConfig(f *testing.F) {
	data, err := json.Marshal(fullConfig())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeConfig(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if c2, err := decodeConfig(again); err != nil || !reflect.DeepEqual(normal(c), normal(c2)) {
			t.Fatalf("%+v comes back as %+v, %v", c, c2, err)
		}
	})
}

// normal makes equal what JSON does not tell apart.
func normal(c Config) string {
	data, err := json.Marshal(c)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func TestCheckFiles(t *testing.T) {
	then := FileState{Size: 10, ModTime: 20, Inode: 30, Device: 40}
	now := map[string]FileState{
		"/same": then, "/copied": {10, 20, 31, 41}, "/longer": {11, 20, 30, 40}, "/touched": {10, 21, 30, 40},
	}
	stat := func(path string) (FileState, error) {
		if path == "/secret" {
			return FileState{}, fs.ErrPermission
		}
		if st, ok := now[path]; ok {
			return st, nil
		}
		return FileState{}, fs.ErrNotExist
	}
	var files []File
	for _, p := range []Text{"/same", "/copied", "/longer", "/touched", "/gone", "/secret", "/data/x", "/database"} {
		files = append(files, File{Path: p, FileState: then, Writable: p == "/longer", Mapped: p == "/touched"})
	}
	c := Config{Files: files, Capture: []string{"/data/"}}
	var got []string
	for _, ch := range c.CheckFiles(stat) {
		got = append(got, string(ch.Kind)+" "+string(ch.File.Path))
		if want := ch.File.Path == "/longer" || ch.File.Path == "/touched"; ch.Harmful() != want {
			t.Errorf("%s: harmful is %v", ch, ch.Harmful())
		}
	}
	want := []string{"size /longer", "mtime /touched", "missing /gone", "unreadable /secret", "missing /database"}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestStatFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	writeFile(t, path, []byte("four"))
	st, err := StatFile(path)
	if err != nil || st.Size != 4 || st.Inode == 0 {
		t.Fatalf("%+v, %v", st, err)
	}
	files := []File{{Path: Text(path), FileState: st}}
	if ch := CheckFiles(files, StatFile); ch != nil {
		t.Fatal(ch)
	}
	if err := os.Chtimes(path, time.Time{}, time.Unix(5, 6)); err != nil {
		t.Fatal(err)
	}
	if ch := CheckFiles(files, StatFile); len(ch) != 1 || ch[0].Now.ModTime != 5e9+6 {
		t.Fatal(ch)
	}
	if _, err := StatFile(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestCheckHost(t *testing.T) {
	c := Config{Architecture: "amd64", OS: "linux", Freezer: FreezerCRIU, CPUFeatures: []string{"avx512f", "sse2"}}
	var host *HostError
	if err := c.CheckHost(Host{"amd64", "linux", []string{"sse2", "avx512f", "amx"}}); err != nil {
		t.Fatal(err)
	}
	if err := c.CheckHost(Host{"arm64", "linux", nil}); !errors.As(err, &host) || !strings.Contains(err.Error(), "linux/arm64") {
		t.Fatal(err)
	}
	if err := c.CheckHost(Host{"amd64", "linux", []string{"sse2"}}); !errors.As(err, &host) || !strings.Contains(err.Error(), "avx512f") {
		t.Fatal(err)
	}
	c.Freezer = FreezerRespawn
	if err := c.CheckHost(Host{"amd64", "linux", []string{"sse2"}}); err != nil {
		t.Fatal(err)
	}
}
