package image_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/seancehq/seance/image"
)

// A dump is saved, found by its name, and given back.
func Example() {
	ctx := context.Background()
	top, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(top) }()
	if err := example(ctx, top); err != nil {
		log.Fatal(err)
	}
	// Output:
	// saved shop:before-migration, booted by criu
	// pages-1.img: memory
}

func example(ctx context.Context, top string) error {
	dump := filepath.Join(top, "dump")
	if err := os.Mkdir(dump, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dump, "pages-1.img"), []byte("memory"), 0o600); err != nil {
		return err
	}
	store, err := image.Open(filepath.Join(top, "store"))
	if err != nil {
		return err
	}
	w, err := store.Create(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = w.Abort() }()
	if _, err := w.AddTree(ctx, image.LayerMemory, dump, image.IsMemoryFile); err != nil {
		return err
	}
	ref := image.Ref{Name: "shop", Tag: "before-migration"}
	if _, err := w.Commit(ctx, ref, image.Config{Freezer: image.FreezerCRIU}); err != nil {
		return err
	}

	img, err := store.Get(ctx, "shop:before-migration")
	if err != nil {
		return err
	}
	fmt.Printf("saved %s, booted by %s\n", img.Ref, img.Config.Freezer)
	if err := img.Extract(ctx, image.LayerMemory, filepath.Join(top, "out")); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(top, "out", "pages-1.img"))
	if err != nil {
		return err
	}
	fmt.Printf("pages-1.img: %s\n", data)
	return nil
}
