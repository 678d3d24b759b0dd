package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Verify reads every blob of the image that ref names, of all images when it
// is "", and compares digests and sizes; then it checks the manifest, the
// config and the store's own files. It returns all damage it finds, joined:
// *CorruptError for each.
func (s *Store) Verify(ctx context.Context, ref string) error {
	for {
		if err := s.checkLayout(); err != nil {
			return err
		}
		data, err := readLimited(filepath.Join(s.dir, v1.ImageIndexFile), maxIndexSize)
		if err == nil {
			err = s.verifyAt(ctx, data, ref)
		}
		if !errors.Is(err, errMissing) || !s.changedSince(data) {
			return err
		}
		// An image was removed while it was being read: look again.
	}
}

func (s *Store) changedSince(index []byte) bool {
	now, err := readLimited(filepath.Join(s.dir, v1.ImageIndexFile), maxIndexSize)
	return err == nil && !bytes.Equal(now, index)
}

// verifyAt is Verify of the store as this index.json has it.
func (s *Store) verifyAt(ctx context.Context, data []byte, ref string) error {
	idx, err := decodeIndex(data)
	if err != nil {
		return err
	}
	if err := checkIndexSum(data); err != nil {
		return &CorruptError{What: v1.ImageIndexFile, Cause: err}
	}
	if ref != "" {
		d, err := s.resolve(idx, ref)
		if err != nil {
			return err
		}
		idx = &v1.Index{Manifests: []descriptor{d}}
	}
	// Blobs first: damage there explains all that follows.
	err = s.walk(ctx, idx, func(owner string, d descriptor) error {
		return s.verifyBlob(ctx, owner, d)
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range idx.Manifests {
		if _, ok := refOf(d); ok {
			img, err := s.load(ownerName(d), d)
			if err == nil {
				err = img.checkInit(ctx)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// verifyBlob reads one blob whole, whatever its size.
func (s *Store) verifyBlob(ctx context.Context, owner string, d descriptor) error {
	what := fmt.Sprintf("blob %s (%s)", d.Digest, d.MediaType)
	if !goodDigest(d.Digest) {
		return &CorruptError{owner, what, errors.New("it is not a sha256 digest")}
	}
	f, err := os.Open(s.blobPath(d.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return &CorruptError{owner, what, errMissing}
	}
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", what, err)
	}
	defer func() { _ = f.Close() }()
	hash := d.Digest.Algorithm().Digester()
	n, err := io.CopyBuffer(hash.Hash(), &ctxReader{ctx, f}, make([]byte, 256<<10))
	switch {
	case err != nil:
		return fmt.Errorf("cannot read %s: %w", what, err)
	case n != d.Size:
		return &CorruptError{owner, what, &sizeError{n, d.Size}}
	case hash.Digest() != d.Digest:
		return &CorruptError{owner, what, errDigest}
	}
	return nil
}

// ctxReader ends a long read when ctx does.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
