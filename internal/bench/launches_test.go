package bench

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestLaunchesAreWarmThenCold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "part")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	evicted, n := 0, 0
	parts := func() ([]string, error) { evicted++; return []string{file}, nil }
	took := func() (time.Duration, error) { n++; return time.Duration(n) * time.Millisecond, nil }
	f := figures{}
	if err := launches(f, parts, took); err != nil {
		t.Fatal(err)
	}
	if want := []float64{3, 4, 5, 6, 7}; !slices.Equal(f[warmStart], want) {
		t.Errorf("warm are %v, want %v", f[warmStart], want)
	}
	if want := []float64{8, 9, 10}; !slices.Equal(f[coldStart], want) || evicted != len(want) {
		t.Errorf("cold are %v, after %d evictions, want %v", f[coldStart], evicted, want)
	}
	f = figures{}
	if err := launches(f, nil, took); err != nil || len(f[warmStart]) != warmLaunches || f[coldStart] != nil {
		t.Errorf("without parts: %v, error %v", f, err)
	}
}

func TestPartsAreFilesAndWhatIsInFolders(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	program, library, module := file("bin/program"), file("lib1/a.so"), file("lib1/deep/module")
	link := filepath.Join(dir, "link")
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	got, err := partsOf(link, filepath.Join(dir, "lib*"))()
	if want := []string{program, library, module}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, error %v, want %q", got, err, want)
	}
	if _, err := partsOf(filepath.Join(dir, "none*"))(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what matches nothing: error %v", err)
	}
}

// resident is how many pages of a file are in memory.
func resident(t *testing.T, file string) (pages int) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(memory)
	in := make([]byte, (len(memory)+os.Getpagesize()-1)/os.Getpagesize())
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&memory[0])), uintptr(len(memory)), uintptr(unsafe.Pointer(&in[0])))
	if errno != 0 {
		t.Fatal(errno)
	}
	for _, page := range in {
		pages += int(page & 1)
	}
	return pages
}

func TestEvict(t *testing.T) {
	dir := t.TempDir()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	if st.Type == unix.TMPFS_MAGIC {
		t.Skip("the folder for what passes is in memory, where nothing can be evicted from")
	}
	file := filepath.Join(dir, "program")
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if resident(t, file) == 0 {
		t.Fatal("what was just written is not in memory")
	}
	if err := evict(partsOf(file)); err != nil {
		t.Fatal(err)
	}
	if n := resident(t, file); n > 0 {
		t.Errorf("%d pages are in memory yet", n)
	}
}
