package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// Remove takes the tag ref from its image, or, when ref is a digest or a
// prefix of one, all the image's tags. Then it deletes the blobs that nothing
// names any more. Blobs that a writer in progress means to use are safe: the
// writer has a link of its own to each.
func (s *Store) Remove(ctx context.Context, ref string) (Removed, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return Removed{}, err
	}
	defer unlock()
	r, err := s.untagLocked(ref)
	if errors.Is(err, unix.ENOSPC) {
		// Even the new index, smaller as it is, needs room beside the old.
		if rmErr := os.Remove(s.reservePath()); rmErr == nil {
			r, err = s.untagLocked(ref)
		}
	}
	if errors.Is(err, ErrNotFound) {
		return Removed{}, err // it names the image itself
	}
	if err != nil {
		return Removed{}, fmt.Errorf("cannot remove image %q: %w", ref, err)
	}
	if err := s.sweep(); err != nil {
		return r, err
	}
	r.Blobs, r.Bytes, r.Kept, err = s.collectLocked(ctx)
	// Should there be no room for it, the next removal tries again.
	_ = s.setReserve()
	return r, err
}

func (s *Store) untagLocked(ref string) (Removed, error) {
	var r Removed
	err := s.changeLocked(func(idx *v1.Index) error {
		d, err := s.resolve(idx, ref)
		if err != nil {
			return err
		}
		r.Digest = d.Digest
		for _, e := range tagsOf(idx, d, ref) {
			dropTag(idx, e)
			r.Refs = append(r.Refs, e)
		}
		return nil
	})
	return r, err
}

// reserveSize is the room kept for removing images when the disk is full, in
// bytes.
const reserveSize = 128 << 10

func (s *Store) reservePath() string { return filepath.Join(s.dir, reserveName) }

// setReserve makes sure that there is a file of blocks which can be given up.
func (s *Store) setReserve() error {
	if _, err := os.Lstat(s.reservePath()); err == nil {
		return nil
	}
	err := os.WriteFile(s.reservePath(), make([]byte, reserveSize), 0o600)
	if err != nil {
		return errors.Join(err, os.Remove(s.reservePath()))
	}
	return nil
}

// tagsOf lists what a removal of ref, found to be d, takes away.
func tagsOf(idx *v1.Index, d descriptor, ref string) []Ref {
	if r, err := ParseRef(ref); err == nil && r.String() == d.Annotations[v1.AnnotationRefName] {
		return []Ref{r}
	}
	var refs []Ref
	for _, e := range idx.Manifests {
		if r, ok := refOf(e); ok && e.Digest == d.Digest {
			refs = append(refs, r)
		}
	}
	return refs
}

// collectLocked deletes every blob that the index does not lead to. While
// some manifest cannot be read it deletes nothing and says why in kept.
func (s *Store) collectLocked(ctx context.Context) (blobs int, bytes int64, kept, err error) {
	live, kept := s.liveLocked(ctx)
	if kept != nil {
		return 0, 0, kept, ctx.Err()
	}
	entries, err := os.ReadDir(s.blobDir())
	if err != nil {
		return 0, 0, nil, fmt.Errorf("cannot list the image store's blobs: %w", err)
	}
	var errs []error
	for _, e := range entries {
		d := digest.NewDigestFromEncoded(digest.SHA256, e.Name())
		if live[d] || !goodDigest(d) {
			continue
		}
		n, err := removeFile(filepath.Join(s.blobDir(), e.Name()))
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot delete blob: %w", err))
			continue
		}
		blobs, bytes = blobs+1, bytes+n
	}
	return blobs, bytes, nil, errors.Join(errs...)
}

func removeFile(path string) (int64, error) {
	st, err := os.Lstat(path)
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// liveLocked is the set of blobs that the index leads to.
func (s *Store) liveLocked(ctx context.Context) (map[digest.Digest]bool, error) {
	idx, err := s.readIndex()
	if err != nil {
		return nil, err
	}
	live := make(map[digest.Digest]bool)
	err = s.walk(ctx, idx, func(_ string, d descriptor) error {
		live[d.Digest] = true
		return nil
	})
	return live, err
}

// walk calls visit once for every blob the index leads to, a manifest before
// what it names. An error of visit keeps walk from looking into that blob; all
// errors are returned together.
func (s *Store) walk(ctx context.Context, idx *v1.Index, visit func(owner string, d descriptor) error) error {
	var errs []error
	seen := make(map[digest.Digest]bool)
	var into func(owner string, d descriptor)
	into = func(owner string, d descriptor) {
		if seen[d.Digest] || ctx.Err() != nil {
			return
		}
		seen[d.Digest] = true
		err := visit(owner, d)
		var refs []descriptor
		if err == nil {
			refs, err = s.references(owner, d)
		}
		if err != nil {
			errs = append(errs, err)
		}
		for _, r := range refs {
			into(owner, r)
		}
	}
	for _, d := range idx.Manifests {
		into(ownerName(d), d)
	}
	return errors.Join(append(errs, ctx.Err())...)
}
