package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
)

func tmpEntries(t testing.TB, s *Store) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.Dir(), tmpName))
	must(t, err)
	return len(entries)
}

func TestAbortLeavesNothing(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	w, err := s.Create(ctx)
	must(t, err)
	_, err = w.AddTree(ctx, LayerMemory, dumpFolder(t, noise(1, 1<<20)), IsMemoryFile)
	must(t, err)
	must(t, w.Abort())
	must(t, w.Abort())
	if n := tmpEntries(t, s) + len(blobs(t, s)); n != 0 {
		t.Fatalf("%d files are left", n)
	}
	if _, err := w.AddFile(ctx, LayerInit, os.Args[0], ""); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if _, err := w.Commit(ctx, Ref{"shop", ""}, testConfig()); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

func TestCommitRefuses(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	for name, c := range map[string]struct {
		ref  Ref
		edit func(*Config)
		want string
	}{
		"bad name":    {Ref{"Shop", ""}, nil, "lower case"},
		"no name":     {Ref{}, nil, "empty"},
		"bad freezer": {Ref{"shop", ""}, func(c *Config) { c.Freezer = "" }, "freezer"},
	} {
		w, err := s.Create(ctx)
		must(t, err)
		cfg := testConfig()
		if c.edit != nil {
			c.edit(&cfg)
		}
		if _, err := w.Commit(ctx, c.ref, cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		must(t, w.Abort())
	}
	if list, err := s.List(ctx); err != nil || len(list) > 0 || tmpEntries(t, s) > 0 {
		t.Fatal(list, err)
	}
}

func TestCancelledSave(t *testing.T) {
	s := openStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := s.Create(ctx)
	must(t, err)
	defer func() { _ = w.Abort() }()
	cancel()
	if _, err := w.AddTree(ctx, LayerMemory, dumpFolder(t, noise(1, 20<<20)), IsMemoryFile); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context(), Ref{"shop", ""}, testConfig()); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestInitIsPackedOnce(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "init")
	writeFile(t, path, memoryLike(2<<20))
	first := mustSave(t, s, "one", dumpFolder(t, noise(1, 100)), path)

	w, err := s.Create(ctx)
	must(t, err)
	defer func() { _ = w.Abort() }()
	// With a known digest nothing is read: were it read, this would be found.
	binary := readFile(t, path)
	writeFile(t, path, noise(1, len(binary)))
	l, err := w.AddFile(ctx, LayerInit, path, first.Config.Init)
	must(t, err)
	writeFile(t, path, binary)
	if l.Digest != first.layers[2].Digest {
		t.Fatalf("%v is not %v", l, first.layers)
	}
	// It stays, although the image that had it goes before the commit.
	_, err = s.Remove(ctx, "one")
	must(t, err)
	if n := len(blobs(t, s)); n != 0 {
		t.Fatalf("%d blobs", n)
	}
	_, err = w.Commit(ctx, Ref{"two", ""}, testConfig())
	must(t, err)
	must(t, s.Verify(ctx, ""))
	img, err := s.Get(ctx, "two")
	must(t, err)
	dir := t.TempDir()
	must(t, img.Extract(ctx, LayerInit, dir))
	if string(readFile(t, filepath.Join(dir, InitName))) != string(readFile(t, path)) {
		t.Fatal("the binary is another")
	}
}

func TestDeadWritersAreSweptAway(t *testing.T) {
	s := openStore(t)
	alive, err := s.Create(t.Context())
	must(t, err)
	defer func() { _ = alive.Abort() }()
	dead, err := s.newSide()
	must(t, err)
	writeFile(t, dead.path("blob-1"), noise(1, 1000))
	must(t, dead.lock.Close()) // as the kernel does when a process ends
	next, err := s.Create(t.Context())
	must(t, err)
	defer func() { _ = next.Abort() }()
	if n := tmpEntries(t, s); n != 2 {
		t.Fatalf("%d folders in tmp, want those of the two writers", n)
	}
	_, err = alive.AddTree(t.Context(), LayerMemory, dumpFolder(t, noise(1, 100)), IsMemoryFile)
	must(t, err)
}

// An image that another removes is gone, not damaged.
func TestRemovedWhileInUse(t *testing.T) {
	s := openStore(t)
	img := mustSave(t, s, "shop", dumpFolder(t, noise(1, 100)), "")
	idx, err := s.readIndex()
	must(t, err)
	_, err = s.Remove(t.Context(), "shop")
	must(t, err)
	_, loadErr := s.load("shop", idx.Manifests[0])
	for _, err := range []error{loadErr, img.Extract(t.Context(), LayerCRIU, t.TempDir())} {
		var corrupt *CorruptError
		if !errors.Is(err, ErrNotFound) || errors.As(err, &corrupt) {
			t.Error(err)
		}
	}
}

func TestTruncatedInitIsNotReused(t *testing.T) {
	s := openStore(t)
	path := filepath.Join(t.TempDir(), "init")
	writeFile(t, path, memoryLike(1<<20))
	first := mustSave(t, s, "one", dumpFolder(t, noise(1, 100)), path)
	must(t, os.Truncate(s.blobPath(first.layers[2].Digest), first.layers[2].Size-1))
	mustSave(t, s, "two", dumpFolder(t, noise(2, 100)), path)
	// The new blob has taken the damaged one's place.
	must(t, s.Verify(t.Context(), ""))
}

func TestWrongKnownDigest(t *testing.T) {
	s := openStore(t)
	w, err := s.Create(t.Context())
	must(t, err)
	defer func() { _ = w.Abort() }()
	path := filepath.Join(t.TempDir(), "init")
	writeFile(t, path, []byte("binary"))
	if _, err := w.AddFile(t.Context(), LayerInit, path, digest.FromString("other")); err == nil || !strings.Contains(err.Error(), "is not that of digest") {
		t.Fatal(err)
	}
}

func TestAddRefuses(t *testing.T) {
	ctx := t.Context()
	dump := dumpFolder(t, noise(1, 100))
	must(t, os.Mkdir(filepath.Join(dump, "folder.img"), 0o700))
	for name, c := range map[string]struct {
		add  func(*Writer) (Layer, error)
		want string
	}{
		"folder in a dump": {func(w *Writer) (Layer, error) { return w.AddTree(ctx, LayerCRIU, dump, nil) }, "not a regular file"},
		"missing folder":   {func(w *Writer) (Layer, error) { return w.AddTree(ctx, LayerCRIU, dump+"x", nil) }, "no such file"},
		"tree as init":     {func(w *Writer) (Layer, error) { return w.AddTree(ctx, LayerInit, dump, nil) }, `layer "init"`},
		"file as memory":   {func(w *Writer) (Layer, error) { return w.AddFile(ctx, LayerMemory, os.Args[0], "") }, "not a single file"},
		"folder as init":   {func(w *Writer) (Layer, error) { return w.AddFile(ctx, LayerInit, dump, "") }, "not a regular file"},
		"relative path":    {func(w *Writer) (Layer, error) { return w.AddFolder(ctx, "data", dump, nil) }, "not absolute"},
		"twice": {func(w *Writer) (Layer, error) {
			if l, err := w.AddTree(ctx, LayerMemory, dump, IsMemoryFile); err != nil {
				return l, err
			}
			return w.AddTree(ctx, LayerMemory, dump, IsMemoryFile)
		}, "already"},
	} {
		w, err := openStore(t).Create(ctx)
		must(t, err)
		if _, err := c.add(w); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := w.Commit(ctx, Ref{"shop", ""}, testConfig()); err == nil {
			t.Errorf("%s: saved all the same", name)
		}
		must(t, w.Abort())
	}
}

// Writers, removers, taggers, readers and verifiers at the same time: nobody
// sees damage, and what is left at the end is whole.
func TestConcurrentUse(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	initPath := filepath.Join(t.TempDir(), "init")
	writeFile(t, initPath, memoryLike(300<<10))
	dumps := []string{dumpFolder(t, noise(1, 400<<10)), dumpFolder(t, noise(2, 1000)), dumpFolder(t, memoryLike(500<<10))}
	mine := func(err error) bool { return err != nil && !errors.Is(err, ErrNotFound) }
	const rounds = 12
	var wg sync.WaitGroup
	for i, dump := range dumps {
		wg.Go(func() {
			for r := range rounds {
				// All of them also fight for one tag.
				ref := []string{"shared", "own" + string(rune('a'+i))}[r%2]
				if _, err := save(s, ref, dump, initPath); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range rounds * 2 {
			for _, ref := range []string{"shared", "owna", "extra"} {
				if _, err := s.Remove(ctx, ref); mine(err) {
					t.Error(err)
				}
			}
			if err := s.Tag(ctx, "ownb", Ref{"extra", ""}); mine(err) {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		for range rounds {
			if err := s.Verify(ctx, ""); err != nil {
				t.Error(err)
			}
			list, err := s.List(ctx)
			if err != nil {
				t.Error(err)
			}
			for _, l := range list {
				if l.Err != nil {
					t.Error(l.Err)
				}
				img, err := s.Get(ctx, l.Ref.String())
				if err == nil {
					err = img.Extract(ctx, LayerInit, t.TempDir())
				}
				if mine(err) {
					t.Error(err)
				}
			}
		}
	})
	wg.Wait()
	must(t, s.Verify(ctx, ""))
	if n := tmpEntries(t, s); n != 0 {
		t.Errorf("%d folders are left in tmp", n)
	}
	for _, ref := range []string{"ownb", "ownc"} {
		_, err := s.Remove(ctx, ref)
		must(t, err)
	}
	for _, ref := range []string{"shared", "owna", "extra"} {
		if _, err := s.Remove(ctx, ref); mine(err) {
			t.Error(err)
		}
	}
	if left := blobs(t, s); len(left) != 0 {
		t.Errorf("%d blobs are left", len(left))
	}
}
