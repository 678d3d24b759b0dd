package image

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"
	"time"
)

// tarBlock is the unit of a tar archive, tarEnd the size of its end.
const (
	tarBlock = 512
	tarEnd   = 2 * tarBlock
)

// treePacker writes a folder as a tar archive into a packer.
type treePacker struct {
	ctx   context.Context
	out   *packer
	kind  LayerKind
	match func(name string) bool
	// links has the first name of each file with several.
	links map[inode]string
}

type inode struct{ dev, ino uint64 }

// packTree writes what match takes of the folder dir. Everything is opened
// through os.Root, so a program that swaps a folder for a symbolic link
// meanwhile cannot lead the walk outside.
func packTree(ctx context.Context, out *packer, kind LayerKind, dir string, match func(string) bool) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if match == nil {
		match = func(string) bool { return true }
	}
	t := &treePacker{ctx, out, kind, match, make(map[inode]string)}
	if kind == LayerFiles {
		err = t.folder(root, ".")
	} else {
		err = t.dump(root)
	}
	if err != nil {
		return err
	}
	_, err = out.Write(make([]byte, tarEnd))
	return err
}

// dump writes CRIU's files: a flat folder of regular files, of which only
// names and content count. Equal content gives an equal blob.
func (t *treePacker) dump(root *os.Root) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !t.match(e.Name()) {
			continue
		}
		f, st, err := openAs(root, e.Name(), nil)
		if err != nil {
			return err
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: e.Name(), Size: st.Size, Mode: 0o600, ModTime: time.Unix(0, 0)}
		err = t.body(h, f, nil)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	return nil
}

// folder writes a folder and all below it. name is its path from the top.
func (t *treePacker) folder(dir *os.Root, name string) error {
	if err := t.ctx.Err(); err != nil {
		return context.Cause(t.ctx)
	}
	self, err := dir.Open(".")
	if err != nil {
		return err
	}
	entries, err := self.ReadDir(-1)
	if err == nil {
		err = t.folderHeader(self, name)
	}
	if err = errors.Join(err, self.Close()); err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		full := path.Join(name, e.Name())
		if !t.match(full) {
			continue
		}
		if err := t.entry(dir, e.Name(), full); err != nil {
			return fmt.Errorf("%s: %w", full, err)
		}
	}
	return nil
}

func (t *treePacker) folderHeader(self *os.File, name string) error {
	info, err := self.Stat()
	if err != nil {
		return err
	}
	h := headerOf(stat(info), tar.TypeDir, name+"/")
	if err := readXattrs(self, h); err != nil {
		return err
	}
	return t.header(h)
}

func (t *treePacker) entry(dir *os.Root, base, full string) error {
	info, err := dir.Lstat(base)
	if err != nil {
		return err
	}
	st := stat(info)
	switch info.Mode().Type() {
	case fs.ModeDir:
		sub, err := dir.OpenRoot(base)
		if err != nil {
			return err
		}
		err = t.folder(sub, full)
		return errors.Join(err, sub.Close())
	case 0:
		return t.regular(dir, base, full, st)
	case fs.ModeSymlink:
		target, err := dir.Readlink(base)
		if err != nil {
			return err
		}
		h := headerOf(st, tar.TypeSymlink, full)
		h.Linkname = target
		return t.header(h)
	case fs.ModeNamedPipe:
		return t.header(headerOf(st, tar.TypeFifo, full))
	case fs.ModeSocket:
		// A socket's name is bound again by whoever listens on it.
		return nil
	}
	return errors.New("a device cannot be captured: keep it out of the folder")
}

func (t *treePacker) regular(dir *os.Root, base, full string, st *syscall.Stat_t) error {
	id := inode{st.Dev, st.Ino}
	if first, ok := t.links[id]; ok {
		h := headerOf(st, tar.TypeLink, full)
		h.Linkname = first
		return t.header(h)
	}
	if st.Nlink > 1 {
		t.links[id] = full
	}
	f, st, err := openAs(dir, base, &id)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h := headerOf(st, tar.TypeReg, full)
	h.Size = st.Size
	if err := readXattrs(f, h); err != nil {
		return err
	}
	segments, err := dataSegments(f, st)
	if err != nil {
		return err
	}
	setSparse(h, segments)
	return t.body(h, f, segments)
}

// openAs opens a regular file, and makes sure it is the one that was looked
// at, if any. O_NONBLOCK: should it be a pipe now, open must not wait.
func openAs(dir *os.Root, name string, want *inode) (*os.File, *syscall.Stat_t, error) {
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err == nil && want != nil && *want != (inode{stat(info).Dev, stat(info).Ino}) {
		err = errors.New("it was replaced while it was being saved")
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, stat(info), nil
}

// header writes a header straight into the packer: a tar.Writer is used for
// one header only, so that bodies need not pass through it and be copied
// twice.
func (t *treePacker) header(h *tar.Header) error {
	return tar.NewWriter(t.out).WriteHeader(h)
}

// body writes a header and its file: all of it, or the segments when it has
// holes.
func (t *treePacker) body(h *tar.Header, f *os.File, segments []segment) error {
	if err := t.header(h); err != nil {
		return err
	}
	if segments == nil {
		segments = []segment{{0, h.Size}}
	}
	for _, s := range segments {
		if err := t.out.readExactly(io.NewSectionReader(f, s.off, s.len), s.len); err != nil {
			return err
		}
	}
	if odd := h.Size % tarBlock; odd != 0 {
		_, err := t.out.Write(make([]byte, tarBlock-odd))
		return err
	}
	return nil
}

func headerOf(st *syscall.Stat_t, kind byte, name string) *tar.Header {
	return &tar.Header{
		Format: tar.FormatPAX, Typeflag: kind, Name: name, Mode: int64(st.Mode & 0o7777),
		Uid: int(st.Uid), Gid: int(st.Gid), ModTime: time.Unix(st.Mtim.Unix()),
	}
}

func stat(info fs.FileInfo) *syscall.Stat_t { return info.Sys().(*syscall.Stat_t) }
