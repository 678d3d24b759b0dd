package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

func (s *Store) readIndex() (*v1.Index, error) {
	data, err := readLimited(filepath.Join(s.dir, v1.ImageIndexFile), maxIndexSize)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errTooLarge) {
		return nil, &CorruptError{What: v1.ImageIndexFile, Cause: err}
	}
	if err != nil {
		return nil, err
	}
	return decodeIndex(data)
}

func decodeIndex(data []byte) (*v1.Index, error) {
	var idx v1.Index
	if err := json.Unmarshal(data, &idx); err != nil {
		return nil, &CorruptError{What: v1.ImageIndexFile, Cause: err}
	}
	if idx.SchemaVersion != 2 {
		return nil, &CorruptError{What: v1.ImageIndexFile, Cause: fmt.Errorf("schema version %d, not 2", idx.SchemaVersion)}
	}
	for _, d := range idx.Manifests {
		if d.ArtifactType == ArtifactType && (!goodDigest(d.Digest) || d.Size < 0) {
			return nil, &CorruptError{What: v1.ImageIndexFile, Cause: fmt.Errorf("digest %q or size %d is not possible", d.Digest, d.Size)}
		}
	}
	return &idx, nil
}

// change runs edit on the index and puts the result in its place, under the
// store's lock. Blobs that nothing names any more are not collected.
func (s *Store) change(ctx context.Context, edit func(*v1.Index) error) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return s.changeLocked(edit)
}

func (s *Store) changeLocked(edit func(*v1.Index) error) error {
	idx, err := s.readIndex()
	if err != nil {
		return err
	}
	if err := edit(idx); err != nil {
		return err
	}
	side, err := s.newSide()
	if err != nil {
		return err
	}
	defer func() { _ = side.remove() }()
	if err := s.stageIndex(side, *idx); err != nil {
		return err
	}
	return s.installIndex(side)
}

// stageIndex writes the next index.json to the side, durably.
func (s *Store) stageIndex(side *side, idx v1.Index) error {
	data, err := encodeIndex(idx)
	if err != nil {
		return err
	}
	return writeSynced(side.path(v1.ImageIndexFile), data)
}

// installIndex makes the staged index the store's. The rename is the moment at
// which the store is the new one; the sync makes that last.
func (s *Store) installIndex(side *side) error {
	if err := os.Rename(side.path(v1.ImageIndexFile), filepath.Join(s.dir, v1.ImageIndexFile)); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// encodeIndex signs the index with its own digest. index.json is the one file
// that no other names by digest, so without that a flipped bit in a tag would
// go unseen.
func encodeIndex(idx v1.Index) ([]byte, error) {
	idx.Annotations = cloneWith(idx.Annotations, AnnotationIndexSum, "")
	unsigned, err := json.Marshal(idx)
	if err != nil {
		return nil, err
	}
	idx.Annotations[AnnotationIndexSum] = digest.FromBytes(unsigned).String()
	return json.Marshal(idx)
}

func cloneWith(m map[string]string, key, value string) map[string]string {
	out := make(map[string]string, len(m)+1)
	for k, v := range m {
		out[k] = v
	}
	out[key] = value
	return out
}

// checkIndexSum finds any byte of index.json that is not as it was written.
// An index by another tool, without annotations, has no sum; it only has to
// be nothing but an index.
func checkIndexSum(data []byte) error {
	var idx v1.Index
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&idx); err != nil {
		return err
	}
	if idx.Annotations == nil {
		return nil
	}
	want, err := encodeIndex(idx)
	if err != nil {
		return err
	}
	if !bytes.Equal(data, want) {
		return errors.New("its content does not match its checksum: it was damaged, or changed by another program")
	}
	return nil
}

// refOf is the reference of an entry of the index. Entries without one, or of
// other artifact types, are not ours; they are left as they are.
func refOf(d descriptor) (Ref, bool) {
	if d.ArtifactType != ArtifactType {
		return Ref{}, false
	}
	ref, err := ParseRef(d.Annotations[v1.AnnotationRefName])
	return ref, err == nil
}

// setTag makes ref name the image d.
func setTag(idx *v1.Index, d descriptor, ref Ref) {
	dropTag(idx, ref)
	d.Annotations = cloneWith(d.Annotations, v1.AnnotationRefName, ref.String())
	idx.Manifests = append(idx.Manifests, d)
}

// dropTag removes ref from the index and reports whether it was there.
func dropTag(idx *v1.Index, ref Ref) bool {
	n := len(idx.Manifests)
	idx.Manifests = slices.DeleteFunc(idx.Manifests, func(d descriptor) bool {
		r, ok := refOf(d)
		return ok && r == ref
	})
	return len(idx.Manifests) < n
}

// minPrefix is the least number of hexadecimal digits that name an image.
const minPrefix = 6

// resolve finds the image that ref names: a tag, a digest, or a digest's
// prefix, with or without "sha256:". A tag goes before a prefix of the same
// letters.
func (s *Store) resolve(idx *v1.Index, ref string) (descriptor, error) {
	parsed, refErr := ParseRef(ref)
	for _, d := range idx.Manifests {
		if r, ok := refOf(d); ok && refErr == nil && r == parsed {
			return d, nil
		}
	}
	prefix, isPrefix := digestPrefix(ref)
	if !isPrefix && refErr != nil {
		return descriptor{}, refErr
	}
	if isPrefix {
		d, err := byPrefix(idx, prefix)
		if err != nil || d.Digest != "" {
			return d, err
		}
	}
	return descriptor{}, &NotFoundError{Ref: ref, Near: near(idx, ref)}
}

// digestPrefix returns the hexadecimal digits of a text that can be a digest
// or the start of one.
func digestPrefix(text string) (string, bool) {
	hex := strings.TrimPrefix(text, string(digest.SHA256)+":")
	if len(hex) < minPrefix || len(hex) > digest.SHA256.Size()*2 {
		return "", false
	}
	return hex, strings.Trim(hex, "0123456789abcdef") == ""
}

func byPrefix(idx *v1.Index, prefix string) (descriptor, error) {
	var found []descriptor
	for _, d := range idx.Manifests {
		if _, ok := refOf(d); !ok || !strings.HasPrefix(d.Digest.Encoded(), prefix) {
			continue
		}
		if !slices.ContainsFunc(found, func(o descriptor) bool { return o.Digest == d.Digest }) {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 0:
		return descriptor{}, nil
	case 1:
		return found[0], nil
	}
	err := &AmbiguousError{Prefix: prefix}
	for _, d := range found {
		err.Digests = append(err.Digests, d.Digest)
	}
	return descriptor{}, err
}
