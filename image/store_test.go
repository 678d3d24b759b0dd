package image

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestOpen(t *testing.T) {
	t.Run("makes a store where none is, and takes it up again", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "a", "b")
		for range 2 {
			s, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if list, err := s.List(t.Context()); err != nil || len(list) != 0 {
				t.Fatal(list, err)
			}
			if err := s.Verify(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("leaves a folder of something else alone", func(t *testing.T) {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "thesis.tex"), nil)
		if _, err := Open(dir); !errors.Is(err, ErrNotStore) || !strings.Contains(err.Error(), "thesis.tex") {
			t.Fatal(err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Fatal(entries)
		}
	})
	t.Run("takes up what an interrupted Open left", func(t *testing.T) {
		dir := openStore(t).Dir()
		if err := os.Remove(filepath.Join(dir, v1.ImageLayoutFile)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err != nil {
			t.Fatal(err)
		}
	})
	for name, content := range map[string]string{"other version": `{"imageLayoutVersion":"2.0.0"}`, "no JSON": `{`, "empty": ``} {
		t.Run("refuses a layout of "+name, func(t *testing.T) {
			dir := openStore(t).Dir()
			writeFile(t, filepath.Join(dir, v1.ImageLayoutFile), []byte(content))
			var corrupt *CorruptError
			if _, err := Open(dir); !errors.As(err, &corrupt) {
				t.Fatal(err)
			}
		})
	}
}

func TestList(t *testing.T) {
	s := openStore(t)
	dump := dumpFolder(t, noise(1, 5000))
	for _, ref := range []string{"b:old", "a", "b:new"} {
		mustSave(t, s, ref, dump, "")
	}
	list, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, l := range list {
		refs = append(refs, l.Ref.String())
		if l.Err != nil || l.Freezer != FreezerCRIU || l.Created.IsZero() || l.Size < 5000 {
			t.Errorf("%+v", l)
		}
	}
	if want := []string{"a:latest", "b:new", "b:old"}; !slices.Equal(refs, want) {
		t.Fatalf("%q, want %q", refs, want)
	}
}

// blobs lists the store's blobs.
func blobs(t testing.TB, s *Store) []string {
	t.Helper()
	entries, err := os.ReadDir(s.blobDir())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestSavingOverATagMovesIt(t *testing.T) {
	s := openStore(t)
	old := mustSave(t, s, "shop", dumpFolder(t, noise(1, 5000)), "")
	mustSave(t, s, "other", dumpFolder(t, noise(3, 5000)), "")
	want := len(blobs(t, s))
	next := mustSave(t, s, "shop", dumpFolder(t, noise(2, 5000)), "")
	img, err := s.Get(t.Context(), "shop")
	if err != nil || img.Digest != next.Digest {
		t.Fatal(img, err)
	}
	if _, err := s.Get(t.Context(), old.Digest.String()); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if got := len(blobs(t, s)); got != want {
		t.Fatalf("%d blobs, want %d", got, want)
	}
	if err := s.Verify(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
}

func TestSecondTagKeepsAnImage(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	img := mustSave(t, s, "shop", dumpFolder(t, noise(1, 5000)), "")
	if err := s.Tag(ctx, "shop", Ref{"shop", "keep"}); err != nil {
		t.Fatal(err)
	}
	r, err := s.Remove(ctx, "shop:latest")
	if err != nil || r.Blobs != 0 || !slices.Equal(r.Refs, []Ref{{"shop", "latest"}}) {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := s.Tag(ctx, "shop:keep", Ref{"shop", "also"}); err != nil {
		t.Fatal(err)
	}
	r, err = s.Remove(ctx, img.Digest.Encoded()[:12])
	if err != nil || r.Blobs != 4 || len(r.Refs) != 2 || len(blobs(t, s)) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := s.Tag(ctx, "shop", Ref{"x", ""}); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
}

func TestResolve(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	img := mustSave(t, s, "shop", dumpFolder(t, noise(1, 5000)), "")
	hex := img.Digest.Encoded()
	for _, ref := range []string{"shop", "shop:latest", hex, hex[:6], "sha256:" + hex, "sha256:" + hex[:8]} {
		if d, err := s.Resolve(ctx, ref); err != nil || d != img.Digest {
			t.Errorf("Resolve(%q) = %v, %v", ref, d, err)
		}
	}
	for _, ref := range []string{hex[:5], "sha256:" + hex[:5], hex + "0", "shop:other"} {
		if d, err := s.Resolve(ctx, ref); err == nil {
			t.Errorf("Resolve(%q) = %v", ref, d)
		}
	}
	// A name goes before a digest of the same letters.
	other := mustSave(t, s, "x"+hex[:6], dumpFolder(t, noise(2, 5000)), "")
	if err := s.Tag(ctx, other.Ref.String(), Ref{hex[:6], ""}); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Resolve(ctx, hex[:6]); err != nil || d != other.Digest {
		t.Fatal(d, err)
	}
}

func TestAmbiguousPrefix(t *testing.T) {
	idx := &v1.Index{}
	for _, last := range []string{"00", "11"} {
		d := digest.Digest("sha256:abcdef" + strings.Repeat("2", 56) + last)
		setTag(idx, descriptor{ArtifactType: ArtifactType, Digest: d}, Ref{"n" + last, ""})
	}
	_, err := (&Store{}).resolve(idx, "abcdef")
	var ambiguous *AmbiguousError
	if !errors.As(err, &ambiguous) || len(ambiguous.Digests) != 2 {
		t.Fatal(err)
	}
}

// A store may hold images of other tools: they are neither listed nor lost.
func TestForeignImagesAreKept(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	mustSave(t, s, "shop", dumpFolder(t, noise(1, 5000)), "")
	put := func(mediaType string, data []byte) descriptor {
		d := descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
		writeFile(t, s.blobPath(d.Digest), data)
		return d
	}
	config, layer := put("application/x", []byte("{}")), put("application/y", []byte("layer"))
	data, _ := json.Marshal(manifest{Config: config, Layers: []descriptor{layer}})
	inner := put(v1.MediaTypeImageManifest, data)
	data, _ = json.Marshal(v1.Index{Manifests: []descriptor{inner}})
	outer := put(v1.MediaTypeImageIndex, data)
	if err := s.change(ctx, func(idx *v1.Index) error { idx.Manifests = append(idx.Manifests, outer); return nil }); err != nil {
		t.Fatal(err)
	}
	if list, err := s.List(ctx); err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if _, err := s.Remove(ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	if got := len(blobs(t, s)); got != 4 {
		t.Fatalf("%d blobs of 4 are left", got)
	}
	if err := s.Verify(ctx, ""); err != nil {
		t.Fatal(err)
	}
}

// While one image cannot be read, it is unknown which blobs it needs.
func TestDamageElsewhereKeepsBlobs(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	mustSave(t, s, "good", dumpFolder(t, noise(1, 5000)), "")
	bad := mustSave(t, s, "bad", dumpFolder(t, noise(2, 5000)), "")
	writeFile(t, s.blobPath(bad.Digest), []byte("{}"))
	list, err := s.List(ctx)
	if err != nil || len(list) != 2 || list[0].Err == nil || list[1].Err != nil {
		t.Fatal(list, err)
	}
	before := len(blobs(t, s))
	r, err := s.Remove(ctx, "good")
	if err != nil || r.Blobs != 0 || r.Kept == nil || len(blobs(t, s)) != before {
		t.Fatalf("%+v, %v", r, err)
	}
	r, err = s.Remove(ctx, "bad")
	if err != nil || r.Kept != nil || len(blobs(t, s)) != 0 {
		t.Fatalf("%+v, %v: %v are left", r, err, blobs(t, s))
	}
}

func TestCancelledContext(t *testing.T) {
	s := openStore(t)
	mustSave(t, s, "shop", dumpFolder(t, noise(1, 5000)), "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	unlock, err := s.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	_, createErr := s.Create(ctx)
	_, getErr := s.Get(ctx, "shop")
	_, removeErr := s.Remove(ctx, "shop")
	for _, err := range []error{createErr, getErr, removeErr, s.Verify(ctx, ""), s.Tag(ctx, "shop", Ref{"x", ""})} {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}
