package image

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/testenv"
)

// childEnv makes the test binary a program that saves and removes images in
// the store it names, until it is killed.
const childEnv = "SEANCE_IMAGE_TEST_STORE"

// runChild announces on its output each change before it makes it ("try") and
// after ("done").
func runChild() {
	if err := childLoop(os.Getenv(childEnv)); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func childLoop(dir string) error {
	ctx := context.Background()
	s, err := Open(dir)
	if err != nil {
		return err
	}
	work := filepath.Join(dir, "..", "work")
	for i := 0; ; i++ {
		id := fmt.Sprintf("%d-%d", os.Getpid(), i)
		tag := string(rune('a' + i%3))
		if i%5 == 4 {
			fmt.Println("try", tag, "none")
			_, err := s.Remove(ctx, "shop:"+tag)
			if err != nil && !strings.Contains(err.Error(), "no image") {
				return err
			}
			fmt.Println("done", tag, "none")
			continue
		}
		if err := os.WriteFile(filepath.Join(work, "pages-1.img"), noise(rand.Uint64(), rand.IntN(1<<20)), 0o600); err != nil {
			return err
		}
		fmt.Println("try", tag, id)
		if err := childSave(ctx, s, tag, id, work); err != nil {
			return err
		}
		fmt.Println("done", tag, id)
	}
}

func childSave(ctx context.Context, s *Store, tag, id, work string) error {
	w, err := s.Create(ctx)
	if err != nil {
		return err
	}
	if _, err := w.AddTree(ctx, LayerMemory, work, IsMemoryFile); err != nil {
		return err
	}
	if _, err := w.AddFile(ctx, LayerInit, filepath.Join(work, "init"), ""); err != nil {
		return err
	}
	cfg := testConfig()
	cfg.SnapshotID = id
	_, err = w.Commit(ctx, Ref{"shop", tag}, cfg)
	return err
}

// SIGKILL at any moment leaves each tag on its old image or on its new one,
// and every image whole.
func TestKilledWriter(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "store")
	must(t, os.Mkdir(filepath.Join(top, "work"), 0o700))
	writeFile(t, filepath.Join(top, "work", "init"), memoryLike(200<<10))
	// What each tag may be: the last change that was done, or the one that was
	// tried since.
	may := map[string][]string{"a": {"none"}, "b": {"none"}, "c": {"none"}}
	kills, interrupted := 40, 0
	if testing.Short() {
		kills = 5
	}
	for range kills {
		runAndKill(t, dir, may)
		s, err := Open(dir)
		must(t, err)
		must(t, s.Verify(t.Context(), ""))
		for tag, ids := range may {
			is := idOf(t, s, tag)
			if !strings.Contains(" "+strings.Join(ids, " ")+" ", " "+is+" ") {
				t.Fatalf("tag %s is on %s, not on one of %v", tag, is, ids)
			}
			interrupted += len(ids) - 1
			may[tag] = []string{is}
		}
	}
	if interrupted == 0 {
		t.Fatal("no change was ever interrupted: this tested nothing")
	}
	s, err := Open(dir)
	must(t, err)
	for _, tag := range []string{"a", "b", "c"} {
		_, _ = s.Remove(t.Context(), "shop:"+tag)
	}
	w, err := s.Create(t.Context())
	must(t, err)
	must(t, w.Abort())
	if n := tmpEntries(t, s); n != 0 {
		t.Errorf("%d folders of dead writers are left", n)
	}
	if left := blobs(t, s); len(left) != 0 {
		t.Errorf("%d blobs are left", len(left))
	}
}

func idOf(t *testing.T, s *Store, tag string) string {
	t.Helper()
	img, err := s.Get(t.Context(), "shop:"+tag)
	if err != nil && strings.Contains(err.Error(), "no image") {
		return "none"
	}
	must(t, err)
	return img.Config.SnapshotID
}

func runAndKill(t *testing.T, dir string, may map[string][]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	// The delay runs from the first change, so that it falls on changes and
	// not on the program's start.
	var once sync.Once
	kill := func() { _ = cmd.Process.Kill() }
	timer := time.AfterFunc(30*time.Second, kill)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		once.Do(func() { timer.Reset(time.Duration(rand.IntN(60_000)) * time.Microsecond) })
		var what, tag, id string
		if _, err := fmt.Sscan(lines.Text(), &what, &tag, &id); err != nil || what == "error" {
			t.Errorf("the writer says: %s", lines.Text())
			continue
		}
		if what == "done" {
			may[tag] = []string{id}
		} else {
			may[tag] = append(may[tag], id)
		}
	}
	timer.Stop()
	_ = cmd.Wait()
}

// A full disk, at whatever step it comes, is an error that says so, and the
// store is as before.
func TestFullDisk(t *testing.T) {
	mount := filepath.Join(t.TempDir(), "small")
	must(t, os.Mkdir(mount, 0o700))
	if err := unix.Mount("tmpfs", mount, "tmpfs", 0, "size=4m"); err != nil {
		testenv.Missing(t, "a small tmpfs cannot be mounted (needs root): "+err.Error())
	}
	defer func() { must(t, unix.Unmount(mount, unix.MNT_DETACH)) }()
	s, err := Open(filepath.Join(mount, "store"))
	must(t, err)
	mustSave(t, s, "old", dumpFolder(t, noise(1, 1<<20)), "")
	dump := dumpFolder(t, noise(2, 100<<10))
	ballast := filepath.Join(mount, "ballast")
	full, saved := 0, 0
	for pages := range 70 {
		fillDisk(t, ballast, pages)
		_, err := save(s, "new", dump, "")
		switch {
		case err == nil:
			saved++
		case strings.Contains(err.Error(), `no space left on device: free some space`):
			full++
		default:
			t.Fatalf("with %d pages free: %v", pages, err)
		}
		must(t, s.Verify(t.Context(), ""))
		if _, getErr := s.Get(t.Context(), "new"); (getErr == nil) != (err == nil) {
			t.Fatalf("save: %v, get: %v", err, getErr)
		}
		if n := tmpEntries(t, s); n != 0 {
			t.Fatalf("%d folders are left in tmp", n)
		}
		// Removing works on a disk without a free byte.
		if err == nil {
			fillDisk(t, ballast, 0)
			_, err = s.Remove(t.Context(), "new")
			must(t, err)
		}
		must(t, os.Remove(ballast))
		// What a failed save has put in place already goes with the next
		// removal.
		must(t, s.Tag(t.Context(), "old", Ref{"scratch", ""}))
		_, err = s.Remove(t.Context(), "scratch")
		must(t, err)
		if n := len(blobs(t, s)); n != 4 {
			t.Fatalf("%d blobs are left", n)
		}
	}
	if full < 10 || saved < 10 {
		t.Fatalf("the disk was full %d times and not full %d times: this tested nothing", full, saved)
	}
}

// fillDisk makes or lengthens a file until just so many pages are free.
func fillDisk(t *testing.T, path string, free int) {
	t.Helper()
	var st unix.Statfs_t
	must(t, unix.Statfs(filepath.Dir(path), &st))
	n := (int64(st.Bfree) - int64(free)) * st.Bsize
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(t, err)
	_, err = f.Write(make([]byte, max(n, 0)))
	must(t, err)
	must(t, f.Close())
}
