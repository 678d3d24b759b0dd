package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// extractor writes one layer below root. A layer may come from anywhere, so it
// trusts nothing in it: every entry is new, its parent is a folder this
// extractor made itself, and a hard link leads to a file it made itself.
type extractor struct {
	root  *os.Root
	layer Layer
	// folders are the entries made as folders, finished last: making things
	// inside changes their times, and their modes may forbid it.
	folders []*tar.Header
	made    map[string]byte // name to tar type flag
	buf     []byte
}

func newExtractor(root *os.Root, l Layer) *extractor {
	return &extractor{root: root, layer: l, made: map[string]byte{".": tar.TypeDir}, buf: make([]byte, 256<<10)}
}

// run takes all of r. Only when r ends without an error was its digest right.
func (x *extractor) run(r io.Reader) error {
	if x.layer.Kind == LayerInit {
		return x.initBinary(r)
	}
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := x.entry(h, tr); err != nil {
			return fmt.Errorf("entry %q: %w", h.Name, err)
		}
	}
	if _, err := io.CopyBuffer(onlyWriter{io.Discard}, r, x.buf); err != nil {
		return err
	}
	return x.finishFolders()
}

func (x *extractor) initBinary(r io.Reader) error {
	f, err := x.root.OpenFile(InitName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return onHost(err)
	}
	hash := x.layer.ContentDigest.Algorithm().Digester()
	err = x.copy(f, io.TeeReader(r, hash.Hash()))
	if err == nil && hash.Digest() != x.layer.ContentDigest {
		err = errContent
	}
	if err == nil {
		err = onHost(f.Chmod(0o755))
	}
	return errors.Join(err, onHost(f.Close()))
}

func (x *extractor) entry(h *tar.Header, body io.Reader) error {
	if err := x.check(h); err != nil {
		return err
	}
	name := path.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeReg:
		return x.regular(name, h, body)
	case tar.TypeDir:
		return x.folder(name, h)
	case tar.TypeSymlink:
		return onHost(x.symlink(name, h))
	case tar.TypeLink:
		return onHost(x.root.Link(path.Clean(h.Linkname), name))
	case tar.TypeFifo:
		return onHost(x.fifo(name, h))
	}
	return fmt.Errorf("type %q has no place in a layer", h.Typeflag)
}

// check refuses every name that could lead elsewhere, and remembers the good
// ones.
func (x *extractor) check(h *tar.Header) error {
	name := h.Name
	if h.Typeflag == tar.TypeDir {
		name = strings.TrimSuffix(name, "/")
	}
	if !inside(name) {
		return errors.New("its name leads out of the folder")
	}
	if x.layer.Kind != LayerFiles && (h.Typeflag != tar.TypeReg || strings.Contains(name, "/")) {
		return errors.New("this layer has regular files only, in no folder")
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return errors.New("GNU sparse files have no place in a layer")
		}
		if attr, ok := strings.CutPrefix(key, paxXattr); ok && !keptXattr(unescapeKey(attr)) {
			return fmt.Errorf("extended attribute %q is not one an image keeps", attr)
		}
	}
	if kind, ok := x.made[path.Dir(name)]; !ok || kind != tar.TypeDir {
		return errors.New("its folder is not in the layer before it")
	}
	if _, ok := x.made[name]; ok && name != "." {
		return errors.New("its name comes twice")
	}
	if name == "." && h.Typeflag != tar.TypeDir {
		return errors.New("its name is the folder's own")
	}
	if h.Typeflag == tar.TypeLink && x.made[h.Linkname] != tar.TypeReg {
		return fmt.Errorf("it links to %q, which is no file in the layer before it", h.Linkname)
	}
	x.made[name] = h.Typeflag
	if h.Typeflag == tar.TypeLink {
		x.made[name] = tar.TypeReg
	}
	return nil
}

// inside reports whether a name is a plain path downwards. fs.ValidPath would
// also ask for UTF-8, which names of files need not be.
func inside(name string) bool {
	if name == "." {
		return true
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsRune(part, 0) {
			return false
		}
	}
	return true
}

func (x *extractor) regular(name string, h *tar.Header, body io.Reader) error {
	segments, size, err := sparseOf(h)
	if err != nil {
		return err
	}
	f, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return onHost(err)
	}
	err = x.fill(f, body, segments, size)
	if err == nil && x.layer.Kind == LayerFiles {
		err = onHost(own(f, h))
	}
	if err = errors.Join(err, onHost(f.Close())); err != nil || x.layer.Kind != LayerFiles {
		return err
	}
	return onHost(x.root.Chtimes(name, time.Time{}, h.ModTime))
}

func (x *extractor) fill(f *os.File, body io.Reader, segments []segment, size int64) error {
	var end int64
	for _, s := range segments {
		if s.off != end {
			if _, err := f.Seek(s.off, io.SeekStart); err != nil {
				return onHost(err)
			}
		}
		if err := x.copy(f, io.LimitReader(body, s.len)); err != nil {
			return err
		}
		end = s.off + s.len
	}
	if end == size {
		return nil
	}
	return onHost(f.Truncate(size))
}

// copy keeps apart whose fault a failure is: the layer's or the machine's.
func (x *extractor) copy(f *os.File, r io.Reader) error {
	_, err := io.CopyBuffer(onlyWriter{f}, r, x.buf)
	var write *fs.PathError
	if errors.As(err, &write) && write.Op == "write" {
		return onHost(err)
	}
	return err
}

// onlyWriter hides ReadFrom, which would pass over the given buffer.
type onlyWriter struct{ io.Writer }

func (x *extractor) folder(name string, h *tar.Header) error {
	if name != "." {
		if err := x.root.Mkdir(name, 0o700); err != nil {
			return onHost(err)
		}
	}
	x.folders = append(x.folders, h)
	return nil
}

func (x *extractor) finishFolders() error {
	for _, h := range slices.Backward(x.folders) {
		name := path.Clean(h.Name)
		f, err := x.root.Open(name)
		if err == nil {
			err = errors.Join(own(f, h), f.Close())
		}
		if err == nil {
			err = x.root.Chtimes(name, time.Time{}, h.ModTime)
		}
		if err != nil {
			return onHost(err)
		}
	}
	return nil
}

func (x *extractor) symlink(name string, h *tar.Header) error {
	if err := x.root.Symlink(h.Linkname, name); err != nil {
		return err
	}
	return x.ownByName(name, h)
}

func (x *extractor) fifo(name string, h *tar.Header) error {
	dir, err := x.root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	// mknodat(2) fails with EEXIST and follows no link. The umask takes from
	// the mode, so it is set again.
	if err := unix.Mknodat(int(dir.Fd()), path.Base(name), unix.S_IFIFO|0o600, 0); err != nil {
		return err
	}
	if err := x.ownByName(name, h); err != nil {
		return err
	}
	return unix.Fchmodat(int(dir.Fd()), path.Base(name), uint32(h.Mode&0o7777), 0)
}

// ownByName sets owner and time of what cannot be opened.
func (x *extractor) ownByName(name string, h *tar.Header) error {
	if err := forRootOnly(x.root.Lchown(name, h.Uid, h.Gid)); err != nil {
		return err
	}
	dir, err := x.root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	mtime := unix.NsecToTimespec(h.ModTime.UnixNano())
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, mtime}
	return unix.UtimesNanoAt(int(dir.Fd()), path.Base(name), times, unix.AT_SYMLINK_NOFOLLOW)
}

// own gives an open file its owner, mode and attributes, in this order:
// chown(2) takes away set-user-ID bits and capabilities.
func own(f *os.File, h *tar.Header) error {
	mode := uint32(h.Mode & 0o7777)
	err := f.Chown(h.Uid, h.Gid)
	if err := forRootOnly(err); err != nil {
		return err
	}
	if err != nil {
		// The file stays the caller's: it must not run as the caller.
		mode &^= unix.S_ISUID | unix.S_ISGID
	}
	if err := unix.Fchmod(int(f.Fd()), mode); err != nil {
		return err
	}
	return writeXattrs(f, h)
}

// forRootOnly forgives that only root may give files away.
func forRootOnly(err error) error {
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return nil
	}
	return err
}
