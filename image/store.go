package image

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Names in a store's directory.
const (
	lockName    = "lock"
	tmpName     = "tmp"
	reserveName = "reserve"
)

// layoutContent is oci-layout as this package writes it. It ends without a
// newline, so that no byte of it can be cut off unseen.
const layoutContent = `{"imageLayoutVersion":"` + v1.ImageLayoutVersion + `"}`

// Store is a directory of saved images. It has no state but what is on disk,
// and is safe for concurrent use, by other processes too.
type Store struct{ dir string }

// Open opens the store in dir, and makes it when dir is missing or empty.
// When dir holds something else, errors.Is(err, ErrNotStore).
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open image store %q: %w", dir, err)
	}
	s := &Store{dir}
	err = s.checkLayout()
	if errors.Is(err, fs.ErrNotExist) {
		err = s.create()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open image store %q: %w", dir, err)
	}
	return s, nil
}

// Dir is the store's absolute path.
func (s *Store) Dir() string { return s.dir }

func (s *Store) checkLayout() error {
	data, err := readLimited(filepath.Join(s.dir, v1.ImageLayoutFile), maxLayoutSize)
	if err != nil {
		return err
	}
	// A map, since encoding/json takes a struct's field name in any case.
	var layout map[string]string
	if err := json.Unmarshal(data, &layout); err != nil {
		return &CorruptError{What: v1.ImageLayoutFile, Cause: err}
	}
	if v := layout["imageLayoutVersion"]; v != v1.ImageLayoutVersion {
		return &CorruptError{What: v1.ImageLayoutFile,
			Cause: fmt.Errorf("layout version %q, not %q", v, v1.ImageLayoutVersion)}
	}
	return nil
}

// create makes an empty store. oci-layout comes last, so that a store which
// has it is whole.
func (s *Store) create() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if err := s.onlyOurs(); err != nil {
		return err
	}
	unlock, err := s.lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	if s.checkLayout() == nil {
		return nil // another process was first
	}
	if err := s.setReserve(); err != nil {
		return err
	}
	for _, d := range []string{s.blobDir(), filepath.Join(s.dir, tmpName)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	side, err := s.newSide()
	if err != nil {
		return err
	}
	defer func() { _ = side.remove() }()
	empty := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	if err := s.stageIndex(side, empty); err != nil {
		return err
	}
	if err := s.installIndex(side); err != nil {
		return err
	}
	if err := writeSynced(side.path(v1.ImageLayoutFile), []byte(layoutContent)); err != nil {
		return err
	}
	if err := os.Rename(side.path(v1.ImageLayoutFile), filepath.Join(s.dir, v1.ImageLayoutFile)); err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Dir(s.blobDir())), syncDir(s.dir), syncDir(filepath.Dir(s.dir)))
}

// onlyOurs refuses a folder with anything in it but what an interrupted
// create leaves.
func (s *Store) onlyOurs() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	ours := []string{v1.ImageBlobsDir, v1.ImageIndexFile, v1.ImageLayoutFile, tmpName, lockName, reserveName}
	for _, e := range entries {
		if !slices.Contains(ours, e.Name()) {
			return fmt.Errorf("%w: the folder has no %s but has %q", ErrNotStore, v1.ImageLayoutFile, e.Name())
		}
	}
	return nil
}

// List returns a line for every tag, sorted by name, then newest first, then
// by tag. An image whose manifest cannot be read has its line too.
func (s *Store) List(ctx context.Context) ([]Summary, error) {
	idx, err := s.readIndex()
	if err != nil {
		return nil, err
	}
	list := []Summary{}
	for _, d := range idx.Manifests {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ref, ok := refOf(d)
		if !ok {
			continue
		}
		sum, err := s.summary(ref, d)
		if s.vanished(err) {
			continue
		}
		list = append(list, sum)
	}
	slices.SortStableFunc(list, func(a, b Summary) int {
		return cmp.Or(cmp.Compare(a.Ref.Name, b.Ref.Name), b.Created.Compare(a.Created), cmp.Compare(a.Ref.Tag, b.Ref.Tag))
	})
	return list, nil
}

func (s *Store) summary(ref Ref, d descriptor) (Summary, error) {
	sum := Summary{Ref: ref, Digest: d.Digest}
	m, err := s.readManifest(ref.String(), d)
	if err != nil {
		sum.Err = err
		return sum, err
	}
	sum.Freezer = Freezer(m.Annotations[AnnotationFreezer])
	sum.Created, _ = time.Parse(time.RFC3339Nano, m.Annotations[v1.AnnotationCreated])
	sum.Size = d.Size + m.Config.Size
	for _, l := range m.Layers {
		sum.Size += l.Size
	}
	return sum, nil
}

// vanished reports whether err is of an image that was removed while it was
// being read.
func (s *Store) vanished(err error) bool {
	var nf *NotFoundError
	return errors.As(err, &nf)
}

// Tag gives an image one more tag, and takes it from the image that had it.
func (s *Store) Tag(ctx context.Context, ref string, to Ref) error {
	err := s.change(ctx, func(idx *v1.Index) error {
		d, err := s.resolve(idx, ref)
		if err != nil {
			return err
		}
		setTag(idx, d, to)
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot tag image %q: %w", ref, err)
	}
	return nil
}

func (s *Store) blobDir() string {
	return filepath.Join(s.dir, v1.ImageBlobsDir, string(digest.SHA256))
}

// blobPath needs a digest for which goodDigest holds.
func (s *Store) blobPath(d digest.Digest) string {
	return filepath.Join(s.blobDir(), d.Encoded())
}

// goodDigest reports whether d is a well-formed sha256 digest, the only kind
// in a store of ours. It must hold before d becomes part of a path.
func goodDigest(d digest.Digest) bool {
	return d.Validate() == nil && d.Algorithm() == digest.SHA256
}
