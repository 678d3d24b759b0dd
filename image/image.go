package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/opencontainers/go-digest"
)

// Image is one saved image, as it was found or made. It holds nothing open:
// when another removes the image meanwhile, Extract says so.
type Image struct {
	// Ref is a tag of the image; zero when it was asked for by digest.
	Ref Ref
	// Digest is the manifest's: it stands for the whole image.
	Digest digest.Digest
	Config Config

	store  *Store
	layers []Layer
	meta   int64 // size of manifest and config
}

// Get finds the image that ref names: a tag, a digest, or a unique prefix of
// a digest with at least six digits. The errors are *NotFoundError (which is
// ErrNotFound), *AmbiguousError, *RefError, *CorruptError, *VersionError.
func (s *Store) Get(ctx context.Context, ref string) (*Image, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	idx, err := s.readIndex()
	if err != nil {
		return nil, err
	}
	d, err := s.resolve(idx, ref)
	if err != nil {
		return nil, err
	}
	return s.load(ref, d)
}

// Resolve returns the digest of the image that ref names. Errors as of Get.
func (s *Store) Resolve(ctx context.Context, ref string) (digest.Digest, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	idx, err := s.readIndex()
	if err != nil {
		return "", err
	}
	d, err := s.resolve(idx, ref)
	return d.Digest, err
}

func (s *Store) load(owner string, d descriptor) (*Image, error) {
	m, err := s.readManifest(owner, d)
	if err != nil {
		return nil, err
	}
	layers, err := layersOf(m)
	if err != nil {
		return nil, &CorruptError{owner, "manifest", err}
	}
	if m.Config.MediaType != MediaTypeConfig {
		return nil, &CorruptError{owner, "manifest", fmt.Errorf("config of type %q, not %q", m.Config.MediaType, MediaTypeConfig)}
	}
	data, err := s.readBlob(owner, "config", m.Config, maxConfigSize)
	if err != nil {
		return nil, s.goneOr(err, owner, d.Digest)
	}
	c, err := decodeConfig(data)
	var version *VersionError
	switch {
	case errors.As(err, &version):
		return nil, fmt.Errorf("cannot read image %q: %w", owner, err)
	case err != nil:
		return nil, &CorruptError{owner, "config", err}
	}
	if err := agree(c, layers); err != nil {
		return nil, &CorruptError{owner, "manifest", err}
	}
	img := &Image{Digest: d.Digest, Config: c, store: s, layers: layers, meta: d.Size + m.Config.Size}
	if ref, err := ParseRef(owner); err == nil && ref.String() == ownerName(d) {
		img.Ref = ref
	}
	return img, nil
}

// Layers lists the image's layers, in the manifest's order.
func (i *Image) Layers() []Layer { return slices.Clone(i.layers) }

// Complete says whether all layers are there, in their full length: if not,
// with a *CorruptError. It takes no time. Extract reads what it extracts, and
// checks the content; Verify reads all.
func (i *Image) Complete() error {
	for _, l := range i.layers {
		info, err := os.Stat(i.store.blobPath(l.Digest))
		if err == nil && info.Size() != l.Size {
			err = fmt.Errorf("%d bytes long, not %d", info.Size(), l.Size)
		}
		if err != nil {
			return &CorruptError{i.name(), l.String(), err}
		}
	}
	return nil
}

// Size is what the image takes on disk, in bytes. Layers may be shared with
// other images.
func (i *Image) Size() int64 {
	n := i.meta
	for _, l := range i.layers {
		n += l.Size
	}
	return n
}

func (i *Image) name() string {
	if i.Ref != (Ref{}) {
		return i.Ref.String()
	}
	return i.Digest.String()
}

func layersOf(m *manifest) ([]Layer, error) {
	layers := make([]Layer, 0, len(m.Layers))
	for _, d := range m.Layers {
		l, err := layerOf(d)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(layers, l.sameAs) {
			return nil, fmt.Errorf("%s comes twice", l)
		}
		layers = append(layers, l)
	}
	return layers, nil
}

// agree makes sure that config and layers speak of the same binary and
// folders.
func agree(c Config, layers []Layer) error {
	var binary digest.Digest
	var folders []string
	for _, l := range layers {
		switch l.Kind {
		case LayerInit:
			binary = l.ContentDigest
		case LayerFiles:
			folders = append(folders, l.Path)
		}
	}
	if binary != c.Init {
		return fmt.Errorf("its init layer is of %q, its config of %q", binary, c.Init)
	}
	if !slices.Equal(folders, c.Capture) {
		return fmt.Errorf("its layers are of folders %q, its config of %q", folders, c.Capture)
	}
	return nil
}

// sameAs reports whether an image can have only one of the two.
func (l Layer) sameAs(o Layer) bool { return l.Kind == o.Kind && l.Path == o.Path }

// layerOf refuses a kind it does not know: an image booted without a part of
// itself is another image.
func layerOf(d descriptor) (Layer, error) {
	kind, ok := kindOf(d.MediaType)
	if !ok {
		return Layer{}, fmt.Errorf("layer of unknown type %q", d.MediaType)
	}
	if !goodDigest(d.Digest) || d.Size < 0 {
		return Layer{}, fmt.Errorf("%s layer: digest %q or size %d is not possible", kind, d.Digest, d.Size)
	}
	size, err := strconv.ParseInt(d.Annotations[AnnotationContentSize], 10, 64)
	if err != nil || size < 0 {
		return Layer{}, fmt.Errorf("%s layer: content size %q is not possible", kind, d.Annotations[AnnotationContentSize])
	}
	l := Layer{Kind: kind, Digest: d.Digest, Size: d.Size, ContentSize: size,
		Path: d.Annotations[AnnotationPath], ContentDigest: digest.Digest(d.Annotations[AnnotationContentDigest])}
	if kind == LayerInit && !goodDigest(l.ContentDigest) {
		return Layer{}, fmt.Errorf("init layer: content digest %q is not possible", l.ContentDigest)
	}
	return l, nil
}

func (l Layer) descriptor() descriptor {
	notes := map[string]string{AnnotationContentSize: strconv.FormatInt(l.ContentSize, 10)}
	if l.Path != "" {
		notes[AnnotationPath] = l.Path
	}
	if l.ContentDigest != "" {
		notes[AnnotationContentDigest] = l.ContentDigest.String()
	}
	return descriptor{MediaType: l.Kind.mediaType(), Digest: l.Digest, Size: l.Size, Annotations: notes}
}

func (l Layer) String() string {
	if l.Path != "" {
		return fmt.Sprintf("%s layer of %s (%s)", l.Kind, l.Path, l.Digest)
	}
	return fmt.Sprintf("%s layer (%s)", l.Kind, l.Digest)
}
