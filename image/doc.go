// Package image is the saved image: its format, and the store that keeps it.
//
// A store is a directory in the OCI image layout (oci-layout, index.json,
// blobs/sha256). A saved image is an OCI manifest with an artifact type of
// seance's own. Its [Config] says what a reader needs without booting; its
// layers hold CRIU's files, the memory, the init binary and the captured
// folders. docs/image-format.md specifies all of it.
//
//	store, err := image.Open(dir)
//	w, err := store.Create(ctx)
//	defer w.Abort() // no effect after Commit
//	_, err = w.AddTree(ctx, image.LayerCRIU, dump, image.IsCRIUFile)
//	_, err = w.AddTree(ctx, image.LayerMemory, dump, image.IsMemoryFile)
//	err = w.AddFile(ctx, image.LayerInit, "/path/to/init", "")
//	img, err := w.Commit(ctx, ref, config)
//
//	img, err := store.Get(ctx, "shop:before-migration")
//	err = img.Extract(ctx, image.LayerCRIU, dir)
//
// # What is on disk is old or new, never between
//
// A [Writer] collects its blobs in a folder of its own under tmp and syncs
// them. Commit takes the store's lock, renames them to their place, and
// replaces index.json last. A crash before that leaves the old store and some
// files nothing names, which the next writer or removal sweeps away.
//
// # Who waits for whom
//
// There are two kinds of lock, both flock(2), so they hold between goroutines
// and between processes alike, and end with their owner however it ends.
//
//   - The store's lock (file "lock", exclusive) serialises changes of
//     index.json and the collection of blobs nothing names. Take it outermost.
//   - A writer's lock (on its folder under tmp, exclusive, for the writer's
//     life) says that its owner lives.
//
// Readers take no lock: index.json and blobs are only ever replaced whole. A
// writer that reuses a blob of the store takes a hard link of it into its own
// folder, so no collection can take the content away.
package image
