package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		runChild()
		return
	}
	goleak.VerifyTestMain(m)
}

func openStore(t testing.TB) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dumpFolder makes a folder like CRIU's: some small files and one of memory.
func dumpFolder(t testing.TB, memory []byte) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 20 {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("core-%d.img", i)), noise(uint64(i), 1<<10+i))
	}
	writeFile(t, filepath.Join(dir, "dump.log"), []byte("not part of the image"))
	writeFile(t, filepath.Join(dir, "pages-1.img"), memory)
	return dir
}

// noise is reproducible and does not compress.
func noise(seed uint64, n int) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	data := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(data)
	return data
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func testConfig() Config {
	return Config{SnapshotID: "s1", Freezer: FreezerCRIU, StartupList: []StartupEntry{{"db", "system", 100}},
		Session: SessionInfo{ID: "one"}}
}

// save makes an image from a dump folder and an init binary ("" for none).
func save(s *Store, ref, dump, initPath string) (*Image, error) {
	ctx := context.Background()
	w, err := s.Create(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.Abort() }()
	if _, err := w.AddTree(ctx, LayerCRIU, dump, IsCRIUFile); err != nil {
		return nil, err
	}
	if _, err := w.AddTree(ctx, LayerMemory, dump, IsMemoryFile); err != nil {
		return nil, err
	}
	if initPath != "" {
		if _, err := w.AddFile(ctx, LayerInit, initPath, ""); err != nil {
			return nil, err
		}
	}
	r, err := ParseRef(ref)
	if err != nil {
		return nil, err
	}
	return w.Commit(ctx, r, testConfig())
}

func mustSave(t testing.TB, s *Store, ref, dump, initPath string) *Image {
	t.Helper()
	img, err := save(s, ref, dump, initPath)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func sameTree(t testing.TB, want, got string, match func(string) bool) {
	t.Helper()
	names := map[string][32]byte{}
	entries, err := os.ReadDir(want)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if match(e.Name()) {
			names[e.Name()] = sha256.Sum256(readFile(t, filepath.Join(want, e.Name())))
		}
	}
	entries, err = os.ReadDir(got)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(names) {
		t.Fatalf("%d files, want %d", len(entries), len(names))
	}
	for _, e := range entries {
		sum := sha256.Sum256(readFile(t, filepath.Join(got, e.Name())))
		if want, ok := names[e.Name()]; !ok || !bytes.Equal(want[:], sum[:]) {
			t.Fatalf("%s is not as it was saved", e.Name())
		}
	}
}
