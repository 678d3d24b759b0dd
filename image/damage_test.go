package image

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// wholeStore is a store with an image of all kinds of layer.
func wholeStore(t testing.TB) *Store {
	t.Helper()
	ctx := t.Context()
	s := openStore(t)
	w, err := s.Create(ctx)
	must(t, err)
	defer func() { _ = w.Abort() }()
	dump := dumpFolder(t, memoryLike(300<<10))
	data := t.TempDir()
	writeFile(t, filepath.Join(data, "db"), noise(3, 9000))
	for kind, match := range map[LayerKind]func(string) bool{LayerCRIU: IsCRIUFile, LayerMemory: IsMemoryFile} {
		_, err := w.AddTree(ctx, kind, dump, match)
		must(t, err)
	}
	_, err = w.AddFolder(ctx, "/data", data, nil)
	must(t, err)
	_, err = w.AddFile(ctx, LayerInit, filepath.Join(dump, "core-0.img"), "")
	must(t, err)
	_, err = w.Commit(ctx, Ref{"shop", ""}, testConfig())
	must(t, err)
	return s
}

// useAll reads everything a boot would.
func useAll(t testing.TB, s *Store) error {
	t.Helper()
	img, err := s.Get(t.Context(), "shop")
	if err != nil {
		return err
	}
	dir := t.TempDir()
	errs := []error{img.ExtractFolder(t.Context(), "/data", filepath.Join(dir, "data"))}
	for _, kind := range []LayerKind{LayerCRIU, LayerMemory, LayerInit} {
		errs = append(errs, img.Extract(t.Context(), kind, dir))
	}
	return errors.Join(errs...)
}

func TestEveryTruncationIsFound(t *testing.T) {
	s := wholeStore(t)
	must(t, useAll(t, s))
	names := blobs(t, s)
	if len(names) != 6 {
		t.Fatalf("%d blobs", len(names))
	}
	for _, name := range names {
		path := filepath.Join(s.blobDir(), name)
		good := readFile(t, path)
		for _, cut := range []int{1, len(good) / 2, len(good)} {
			writeFile(t, path, good[:len(good)-cut])
			expectDamage(t, s, name)
		}
		writeFile(t, path, append(good[:len(good):len(good)], 0))
		expectDamage(t, s, name)
		must(t, os.Remove(path))
		expectDamage(t, s, name)
		writeFile(t, path, good)
	}
	must(t, s.Verify(t.Context(), ""))
	must(t, useAll(t, s))
}

func expectDamage(t *testing.T, s *Store, name string) {
	t.Helper()
	for what, err := range map[string]error{"verify": s.Verify(t.Context(), ""), "verify shop": s.Verify(t.Context(), "shop"), "use": useAll(t, s)} {
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), `image "shop`) {
			t.Fatalf("%s, with blob %.12s damaged: %v", what, name, err)
		}
	}
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	s := wholeStore(t)
	paths := []string{filepath.Join(s.Dir(), v1.ImageIndexFile), filepath.Join(s.Dir(), v1.ImageLayoutFile)}
	for _, name := range blobs(t, s) {
		paths = append(paths, filepath.Join(s.blobDir(), name))
	}
	for _, path := range paths {
		good := readFile(t, path)
		step := 1 + len(good)/24
		if len(good) < 2000 {
			step = 3
		}
		for i := 0; i < len(good); i += step {
			// 0x20 makes small letters of capitals, which encoding/json takes
			// for each other.
			for _, bit := range []byte{0x01, 0x20} {
				bad := []byte(string(good))
				bad[i] ^= bit
				writeFile(t, path, bad)
				var corrupt *CorruptError
				if err := s.Verify(t.Context(), ""); !errors.As(err, &corrupt) {
					t.Fatalf("byte %d of %s flipped by %#x: %v\n%s", i, path, bit, err, bad)
				}
				if strings.HasPrefix(path, s.blobDir()) && bit == 1 {
					if err := useAll(t, s); !errors.As(err, &corrupt) {
						t.Fatalf("byte %d of %s flipped: it is used, %v", i, path, err)
					}
				}
			}
		}
		writeFile(t, path, good)
	}
	must(t, s.Verify(t.Context(), ""))
}

func TestIndexCutShort(t *testing.T) {
	for _, name := range []string{v1.ImageIndexFile, v1.ImageLayoutFile} {
		s := wholeStore(t)
		path := filepath.Join(s.Dir(), name)
		good := readFile(t, path)
		for _, n := range []int{0, len(good) / 2, len(good) - 1} {
			writeFile(t, path, good[:n])
			var corrupt *CorruptError
			if err := s.Verify(t.Context(), ""); !errors.As(err, &corrupt) {
				t.Fatalf("%d bytes of %s: %v", n, name, err)
			}
		}
	}
}

// A name that is a path must not lead a reader out of the store.
func TestDigestThatIsAPath(t *testing.T) {
	s := wholeStore(t)
	path := filepath.Join(s.Dir(), v1.ImageIndexFile)
	idx, err := s.readIndex()
	must(t, err)
	bad := strings.Replace(string(readFile(t, path)), idx.Manifests[0].Digest.String(), "sha256:../../../../etc/passwd", 1)
	writeFile(t, path, []byte(bad))
	var corrupt *CorruptError
	if _, err := s.Get(t.Context(), "shop"); !errors.As(err, &corrupt) {
		t.Fatal(err)
	}
}
