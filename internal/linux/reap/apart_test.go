package reap_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/seancehq/seance/internal/linux/cgroup"
	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/internal/testenv"
)

// Programs that are started on a thread with descriptors of its own get theirs
// and no others, however many there are, and none is left open.
func TestManyStartsHaveTheirDescriptors(t *testing.T) {
	r := newReaper(t)
	const n = 200
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			out, w, err := os.Pipe()
			if err != nil {
				t.Error(err)
				return
			}
			defer out.Close()
			spec := shell(fmt.Sprintf("echo %d; echo $(ls /proc/self/fd); cat <&2 >/dev/null", i))
			spec.Files = []*os.File{nil, w, nil}
			spec.ParentDeathSignal = syscall.SIGTERM
			p, err := r.Start(spec)
			w.Close()
			if err != nil {
				t.Error(err)
				return
			}
			// The end comes only when nobody else holds the pipe open.
			said, err := io.ReadAll(out)
			if want := fmt.Sprintf("%d\n0 1 2 3\n", i); string(said) != want || err != nil { // 3 is what ls reads
				t.Errorf("it said %q, error %v; want %q", said, err, want)
			}
			waitFor(t, p)
		})
	}
	all.Wait()
	r.Close()
	for _, left := range descriptors(t) {
		if strings.HasPrefix(left, "socket:") {
			t.Errorf("left open: %s", left)
		}
	}
}

func TestManyStartsInACgroupAndWithTheShim(t *testing.T) {
	groups, err := cgroup.Open(cgroup.Options{Name: fmt.Sprintf("seance-test-apart-%d", os.Getpid())})
	if err != nil {
		testenv.Missing(t, "needs control groups: "+err.Error())
	}
	t.Cleanup(func() { _ = groups.Close() })
	r := newReaper(t)
	nice := 5
	for i := range 80 {
		group, err := groups.Group(fmt.Sprint(i % 3))
		if err != nil {
			t.Fatal(err)
		}
		spec := shell("[ $(nice) = 5 ] && grep -q seance-test-apart /proc/self/cgroup")
		spec.ParentDeathSignal, spec.Cgroup, spec.Nice = syscall.SIGTERM, group, &nice
		if exit := waitFor(t, start(t, r, spec)); !exit.Success() {
			t.Fatalf("start %d: %v", i, exit)
		}
	}
}

func BenchmarkStartAmongManyDescriptors(b *testing.B) {
	for name, signal := range map[string]syscall.Signal{"common table": 0, "own table": syscall.SIGTERM} {
		b.Run(name, func(b *testing.B) {
			for range 2000 {
				f, err := os.Open(os.DevNull)
				if err != nil {
					b.Fatal(err)
				}
				defer f.Close()
			}
			r := newReaper(b)
			spec := reap.Spec{Args: []string{"/bin/true"}, Env: os.Environ(), ParentDeathSignal: signal}
			for range 40 {
				waitFor(b, start(b, r, spec))
			}
			for b.Loop() {
				waitFor(b, start(b, r, spec))
			}
		})
	}
}

// Programs that are forked side by side have each its own mark, and others none.
func TestManyStartsHaveTheirMarks(t *testing.T) {
	if !reap.CanMark() {
		testenv.Missing(t, "needs a hard limit of RLIMIT_RTTIME that is high enough")
	}
	r := newReaper(t)
	var all sync.WaitGroup
	for i := range 400 {
		all.Go(func() {
			out, w, err := os.Pipe()
			if err != nil {
				t.Error(err)
				return
			}
			defer out.Close()
			spec := reap.Spec{Args: []string{"grep", "-o", "timeout *[^ ]*", "/proc/self/limits"}, Env: os.Environ()}
			spec.Files = []*os.File{nil, w, nil}
			want := "unlimited"
			if i%4 != 0 {
				spec.Mark = reap.MinMark + uint64(i)
				want = fmt.Sprint(spec.Mark)
			}
			if i%3 != 0 { // the others are forked from any thread
				spec.ParentDeathSignal = syscall.SIGTERM
			}
			p, err := r.Start(spec)
			w.Close()
			if err != nil {
				t.Error(err)
				return
			}
			said, err := io.ReadAll(out)
			if fields := strings.Fields(string(said)); err != nil || len(fields) != 2 || fields[1] != want {
				t.Errorf("start %d: limit %q, error %v; want %s", i, said, err, want)
			}
			waitFor(t, p)
		})
	}
	all.Wait()
	limits, err := os.ReadFile("/proc/self/limits")
	if err != nil || !strings.Contains(string(limits), "Max realtime timeout      unlimited") {
		t.Errorf("this process has a mark: %s, error %v", limits, err)
	}
}
