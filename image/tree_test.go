package image

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/testenv"
)

// saveFolder saves a captured folder and gives it back in a new one.
func saveFolder(t *testing.T, dir string) string {
	t.Helper()
	ctx := t.Context()
	s := openStore(t)
	w, err := s.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Abort() }()
	if _, err := w.AddTree(ctx, LayerFiles, dir, nil); err != nil {
		t.Fatal(err)
	}
	img, err := w.Commit(ctx, Ref{"shop", ""}, testConfig())
	if err != nil {
		t.Fatal(err)
	}
	if len(img.Config.Capture) != 1 || img.Config.Capture[0] != dir {
		t.Fatalf("captured %q", img.Config.Capture)
	}
	out := filepath.Join(t.TempDir(), "out")
	if err := img.ExtractFolder(ctx, dir, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCapturedFolderComesBack(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.MkdirAll(at("sub/deep"), 0o750))
	writeFile(t, at("empty"), nil)
	writeFile(t, at("sub/big"), noise(1, 700_001))
	writeFile(t, at("sub/deep/\xff\xfe not UTF-8"), []byte("x"))
	writeFile(t, at(strings.Repeat("long", 60)), []byte("y"))
	must(t, os.Link(at("sub/big"), at("sub/deep/hard")))
	must(t, os.Symlink("../../etc/passwd", at("sub/out")))
	must(t, os.Symlink("/absolute", at("abs")))
	must(t, unix.Mkfifo(at("pipe"), 0o640))
	must(t, os.Chmod(at("empty"), 0o4755|fs.ModeSetuid))
	must(t, os.Mkdir(at("locked"), 0o700))
	writeFile(t, at("locked/in"), []byte("z"))
	listener, err := net.Listen("unix", at("socket"))
	must(t, err)
	defer func() { _ = listener.Close() }()
	if os.Geteuid() == 0 {
		must(t, os.Lchown(at("abs"), 1234, 5678))
		must(t, os.Chown(at("sub/big"), 1, 2))
	}
	must(t, os.Chmod(at("locked"), 0o500))
	old := time.Unix(1_000_000_000, 123_456_789)
	must(t, os.Chtimes(at("sub/big"), old, old))
	must(t, os.Chtimes(at("sub"), old, old))
	must(t, os.Chtimes(dir, old, old))

	out := saveFolder(t, dir)
	before, after := snapshotTree(t, dir), snapshotTree(t, out)
	for name, want := range before {
		if name == "socket" {
			want = ""
		}
		if after[name] != want {
			t.Errorf("%q is %s, was %s", name, after[name], want)
		}
		delete(after, name)
	}
	if len(after) > 0 {
		t.Errorf("there is too much: %q", after)
	}
}

// snapshotTree describes all that must come back of a tree.
func snapshotTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	first := map[uint64]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		must(t, err)
		info, err := d.Info()
		must(t, err)
		st := info.Sys().(*syscall.Stat_t)
		name, _ := filepath.Rel(dir, path)
		text := fmt.Sprintf("mode %o, owner %d:%d, time %d", st.Mode, st.Uid, st.Gid, st.Mtim.Nano())
		switch {
		case info.Mode().IsRegular():
			if _, ok := first[st.Ino]; !ok {
				first[st.Ino] = name
			}
			text += fmt.Sprintf(", inode of %s, content %x", first[st.Ino], noiseSum(readFile(t, path)))
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			must(t, err)
			text += ", to " + target
		}
		tree[name] = text
		return nil
	})
	must(t, err)
	return tree
}

func noiseSum(data []byte) uint64 {
	sum := uint64(14695981039346656037)
	for _, b := range data {
		sum = (sum ^ uint64(b)) * 1099511628211
	}
	return sum
}

func TestExtendedAttributesComeBack(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	writeFile(t, file, []byte("x"))
	if err := unix.Setxattr(file, "user.odd=name%", []byte("a\x00b"), 0); errors.Is(err, unix.ENOTSUP) {
		testenv.Missing(t, "the file system of TMPDIR has no extended attributes")
	} else {
		must(t, err)
	}
	must(t, unix.Setxattr(dir, "user.folder", []byte("v"), 0))
	must(t, unix.Setxattr(file, "user.empty", nil, 0))
	out := saveFolder(t, dir)
	buf := make([]byte, 10)
	n, err := unix.Getxattr(filepath.Join(out, "f"), "user.odd=name%", buf)
	if err != nil || string(buf[:n]) != "a\x00b" {
		t.Fatalf("%q, %v", buf[:max(n, 0)], err)
	}
	if n, err := unix.Getxattr(out, "user.folder", buf); err != nil || string(buf[:n]) != "v" {
		t.Fatal(n, err)
	}
	if n, err := unix.Getxattr(filepath.Join(out, "f"), "user.empty", buf); err != nil || n != 0 {
		t.Fatal(n, err)
	}
}

func TestHolesComeBack(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "disk")
	f, err := os.Create(path)
	must(t, err)
	_, err = f.WriteAt([]byte("start"), 1<<20)
	must(t, err)
	_, err = f.WriteAt([]byte("far away"), 1<<40)
	must(t, err)
	must(t, f.Truncate(2<<40))
	must(t, f.Close())
	must(t, os.Truncate(mustCreate(t, filepath.Join(dir, "nothing")), 1<<30))
	if st, _ := os.Stat(path); st.Sys().(*syscall.Stat_t).Blocks > 1000 {
		testenv.Missing(t, "the file system of TMPDIR has no holes")
	}

	out := filepath.Join(saveFolder(t, dir), "disk")
	info, err := os.Stat(out)
	must(t, err)
	if st := info.Sys().(*syscall.Stat_t); st.Size != 2<<40 || st.Blocks > 1000 {
		t.Fatalf("size %d, %d blocks", st.Size, st.Blocks)
	}
	f, err = os.Open(out)
	must(t, err)
	defer func() { _ = f.Close() }()
	for off, want := range map[int64]string{1 << 20: "start", 1 << 40: "far away", 5: "\x00\x00"} {
		buf := make([]byte, len(want))
		if _, err := f.ReadAt(buf, off); err != nil || string(buf) != want {
			t.Fatalf("%q at %d, %v", buf, off, err)
		}
	}
	if st, err := os.Stat(filepath.Join(filepath.Dir(out), "nothing")); err != nil || st.Size() != 1<<30 {
		t.Fatal(st, err)
	}
}

func mustCreate(t *testing.T, path string) string {
	t.Helper()
	writeFile(t, path, nil)
	return path
}

func TestManySegmentsAreJoined(t *testing.T) {
	var in []segment
	for i := range int64(3 * maxSegments) {
		in = append(in, segment{i << 20, 4096})
	}
	last := in[len(in)-1]
	out := joinSegments(in)
	if len(out) == 0 || len(out) > maxSegments || out[len(out)-1].off+out[len(out)-1].len != last.off+last.len {
		t.Fatalf("%d segments, the last %v", len(out), out[len(out)-1])
	}
}

func TestDeviceIsNotCaptured(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mknod(filepath.Join(dir, "null"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil {
		testenv.Missing(t, "devices cannot be made: "+err.Error())
	}
	w, err := openStore(t).Create(t.Context())
	must(t, err)
	defer func() { _ = w.Abort() }()
	if _, err := w.AddTree(t.Context(), LayerFiles, dir, nil); err == nil || !strings.Contains(err.Error(), "null: a device") {
		t.Fatal(err)
	}
	// An image with a part missing is none.
	if _, err := w.Commit(t.Context(), Ref{"shop", ""}, testConfig()); err == nil || !strings.Contains(err.Error(), "a device") {
		t.Fatal(err)
	}
}

func TestMatchLeavesOut(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "cache/x"), 0o755))
	must(t, os.MkdirAll(filepath.Join(dir, "data"), 0o755))
	writeFile(t, filepath.Join(dir, "data/keep"), []byte("k"))
	ctx := t.Context()
	w, err := openStore(t).Create(ctx)
	must(t, err)
	defer func() { _ = w.Abort() }()
	_, err = w.AddFolder(ctx, "/srv/shop", dir, func(name string) bool { return name != "cache" })
	must(t, err)
	img, err := w.Commit(ctx, Ref{"shop", ""}, testConfig())
	must(t, err)
	out := t.TempDir()
	must(t, img.ExtractFolder(ctx, "/srv/shop/", out))
	if tree := snapshotTree(t, out); len(tree) != 3 || tree["data/keep"] == "" {
		t.Fatal(tree)
	}
	if err := img.ExtractFolder(ctx, "/other", out); err == nil {
		t.Fatal("a folder that is not there was extracted")
	}
}

// Equal dumps give equal blobs, whatever their files' times and owners.
func TestDumpLayersAreDeterministic(t *testing.T) {
	var digests []string
	for i := range 2 {
		dir := dumpFolder(t, noise(1, 300_000))
		must(t, os.Chtimes(filepath.Join(dir, "pages-1.img"), time.Time{}, time.Unix(int64(i), 0)))
		must(t, os.Chmod(filepath.Join(dir, "pages-1.img"), fs.FileMode(0o600+i*0o40)))
		img := mustSave(t, openStore(t), "shop", dir, "")
		digests = append(digests, fmt.Sprint(img.Layers()))
	}
	if digests[0] != digests[1] {
		t.Fatalf("%s\n%s", digests[0], digests[1])
	}
}

func TestZerosAreSmall(t *testing.T) {
	img := mustSave(t, openStore(t), "shop", dumpFolder(t, bytes.Repeat([]byte{0}, 64<<20)), "")
	if size := img.Size(); size > 100<<10 {
		t.Fatalf("64 MiB of zeros take %d bytes", size)
	}
}
