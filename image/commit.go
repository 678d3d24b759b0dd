package image

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// Commit makes the image part of the store under the tag ref, durably. When
// another image has the tag, it loses it, and is deleted unless it has others.
// What the Config's fields say Commit fills in, it fills in. After an error
// the store is as before; call Abort.
func (w *Writer) Commit(ctx context.Context, ref Ref, cfg Config) (*Image, error) {
	img, err := w.commit(ctx, ref, cfg)
	if err != nil {
		return nil, fmt.Errorf("cannot save image %q: %w", ref, w.store.explain(err))
	}
	return img, nil
}

func (w *Writer) commit(ctx context.Context, ref Ref, cfg Config) (*Image, error) {
	if err := w.usable(); err != nil {
		return nil, err
	}
	ref, err := ParseRef(ref.String())
	if err != nil {
		return nil, err
	}
	slices.SortFunc(w.layers, func(a, b Layer) int {
		kinds := layerKinds()
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(a.Path, b.Path))
	})
	w.complete(&cfg, ref)
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("its config: %w", err)
	}
	d, meta, err := w.stage(cfg)
	if err != nil {
		return nil, err
	}
	if err := w.publish(ctx, d, ref); err != nil {
		return nil, err
	}
	return &Image{Ref: ref, Digest: d.Digest, Config: cfg, store: w.store, layers: slices.Clone(w.layers), meta: meta}, nil
}

// complete fills in what the writer knows better than its caller.
func (w *Writer) complete(cfg *Config, ref Ref) {
	cfg.Version = FormatVersion
	cfg.Name = ref.Name
	if cfg.Created.IsZero() {
		cfg.Created = time.Now()
	}
	cfg.Created = cfg.Created.UTC().Round(0)
	cfg.Architecture = cmp.Or(cfg.Architecture, runtime.GOARCH)
	cfg.OS = cmp.Or(cfg.OS, runtime.GOOS)
	cfg.Capture = nil
	for _, l := range w.layers {
		switch l.Kind {
		case LayerFiles:
			cfg.Capture = append(cfg.Capture, l.Path)
		case LayerInit:
			cfg.Init = l.ContentDigest
		}
	}
}

// stage writes config and manifest to the side and begins to sync them. It
// returns the manifest's descriptor as it stands in the index, but for the tag,
// and the size of both.
func (w *Writer) stage(cfg Config) (d descriptor, meta int64, err error) {
	config, err := w.stageJSON(MediaTypeConfig, cfg)
	if err != nil {
		return descriptor{}, 0, err
	}
	m := manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
		ArtifactType: ArtifactType, Config: config,
		Annotations: map[string]string{
			v1.AnnotationCreated: cfg.Created.Format(time.RFC3339Nano),
			AnnotationFreezer:    string(cfg.Freezer),
		},
	}
	for _, l := range w.layers {
		m.Layers = append(m.Layers, l.descriptor())
	}
	d, err = w.stageJSON(v1.MediaTypeImageManifest, m)
	d.ArtifactType = ArtifactType
	d.Annotations = map[string]string{v1.AnnotationCreated: m.Annotations[v1.AnnotationCreated]}
	return d, d.Size + config.Size, err
}

func (w *Writer) stageJSON(mediaType string, v any) (descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	d := descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	path := w.side.path(d.Digest.Encoded())
	w.blobs[d.Digest] = path
	w.syncs.Go(func() {
		if err := writeSynced(path, data); err != nil {
			_ = w.fail(err)
		}
	})
	return d, nil
}

// publish moves the blobs to their place and puts the new index over the old.
// Everything is on disk before the renames, the blobs' names before the index:
// whichever index a crash leaves, what it names is there.
func (w *Writer) publish(ctx context.Context, d descriptor, ref Ref) error {
	s := w.store
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	idx, err := s.readIndex()
	if err != nil {
		return err
	}
	before := len(idx.Manifests)
	setTag(idx, d, ref)
	replaced := len(idx.Manifests) == before
	// The index is synced at the same time as the blobs.
	if err := s.stageIndex(w.side, *idx); err != nil {
		return err
	}
	w.syncs.Wait()
	if err := w.usable(); err != nil {
		return err
	}
	for digest, path := range w.blobs {
		if err := os.Rename(path, s.blobPath(digest)); err != nil {
			return err
		}
	}
	if err := syncDir(s.blobDir()); err != nil {
		return err
	}
	if err := s.installIndex(w.side); err != nil {
		return err
	}
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	if replaced {
		// The image is saved whatever comes of this: what stays behind is
		// found by the next removal, which reports.
		_, _, _, _ = s.collectLocked(context.WithoutCancel(ctx))
	}
	_ = w.release()
	return nil
}

// explain adds to an error what a person can do about it.
func (s *Store) explain(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: free some space in %q, or remove images with \"seance image rm\"", err, s.dir)
	}
	return err
}
