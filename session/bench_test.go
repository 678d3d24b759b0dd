package session_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/seancehq/seance/session"
)

type idle string

func (h idle) ID() string                         { return string(h) }
func (idle) Startup(context.Context, bool) error  { return nil }
func (idle) Shutdown(context.Context, bool) error { return nil }

func handlers(n int) []session.Handler {
	out := make([]session.Handler, n)
	for i := range out {
		out[i] = idle(fmt.Sprintf("handler-%d", i))
	}
	return out
}

func registered(b testing.TB, m *session.Manager, list []session.Handler) *session.Manager {
	categories := m.Categories()
	for i, h := range list {
		if err := categories[i%len(categories)].Register(h, session.AtPriority(i%7)); err != nil {
			b.Fatal(err)
		}
	}
	return m
}

// BenchmarkStartAndStop boots and quits a session of n handlers that do nothing.
func BenchmarkStartAndStop(b *testing.B) {
	for _, concurrent := range []bool{false, true} {
		for _, n := range []int{100, 10_000} {
			b.Run(fmt.Sprintf("handlers=%d/concurrent=%v", n, concurrent), func(b *testing.B) {
				startAndStop(b, n, concurrent)
			})
		}
	}
}

func startAndStop(b *testing.B, n int, concurrent bool) {
	var opts []session.Option
	if concurrent {
		opts = append(opts, session.WithConcurrency())
	}
	m := registered(b, session.New(opts...), handlers(n))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Boot(b.Context()); err != nil {
			b.Fatal(err)
		}
		if _, err := m.Snapshot(b.Context(), false, true); err != nil {
			b.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/handler")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N*n), "B/handler")
}

// BenchmarkRegister registers n handlers and asks once for the start-up list: the time for each
// must not grow with n.
func BenchmarkRegister(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("handlers=%d", n), func(b *testing.B) {
			list := handlers(n)
			b.ReportAllocs()
			for b.Loop() {
				m := registered(b, session.New(), list)
				if len(m.StartupList()) != n {
					b.Fatal("handlers are missing")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/handler")
		})
	}
}

// TestCostOfAHandler holds the memory that a start-up and a shut-down take for each handler.
func TestCostOfAHandler(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates memory of its own, so the figure would not be the package's")
	}
	const n, limit = 10_000, 400
	m := registered(t, session.New(), handlers(n))
	cycle := func() {
		boot(t, m)
		if _, err := m.Snapshot(t.Context(), false, true); err != nil {
			t.Fatal(err)
		}
	}
	cycle() // sorts the list
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cycle()
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > limit {
		t.Errorf("a handler costs %d bytes, want at most %d", each, limit)
	} else {
		t.Logf("a handler costs %d bytes", each)
	}
}
