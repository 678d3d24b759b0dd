package supervise_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/procfs"
	"github.com/seancehq/seance/manifest"
	"github.com/seancehq/seance/session"
)

func sleepers(n int) manifest.Manifest {
	man := manifest.Manifest{Name: "bench"}
	for i := range n {
		s := service(fmt.Sprintf("sleep-%d", i), "")
		s.Command = []string{"sleep", "600"}
		man.Services = append(man.Services, s)
	}
	return man
}

func threads(t testing.TB) int {
	t.Helper()
	stat, err := procfs.New("/proc").Stat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return stat.Threads
}

// usage is the processor time of this process and of the children it has reaped.
func usage() time.Duration {
	var total time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		_ = unix.Getrusage(who, &u) // cannot fail with these arguments
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return total
}

// BenchmarkThousandServices starts 1,000 sleeps through the session manager and
// stops them. What remains of the memory is the supervisor's own.
func BenchmarkThousandServices(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var start, stop, cpu time.Duration
			for b.Loop() {
				g := newRig(b, sleepers(n))
				m := g.manager()
				before := threads(b)
				begin, used := time.Now(), usage()
				if _, err := m.Boot(context.Background()); err != nil {
					b.Fatal(err)
				}
				start += time.Since(begin)
				cpu += usage() - used
				runtime.GC()
				if after := threads(b); after > before+20 {
					b.Errorf("threads grow from %d to %d", before, after)
				}
				begin = time.Now()
				if _, err := m.Snapshot(context.Background(), false, true); err != nil {
					b.Fatal(err)
				}
				stop += time.Since(begin)
				b.StopTimer()
				g.end()
				b.StartTimer()
			}
			b.ReportMetric(float64(start.Milliseconds())/float64(b.N), "start-ms")
			b.ReportMetric(float64(stop.Milliseconds())/float64(b.N), "stop-ms")
			b.ReportMetric(float64(cpu.Milliseconds())/float64(b.N), "own-cpu-ms")
		})
	}
}

// BenchmarkBareSpawn is the same programs started by a loop that does nothing
// else, for comparison.
func BenchmarkBareSpawn(b *testing.B) {
	const n = 1000
	for b.Loop() {
		pids := make([]int, 0, n)
		for range n {
			pid, err := syscall.ForkExec("/bin/sleep", []string{"sleep", "600"}, &syscall.ProcAttr{Env: os.Environ()})
			if err != nil {
				b.Fatal(err)
			}
			pids = append(pids, pid)
		}
		b.StopTimer()
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		for _, pid := range pids {
			_, _ = syscall.Wait4(pid, nil, 0, nil)
		}
		b.StartTimer()
	}
}

// TestAtRestNothingIsSpent measures what a hundred services cost while nothing
// happens: memory, goroutines, and time on a processor.
func TestAtRestNothingIsSpent(t *testing.T) {
	const n = 100
	g := newRig(t, sleepers(n))
	m := g.manager(session.WithDefaultTimeout(time.Minute))
	before := runtime.NumGoroutine()
	boot(t, m)
	if grown := runtime.NumGoroutine() - before; grown > 2*n+10 {
		t.Errorf("%d services have %d goroutines", n, grown)
	}
	used, switches := selfUsage()
	time.Sleep(500 * time.Millisecond)
	usedNow, switchesNow := selfUsage()
	if spent := usedNow - used; spent > 50*time.Millisecond {
		t.Errorf("%v on a processor while nothing happened, %d switches", spent, switchesNow-switches)
	}
}

func selfUsage() (time.Duration, int64) {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // cannot fail with these arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), u.Nvcsw
}

// BenchmarkMemory reports the memory that a service costs at rest.
func BenchmarkMemory(b *testing.B) {
	const n = 1000
	for b.Loop() {
		before := pss(b)
		g := newRig(b, sleepers(n))
		m := g.manager()
		if _, err := m.Boot(context.Background()); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		after := pss(b)
		b.ReportMetric(float64(after-before)/n/1024, "KiB/service")
		b.ReportMetric(float64(after)/1024/1024, "MiB-all")
		b.StopTimer()
		g.end()
		b.StartTimer()
	}
}

func pss(b *testing.B) int64 {
	b.Helper()
	n, err := procfs.New("/proc").PSS(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// TestNoDescriptorIsLeft compares what is open before and after services of all
// kinds have come and gone.
func TestNoDescriptorIsLeft(t *testing.T) {
	g := newRig(t, services(service("a", "echo x; exec sleep 600"), service("b", "exit 1"), func() manifest.Service {
		s := service("c", "echo up; exec cat")
		s.Terminal = true
		return s
	}()))
	before := open(t) // the reaper and the logs keep some
	m := g.manager()
	boot(t, m)
	for range 5 {
		if err := g.Restart(limit(t), "c"); err != nil {
			t.Fatal(err)
		}
	}
	snapshot(t, m, false, true)
	eventually(t, "all is closed", func() bool { return open(t) <= before })
}

// open counts descriptors, but for Go's own poller.
func open(t *testing.T) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err == nil && !strings.HasPrefix(target, "anon_inode:[event") && !strings.Contains(target, ".log") {
			n++
		}
	}
	return n
}
