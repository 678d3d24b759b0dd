package reap

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// tree makes a proc file system of text files.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestChildrenOfAllThreads(t *testing.T) {
	proc := tree(t, map[string]string{
		"self/task/10/children": "11 12 ",
		"self/task/13/children": "",
		"self/task/14/children": "15 ",
	})
	if got, err := readChildren(proc); err != nil || !slices.Equal(got, []int{11, 12, 15}) {
		t.Errorf("%v, error %v", got, err)
	}
}

func TestChildrenWithoutTheKernelsList(t *testing.T) {
	stat := func(pid, ppid int) string {
		return fmt.Sprintf("%d (x) S %d 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0", pid, ppid)
	}
	self := os.Getpid()
	proc := tree(t, map[string]string{
		"self/task/10/stat": "", // and no children
		"21/stat":           stat(21, self),
		"22/stat":           stat(22, 21),
		"23/stat":           stat(23, self),
	})
	got, err := readChildren(proc)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, []int{21, 23}) {
		t.Errorf("%v, error %v", got, err)
	}
}
