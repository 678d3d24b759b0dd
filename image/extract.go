package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// Extract writes the layer of a kind to the folder dir, which is made when it
// is missing: the files of LayerCRIU and LayerMemory (both may go to one
// folder), the one file of LayerInit as InitName, mode 0755. For captured
// folders there is ExtractFolder. Different layers may be extracted at the
// same time.
//
// Nothing that exists is overwritten, nothing is written outside dir whatever
// the layer says, and never more than the manifest says or dir has room for.
// Digest and sizes are checked while reading: after an error, delete what was
// written.
func (i *Image) Extract(ctx context.Context, kind LayerKind, dir string) error {
	if kind == LayerFiles {
		return errors.New("cannot extract captured folders into one: use ExtractFolder")
	}
	return i.extract(ctx, Layer{Kind: kind}, dir)
}

// ExtractFolder writes the captured folder that the image knows as path to
// dir, which becomes that folder: it must be missing or empty. Owners, and
// attributes only root may set, come back when the caller is root.
func (i *Image) ExtractFolder(ctx context.Context, path, dir string) error {
	return i.extract(ctx, Layer{Kind: LayerFiles, Path: filepath.Clean(path)}, dir)
}

func (i *Image) extract(ctx context.Context, want Layer, dir string) error {
	l, err := i.layer(want)
	if err != nil {
		return err
	}
	if err := i.extractLayer(ctx, l, dir); err != nil {
		var corrupt *CorruptError
		var missing *NotFoundError
		if errors.As(err, &corrupt) || errors.As(err, &missing) {
			return err
		}
		return fmt.Errorf("cannot extract %s layer of image %q to %q: %w", l.Kind, i.name(), dir, err)
	}
	return nil
}

func (i *Image) layer(want Layer) (Layer, error) {
	for _, l := range i.layers {
		if l.sameAs(want) {
			return l, nil
		}
	}
	if want.Kind == LayerFiles {
		return Layer{}, fmt.Errorf("image %q has not captured folder %q", i.name(), want.Path)
	}
	return Layer{}, fmt.Errorf("image %q has no %s layer", i.name(), want.Kind)
}

func (i *Image) extractLayer(ctx context.Context, l Layer, dir string) error {
	u, err := i.unpack(ctx, l)
	if err != nil {
		return err
	}
	defer u.close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := checkRoom(dir, l.ContentSize); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if err := newExtractor(root, l).run(u); err != nil {
		return i.blame(ctx, err, l)
	}
	return nil
}

func (i *Image) unpack(ctx context.Context, l Layer) (*unpacker, error) {
	f, err := os.Open(i.store.blobPath(l.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, i.store.goneOr(&CorruptError{i.name(), l.String(), errMissing}, i.name(), i.Digest)
	}
	if err != nil {
		return nil, err
	}
	u, err := newUnpacker(ctx, f, l)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return u, nil
}

// checkInit makes sure that the init layer's content is that of its digest.
// Later images take the blob over by that digest alone.
func (i *Image) checkInit(ctx context.Context) error {
	l, err := i.layer(Layer{Kind: LayerInit})
	if err != nil {
		return nil // there is none
	}
	u, err := i.unpack(ctx, l)
	if err != nil {
		return err
	}
	defer u.close()
	got, err := digest.SHA256.FromReader(u)
	if err == nil && got != l.ContentDigest {
		err = errContent
	}
	if err != nil {
		return i.blame(ctx, err, l)
	}
	return nil
}

// blame makes damage of what is wrong with the layer, and leaves alone what is
// wrong with the machine or was called off.
func (i *Image) blame(ctx context.Context, err error, l Layer) error {
	var host *hostError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &host):
		return host.err
	}
	return &CorruptError{i.name(), l.String(), err}
}

// hostError is a failure of the machine: no room, no permission.
type hostError struct{ err error }

func (e *hostError) Error() string { return e.err.Error() }
func (e *hostError) Unwrap() error { return e.err }

func onHost(err error) error {
	if err == nil {
		return nil
	}
	return &hostError{err}
}

// checkRoom refuses what cannot fit before it is written. Some file systems
// have no size (statfs(2) gives 0 blocks); there only writing can tell.
func checkRoom(dir string, need int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Blocks == 0 {
		return err
	}
	free := st.Bavail
	if os.Geteuid() == 0 {
		free = st.Bfree
	}
	if need/max(st.Bsize, 1) > int64(free) {
		return fmt.Errorf("%w: %d bytes are needed, %d are free", unix.ENOSPC, need, int64(free)*st.Bsize)
	}
	return nil
}
