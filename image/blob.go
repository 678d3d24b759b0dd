package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Limits of what is read into memory at once, in bytes.
const (
	maxLayoutSize   = 4 << 10
	maxIndexSize    = 64 << 20
	maxManifestSize = 4 << 20 // as registries have it
	maxConfigSize   = 256 << 20
)

var errTooLarge = errors.New("it is larger than can be true")

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > limit {
		return nil, errTooLarge
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// readBlob returns the content of a small blob, checked against its digest.
// owner and what say in errors whose blob it is.
func (s *Store) readBlob(owner, what string, d descriptor, limit int64) ([]byte, error) {
	if !goodDigest(d.Digest) {
		return nil, &CorruptError{owner, what, fmt.Errorf("%q is not a sha256 digest", d.Digest)}
	}
	data, err := readLimited(s.blobPath(d.Digest), limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &CorruptError{owner, what, errMissing}
	case errors.Is(err, errTooLarge):
		return nil, &CorruptError{owner, what, err}
	case err != nil:
		return nil, fmt.Errorf("cannot read %s of image %q: %w", what, owner, err)
	case int64(len(data)) != d.Size:
		return nil, &CorruptError{owner, what, &sizeError{int64(len(data)), d.Size}}
	case digest.FromBytes(data) != d.Digest:
		return nil, &CorruptError{owner, what, errDigest}
	}
	return data, nil
}

var (
	errMissing = errors.New("the blob is missing")
	errDigest  = errors.New("its content does not match its digest")
	errContent = errors.New("what it decompresses to does not match its digest")
)

type sizeError struct{ got, want int64 }

func (e *sizeError) Error() string {
	return fmt.Sprintf("it has %d bytes instead of %d", e.got, e.want)
}

// readManifest reads the manifest of one of our images. owner is the
// reference the caller knows it by.
func (s *Store) readManifest(owner string, d descriptor) (*manifest, error) {
	data, err := s.readBlob(owner, "manifest", d, maxManifestSize)
	if err != nil {
		return nil, s.goneOr(err, owner, d.Digest)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, &CorruptError{owner, "manifest", err}
	}
	if m.ArtifactType != ArtifactType {
		return nil, &CorruptError{owner, "manifest", fmt.Errorf("artifact type %q, not %q", m.ArtifactType, ArtifactType)}
	}
	return &m, nil
}

// goneOr is err, or ErrNotFound when the image is no longer in the index: then
// it was not damaged but removed by another while it was being read.
func (s *Store) goneOr(err error, owner string, manifest digest.Digest) error {
	if !errors.Is(err, errMissing) {
		return err
	}
	idx, idxErr := s.readIndex()
	if idxErr != nil {
		return err
	}
	if slices.ContainsFunc(idx.Manifests, func(d descriptor) bool { return d.Digest == manifest }) {
		return err
	}
	return &NotFoundError{Ref: owner, Near: near(idx, owner)}
}

// references lists the blobs that d names directly. It understands every OCI
// manifest and index, not only ours, since a store may hold both.
func (s *Store) references(owner string, d descriptor) ([]descriptor, error) {
	if d.MediaType != v1.MediaTypeImageManifest && d.MediaType != v1.MediaTypeImageIndex {
		return nil, nil
	}
	data, err := s.readBlob(owner, "manifest", d, maxManifestSize)
	if err != nil {
		return nil, err
	}
	var m struct {
		Config    *descriptor  `json:"config"`
		Layers    []descriptor `json:"layers"`
		Manifests []descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, &CorruptError{owner, "manifest", err}
	}
	refs := append(m.Layers, m.Manifests...)
	if m.Config != nil {
		refs = append(refs, *m.Config)
	}
	return refs, nil
}

// ownerName is how errors name the image of an entry of the index.
func ownerName(d descriptor) string {
	if name := d.Annotations[v1.AnnotationRefName]; name != "" {
		return name
	}
	return d.Digest.String()
}
