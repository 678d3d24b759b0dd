package image

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestSavedImageComesBack(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	memory := append(noise(1, 3<<20), make([]byte, 2<<20)...)
	dump := dumpFolder(t, memory)
	initPath := filepath.Join(t.TempDir(), "init")
	writeFile(t, initPath, noise(2, 1<<20+7))
	saved := mustSave(t, s, "shop", dump, initPath)

	img, err := s.Get(ctx, "shop:latest")
	if err != nil {
		t.Fatal(err)
	}
	if img.Digest != saved.Digest || img.Ref != saved.Ref || img.Config.Init == "" {
		t.Fatalf("got %+v, saved %+v", img, saved)
	}
	criu, mem, bin := t.TempDir(), t.TempDir(), t.TempDir()
	for kind, dir := range map[LayerKind]string{LayerCRIU: criu, LayerMemory: mem, LayerInit: bin} {
		if err := img.Extract(ctx, kind, dir); err != nil {
			t.Fatal(err)
		}
	}
	sameTree(t, dump, criu, IsCRIUFile)
	sameTree(t, dump, mem, IsMemoryFile)
	if !bytes.Equal(readFile(t, filepath.Join(bin, InitName)), readFile(t, initPath)) {
		t.Fatal("the init binary is not as it was saved")
	}
	if st, _ := os.Stat(filepath.Join(bin, InitName)); st.Mode().Perm() != 0o755 {
		t.Fatalf("mode %v", st.Mode())
	}
	if err := s.Verify(ctx, ""); err != nil {
		t.Fatal(err)
	}
	r, err := s.Remove(ctx, "shop")
	if err != nil || r.Blobs != 5 || r.Kept != nil {
		t.Fatalf("removed %+v, %v", r, err)
	}
	if _, err := s.Get(ctx, "shop"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
}
