package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// forge makes a store with an image whose one layer has any content at all.
func forge(t testing.TB, kind LayerKind, content []byte, edit func(*Layer)) *Image {
	t.Helper()
	s := openStore(t)
	blob := pack(t, content)
	writeFile(t, s.blobPath(digest.FromBytes(blob)), blob)
	l := Layer{Kind: kind, Digest: digest.FromBytes(blob), Size: int64(len(blob)), ContentSize: int64(len(content))}
	switch kind {
	case LayerFiles:
		l.Path = "/data"
	case LayerInit:
		l.ContentDigest = digest.FromBytes(content)
	}
	if edit != nil {
		edit(&l)
	}
	return &Image{Ref: Ref{"shop", "latest"}, Digest: digest.FromString("manifest"), store: s, layers: []Layer{l}}
}

func pack(t testing.TB, content []byte) []byte {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "blob"))
	must(t, err)
	defer func() { _ = f.Close() }()
	enc, err := newEncoder()
	must(t, err)
	p := newPacker(context.Background(), enc, f)
	_, err = p.Write(content)
	must(t, err)
	_, _, err = p.close()
	must(t, err)
	return readFile(t, f.Name())
}

func archive(t testing.TB, entries ...*tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range entries {
		must(t, w.WriteHeader(h))
		_, err := io.CopyN(w, zeros{}, h.Size)
		must(t, err)
	}
	must(t, w.Close())
	return buf.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func file(name string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 3, Mode: 0o644}
}

func link(kind byte, name, target string) *tar.Header {
	return &tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0o777}
}

func folder(name string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}
}

func TestHostileLayers(t *testing.T) {
	sparse := func(size, segments string) *tar.Header {
		h := file("f")
		h.PAXRecords = map[string]string{paxSparseSize: size, paxSparseMap: segments}
		return h
	}
	xattr := file("f")
	xattr.PAXRecords = map[string]string{paxXattr + "security.evil": "x"}
	for name, c := range map[string]struct {
		kind    LayerKind
		entries []*tar.Header
		want    string
	}{
		"up":                    {LayerFiles, []*tar.Header{file("../evil")}, "leads out"},
		"up from within":        {LayerFiles, []*tar.Header{folder("a/"), file("a/../../evil")}, "leads out"},
		"absolute":              {LayerFiles, []*tar.Header{file("/evil")}, "leads out"},
		"dot in the middle":     {LayerFiles, []*tar.Header{folder("a/"), file("a/./evil")}, "leads out"},
		"empty part":            {LayerFiles, []*tar.Header{folder("a/"), file("a//evil")}, "leads out"},
		"through a symlink":     {LayerFiles, []*tar.Header{link(tar.TypeSymlink, "a", "/tmp"), file("a/evil")}, "its folder is not"},
		"symlink made folder":   {LayerFiles, []*tar.Header{link(tar.TypeSymlink, "a", "/tmp"), folder("a/")}, "comes twice"},
		"symlink over file":     {LayerFiles, []*tar.Header{link(tar.TypeSymlink, "a", "/etc/passwd"), file("a")}, "comes twice"},
		"folder over file":      {LayerFiles, []*tar.Header{file("a"), folder("a/"), file("a/b")}, "comes twice"},
		"folder never made":     {LayerFiles, []*tar.Header{file("a/b")}, "its folder is not"},
		"hard link out":         {LayerFiles, []*tar.Header{link(tar.TypeLink, "a", "/etc/passwd")}, "no file in the layer"},
		"hard link up":          {LayerFiles, []*tar.Header{link(tar.TypeLink, "a", "../../etc/passwd")}, "no file in the layer"},
		"hard link to symlink":  {LayerFiles, []*tar.Header{link(tar.TypeSymlink, "s", "/etc/passwd"), link(tar.TypeLink, "a", "s")}, "no file in the layer"},
		"device":                {LayerFiles, []*tar.Header{{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}}, "has no place"},
		"file as the folder":    {LayerFiles, []*tar.Header{file(".")}, "folder's own"},
		"attribute of the host": {LayerFiles, []*tar.Header{xattr}, "not one an image keeps"},
		"folder in a dump":      {LayerCRIU, []*tar.Header{folder("a/")}, "regular files only"},
		"symlink in a dump":     {LayerMemory, []*tar.Header{link(tar.TypeSymlink, "pages-1.img", "/dev/sda")}, "regular files only"},
		"path in a dump":        {LayerCRIU, []*tar.Header{file("a/b")}, "regular files only"},
		"map beyond the end":    {LayerFiles, []*tar.Header{sparse("2", "0+3")}, "map of data"},
		"map backwards":         {LayerFiles, []*tar.Header{sparse("9", "5+1,4+2")}, "map of data"},
		"map overflows":         {LayerFiles, []*tar.Header{sparse("9223372036854775807", "9223372036854775806+3")}, "map of data"},
		"map of less":           {LayerFiles, []*tar.Header{sparse("9", "0+2")}, "2 bytes of data, its header 3"},
		"map of no numbers":     {LayerFiles, []*tar.Header{sparse("9", "0-3")}, "map of data"},
		"negative size":         {LayerFiles, []*tar.Header{sparse("-1", "")}, "0 bytes of data"},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			dir := filepath.Join(top, "in", "out")
			err := forge(t, c.kind, archive(t, c.entries...), nil).extract(t.Context(), layerKey(c.kind), dir)
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v; want %q", err, c.want)
			}
			onlyIn(t, top, dir)
		})
	}
}

func layerKey(kind LayerKind) Layer {
	if kind == LayerFiles {
		return Layer{Kind: kind, Path: "/data"}
	}
	return Layer{Kind: kind}
}

// onlyIn fails when anything was written in top but outside dir.
func onlyIn(t testing.TB, top, dir string) {
	t.Helper()
	for name := range snapshotTreeOf(t, top) {
		path := filepath.Join(top, name)
		if !strings.HasPrefix(path+"/", dir+"/") && !strings.HasPrefix(dir+"/", path+"/") {
			t.Fatalf("%q was written outside %q", path, dir)
		}
	}
}

func snapshotTreeOf(t testing.TB, top string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	must(t, filepath.WalkDir(top, func(path string, _ os.DirEntry, err error) error {
		name, _ := filepath.Rel(top, path)
		names[name] = true
		return err
	}))
	return names
}

// GNU's sparse files could be terabytes of zeros from no bytes at all.
func TestGNUSparseIsRefused(t *testing.T) {
	content := archive(t, file("f"))
	pax := archive(t, &tar.Header{Typeflag: tar.TypeReg, Name: "f", Format: tar.FormatPAX, PAXRecords: map[string]string{"XNU.sparse.map": "0,1"}})
	for name, c := range map[string][]byte{
		"old GNU": func() []byte {
			c := bytes.Clone(content)
			copy(c[156:], "S")
			copy(c[257:], "ustar  \x00")
			fixSum(c)
			return c
		}(),
		"PAX": bytes.ReplaceAll(pax, []byte("XNU.sparse.map"), []byte("GNU.sparse.map")),
	} {
		var corrupt *CorruptError
		if err := forge(t, LayerCRIU, c, nil).Extract(t.Context(), LayerCRIU, t.TempDir()); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func fixSum(block []byte) {
	copy(block[148:156], "        ")
	sum := 0
	for _, b := range block[:512] {
		sum += int(b)
	}
	copy(block[148:156], []byte{byte('0' + sum>>15&7), byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' '})
}

func TestBombsAreRefused(t *testing.T) {
	big := file("f")
	big.Size = 8 << 20
	content := archive(t, big)
	t.Run("more than the manifest says", func(t *testing.T) {
		img := forge(t, LayerCRIU, content, func(l *Layer) { l.ContentSize = 1 << 20 })
		dir := t.TempDir()
		err := img.Extract(t.Context(), LayerCRIU, dir)
		if err == nil || !strings.Contains(err.Error(), "more than the 1048576 bytes") {
			t.Fatal(err)
		}
		if st, err := os.Stat(filepath.Join(dir, "f")); err == nil && st.Size() > 1<<20 {
			t.Fatalf("%d bytes were written", st.Size())
		}
	})
	t.Run("less than the manifest says", func(t *testing.T) {
		img := forge(t, LayerCRIU, content, func(l *Layer) { l.ContentSize++ })
		if err := img.Extract(t.Context(), LayerCRIU, t.TempDir()); err == nil || !strings.Contains(err.Error(), "1 bytes less") {
			t.Fatal(err)
		}
	})
	t.Run("more than there is room for", func(t *testing.T) {
		img := forge(t, LayerCRIU, content, func(l *Layer) { l.ContentSize = 1 << 60 })
		dir := t.TempDir()
		err := img.Extract(t.Context(), LayerCRIU, dir)
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Fatal(entries)
		}
	})
	t.Run("a frame that is larger than any", func(t *testing.T) {
		img := forge(t, LayerCRIU, nil, nil)
		bomb := hugeFrame(t)
		l := &img.layers[0]
		l.Digest, l.Size, l.ContentSize = digest.FromBytes(bomb), int64(len(bomb)), 1<<30
		writeFile(t, img.store.blobPath(l.Digest), bomb)
		if err := img.Extract(t.Context(), LayerCRIU, t.TempDir()); err == nil || !strings.Contains(err.Error(), "does not decompress") {
			t.Fatal(err)
		}
	})
}

// hugeFrame is a frame of 16 MiB of zeros in some kilobytes.
func hugeFrame(t testing.TB) []byte {
	t.Helper()
	enc, err := newEncoder()
	must(t, err)
	data := enc.EncodeAll(make([]byte, 16<<20), make([]byte, prefixSize))
	copy(data, []byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, byte(len(data) - 12), byte((len(data) - 12) >> 8), 0, 0})
	return data
}

// A later save takes an init blob over by its content's digest: a layer that
// lies about it would give other images its binary.
func TestInitOfAnotherDigest(t *testing.T) {
	img := forge(t, LayerInit, []byte("evil"), func(l *Layer) { l.ContentDigest = digest.FromString("good") })
	for _, err := range []error{img.checkInit(t.Context()), img.Extract(t.Context(), LayerInit, t.TempDir())} {
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || !errors.Is(err, errContent) {
			t.Error(err)
		}
	}
}

func TestManifestsRefused(t *testing.T) {
	layer := func(kind LayerKind, path string) descriptor {
		l := Layer{Kind: kind, Path: path, Digest: digest.FromString("x")}
		if kind == LayerInit {
			l.ContentDigest = digest.FromString("y")
		}
		return l.descriptor()
	}
	alien := layer(LayerCRIU, "")
	alien.MediaType = "application/vnd.seance.image.network.v1+zstd"
	sizeless := layer(LayerCRIU, "")
	sizeless.Annotations = nil
	digestless := layer(LayerInit, "")
	delete(digestless.Annotations, AnnotationContentDigest)
	path := layer(LayerCRIU, "")
	path.Digest = "sha256:../../etc/passwd"
	for name, c := range map[string]struct {
		layers []descriptor
		want   string
	}{
		"kind of the future":   {[]descriptor{alien}, "unknown type"},
		"no content size":      {[]descriptor{sizeless}, "content size"},
		"init without digest":  {[]descriptor{digestless}, "content digest"},
		"path as digest":       {[]descriptor{path}, "is not possible"},
		"two memories":         {[]descriptor{layer(LayerMemory, ""), layer(LayerMemory, "")}, "comes twice"},
		"one folder twice":     {[]descriptor{layer(LayerFiles, "/a"), layer(LayerFiles, "/a")}, "comes twice"},
		"init not in config":   {[]descriptor{layer(LayerInit, "")}, "init layer is of"},
		"folder not in config": {[]descriptor{layer(LayerFiles, "/a")}, "layers are of folders"},
	} {
		layers, err := layersOf(&manifest{Layers: c.layers})
		if err == nil {
			err = agree(Config{}, layers)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	img := forge(t, LayerCRIU, archive(t, file("a.img")), nil)
	dir := t.TempDir()
	target := filepath.Join(t.TempDir(), "precious")
	writeFile(t, target, []byte("precious"))
	must(t, os.Symlink(target, filepath.Join(dir, "a.img")))
	err := img.Extract(t.Context(), LayerCRIU, dir)
	var corrupt *CorruptError
	if !errors.Is(err, os.ErrExist) || errors.As(err, &corrupt) {
		t.Fatal(err)
	}
	if string(readFile(t, target)) != "precious" {
		t.Fatal("it was")
	}
}

func TestExtractStops(t *testing.T) {
	img := forge(t, LayerInit, noise(1, 8<<20), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := img.Extract(ctx, LayerInit, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := img.Extract(t.Context(), LayerMemory, t.TempDir()); err == nil || !strings.Contains(err.Error(), "has no memory layer") {
		t.Fatal(err)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(archive(f, folder("./"), folder("a/"), file("a/b"), link(tar.TypeLink, "c", "a/b"), link(tar.TypeSymlink, "d", "..")))
	f.Add(archive(f, &tar.Header{Typeflag: tar.TypeReg, Name: "s", Size: 3, Format: tar.FormatPAX, ModTime: time.Unix(1, 2),
		PAXRecords: map[string]string{paxSparseSize: "99", paxSparseMap: "0+1,50+2", paxXattr + "user.x": "y"}}))
	f.Add(archive(f, file("../evil")))
	f.Fuzz(func(t *testing.T, content []byte) {
		top := t.TempDir()
		dir := filepath.Join(top, "in", "out")
		must(t, os.MkdirAll(dir, 0o700))
		root, err := os.OpenRoot(dir)
		must(t, err)
		defer func() { _ = root.Close() }()
		for _, kind := range []LayerKind{LayerFiles, LayerCRIU} {
			_ = newExtractor(root, layerKey(kind)).run(bytes.NewReader(content))
		}
		onlyIn(t, top, dir)
	})
}

func FuzzUnpack(f *testing.F) {
	f.Add(pack(f, []byte("content")))
	f.Add(pack(f, nil))
	f.Fuzz(func(t *testing.T, blob []byte) {
		path := filepath.Join(t.TempDir(), "blob")
		writeFile(t, path, blob)
		file, err := os.Open(path)
		must(t, err)
		u, err := newUnpacker(t.Context(), file, Layer{Digest: digest.FromBytes(blob), Size: int64(len(blob)), ContentSize: 1 << 20})
		must(t, err)
		defer u.close()
		if n, err := io.Copy(io.Discard, u); n > 1<<20 || err == nil && n != 1<<20 {
			t.Fatalf("%d bytes, %v", n, err)
		}
	})
}
