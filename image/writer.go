package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
)

// Writer makes one image. The Add methods may run at the same time; Commit or
// Abort comes after all of them have returned.
type Writer struct {
	store *Store
	side  *side
	enc   *zstd.Encoder
	syncs sync.WaitGroup

	mu     sync.Mutex
	closed bool
	layers []Layer
	// blobs are the files on the side, by the digest that will name them.
	blobs map[digest.Digest]string
	// err is the first failure; an image with a part missing is none.
	err error
}

// Create begins a new image. What dead writers have left is swept away first.
// End with Commit or Abort.
func (s *Store) Create(ctx context.Context) (*Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.sweep(); err != nil {
		return nil, err
	}
	side, err := s.newSide()
	if err != nil {
		return nil, fmt.Errorf("cannot begin an image: %w", s.explain(err))
	}
	enc, err := newEncoder()
	if err != nil {
		return nil, errors.Join(err, side.remove())
	}
	return &Writer{store: s, side: side, enc: enc, blobs: make(map[digest.Digest]string)}, nil
}

// AddTree adds a layer with those files of the folder dir whose names match
// takes (nil: all). Of LayerCRIU and LayerMemory these are regular files right
// in dir, and only names and content are kept. Of LayerFiles it is the whole
// tree with all that belongs to it, as AddFolder of dir's own path; match gets
// paths from dir, and where it refuses a folder nothing below is added.
func (w *Writer) AddTree(ctx context.Context, kind LayerKind, dir string, match func(name string) bool) (Layer, error) {
	switch kind {
	case LayerCRIU, LayerMemory:
		return w.addTree(ctx, Layer{Kind: kind}, dir, match)
	case LayerFiles:
		path, err := filepath.Abs(dir)
		if err != nil {
			return Layer{}, w.fail(err)
		}
		return w.AddFolder(ctx, path, dir, match)
	}
	return Layer{}, w.fail(fmt.Errorf("cannot add a folder as layer %q", kind))
}

// AddFolder adds the captured folder that the image knows as path (absolute)
// and that can be read at dir.
func (w *Writer) AddFolder(ctx context.Context, path, dir string, match func(name string) bool) (Layer, error) {
	if !filepath.IsAbs(path) {
		return Layer{}, w.fail(fmt.Errorf("cannot capture folder %q: its path is not absolute", path))
	}
	return w.addTree(ctx, Layer{Kind: LayerFiles, Path: filepath.Clean(path)}, dir, match)
}

func (w *Writer) addTree(ctx context.Context, l Layer, dir string, match func(name string) bool) (Layer, error) {
	l, err := w.addBlob(ctx, l, func(p *packer) error {
		return packTree(ctx, p, l.Kind, dir, match)
	})
	if err != nil {
		return Layer{}, w.fail(fmt.Errorf("cannot save %s layer from %q: %w", l.Kind, dir, w.store.explain(err)))
	}
	return l, nil
}

// AddFile adds a layer that is one file; kind must be LayerInit. known is the
// digest of the file's content when the caller has it, else "". When an image
// of the store has that content already, its blob is used again: then nothing
// is compressed, and with known nothing is read.
func (w *Writer) AddFile(ctx context.Context, kind LayerKind, path string, known digest.Digest) (Layer, error) {
	l, err := w.addFile(ctx, kind, path, known)
	if err != nil {
		return Layer{}, w.fail(fmt.Errorf("cannot save %s layer from %q: %w", kind, path, w.store.explain(err)))
	}
	return l, nil
}

func (w *Writer) addFile(ctx context.Context, kind LayerKind, path string, known digest.Digest) (Layer, error) {
	if kind != LayerInit {
		return Layer{}, fmt.Errorf("layer %q is not a single file", kind)
	}
	f, err := os.Open(path)
	if err != nil {
		return Layer{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return Layer{}, err
	}
	if !info.Mode().IsRegular() {
		return Layer{}, errors.New("not a regular file")
	}
	content := known
	if content == "" {
		if content, err = digest.SHA256.FromReader(&ctxReader{ctx, f}); err != nil {
			return Layer{}, err
		}
	}
	if l, ok := w.reuse(ctx, kind, content, info.Size()); ok {
		return l, w.keep(l)
	}
	return w.addBlob(ctx, Layer{Kind: kind, ContentDigest: content}, func(p *packer) error {
		hash := digest.SHA256.Digester()
		in := io.TeeReader(io.NewSectionReader(f, 0, info.Size()), hash.Hash())
		if err := p.readExactly(in, info.Size()); err != nil {
			return err
		}
		if hash.Digest() != content {
			return fmt.Errorf("its content is not that of digest %s", content)
		}
		return nil
	})
}

// reuse finds a layer of the store with the same content and takes a link to
// its blob, so that it stays even if its image is removed before Commit. Where
// links cannot be made, the file is simply packed again.
func (w *Writer) reuse(ctx context.Context, kind LayerKind, content digest.Digest, size int64) (Layer, bool) {
	idx, err := w.store.readIndex()
	if err != nil {
		return Layer{}, false
	}
	for _, d := range slices.Backward(idx.Manifests) {
		if _, ok := refOf(d); !ok || ctx.Err() != nil {
			continue
		}
		m, err := w.store.readManifest(ownerName(d), d)
		if err != nil {
			continue
		}
		layers, _ := layersOf(m)
		for _, l := range layers {
			if l.Kind == kind && l.ContentDigest == content && l.ContentSize == size && w.link(l) {
				return l, true
			}
		}
	}
	return Layer{}, false
}

func (w *Writer) link(l Layer) bool {
	to := w.side.path(l.Digest.Encoded())
	if err := os.Link(w.store.blobPath(l.Digest), to); err != nil && !errors.Is(err, os.ErrExist) {
		return false
	}
	info, err := os.Stat(to)
	if err != nil || info.Size() != l.Size {
		_ = os.Remove(to)
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blobs[l.Digest] = to
	return true
}

// addBlob packs what fill writes into a new blob and keeps the layer. The blob
// is synced while the caller goes on; Commit waits for that.
func (w *Writer) addBlob(ctx context.Context, l Layer, fill func(*packer) error) (Layer, error) {
	if err := w.usable(); err != nil {
		return Layer{}, err
	}
	f, err := os.CreateTemp(w.side.dir, "blob-")
	if err != nil {
		return l, err
	}
	p := newPacker(ctx, w.enc, f)
	err = fill(p)
	l.ContentSize = p.content
	var packErr error
	l.Digest, l.Size, packErr = p.close()
	if err == nil {
		err = packErr
	}
	if err != nil {
		return l, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	w.mu.Lock()
	w.blobs[l.Digest] = f.Name()
	w.mu.Unlock()
	w.syncs.Go(func() {
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			_ = w.fail(err)
		}
	})
	return l, w.keep(l)
}

func (w *Writer) keep(l Layer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(w.layers, l.sameAs) {
		return fmt.Errorf("the image has a %s layer already", l.Kind)
	}
	w.layers = append(w.layers, l)
	return nil
}

func (w *Writer) usable() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	return w.err
}

func (w *Writer) fail(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && !errors.Is(err, ErrClosed) {
		w.err = err
	}
	return err
}

// Abort gives the image up and deletes what was written. After Commit it does
// nothing, so that it can be deferred.
func (w *Writer) Abort() error {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.mu.Unlock()
	if closed {
		return nil
	}
	return w.release()
}

func (w *Writer) release() error {
	w.syncs.Wait()
	return errors.Join(w.enc.Close(), w.side.remove())
}
