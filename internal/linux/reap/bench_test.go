package reap_test

import (
	"context"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/linux/reap"
)

func ownCPU() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // cannot fail with these arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOrphans is what it costs the reaper to reap 20,000 orphans.
func BenchmarkOrphans(b *testing.B) {
	const n = 20_000
	for b.Loop() {
		r := newReaper(b)
		before := ownCPU()
		p := start(b, r, shell("i=0; while [ $i -lt 20000 ]; do (: & ); i=$((i+1)); done"))
		exit, err := p.Wait(context.Background())
		if err != nil || !exit.Success() {
			b.Fatal(exit, err)
		}
		eventually(b, "all are reaped", func() bool { return r.Orphans() >= n })
		b.ReportMetric(float64((ownCPU()-before).Nanoseconds())/n, "own-ns/orphan")
		r.Close()
	}
}

// BenchmarkStart starts a program and waits for it.
func BenchmarkStart(b *testing.B) {
	r := newReaper(b)
	spec := reap.Spec{Args: []string{"/bin/true"}, Env: os.Environ()}
	b.ReportAllocs()
	for b.Loop() {
		if exit := waitFor(b, start(b, r, spec)); !exit.Success() {
			b.Fatal(exit)
		}
	}
}
