package process_test

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/seancehq/seance/process"
)

// The benchmarks are those by which models of the hierarchy are compared: cycles of
// one process by one goroutine, by several in sessions of their own, and by several
// in one group; then whole tables.

// cycles are what is done to one process after the other.
var cycles = []struct {
	name string
	run  func(p process.Process)
}{
	{"ForkExitFree", func(p process.Process) {
		child, _ := p.Fork()
		_, _ = child.Exit(0)
		_ = child.Free()
	}},
	{"NewSession", func(p process.Process) {
		child, _ := p.Fork()
		_, _, _ = child.CreateSession()
		_, _ = child.Exit(0)
		_ = child.Free()
	}},
	{"NewGroupAndBack", func(p process.Process) {
		child, _ := p.Fork()
		_, _ = child.CreateGroup()
		_ = child.MoveToGroup(p.Group())
		_, _ = child.Exit(0)
		_ = child.Free()
	}},
}

func BenchmarkCycle(b *testing.B) {
	for _, cycle := range cycles {
		b.Run(cycle.name+"/one", func(b *testing.B) {
			p := fork(b, process.NewTable().Init())
			for b.Loop() {
				cycle.run(p)
			}
		})
		b.Run(cycle.name+"/own-sessions", func(b *testing.B) { benchParallel(b, cycle.run, true) })
		b.Run(cycle.name+"/one-group", func(b *testing.B) { benchParallel(b, cycle.run, false) })
	}
}

// benchParallel gives ns/op as time by operations of all goroutines together.
func benchParallel(b *testing.B, run func(process.Process), ownSessions bool) {
	init := process.NewTable().Init()
	b.RunParallel(func(pb *testing.PB) {
		p := fork(b, init)
		if ownSessions {
			if _, _, err := p.CreateSession(); err != nil {
				b.Error(err)
			}
		}
		for pb.Next() {
			run(p)
		}
	})
}

const million = 1_000_000

// populate makes a million processes in 10,000 sessions of 10 groups of 10.
func populate(b *testing.B, table *process.Table) {
	init := table.Init()
	for range 10_000 {
		leader, _ := init.Fork()
		_, _, _ = leader.CreateSession()
		for g := range 10 {
			first := leader
			if g > 0 {
				first, _ = leader.Fork()
				_, _ = first.CreateGroup()
			}
			for range 9 {
				_, _ = first.Fork()
			}
		}
	}
	want := process.Counts{Processes: million + 1, Threads: million + 1, Groups: 100_001, Sessions: 10_001, Numbers: million + 1}
	b.StopTimer()
	if got := table.Counts(); got != want {
		b.Fatalf("made %+v", got)
	}
	b.StartTimer()
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func perProcess(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/process")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkMillion(b *testing.B) {
	b.Run("build", func(b *testing.B) {
		var bytes uint64
		for range b.N {
			b.StopTimer()
			before := heap()
			table := process.NewTable()
			b.StartTimer()
			populate(b, table)
			b.StopTimer()
			bytes = heap() - before
			runtime.KeepAlive(table)
			b.StartTimer()
		}
		perProcess(b, million)
		b.ReportMetric(float64(bytes)/million, "B/process")
	})
	b.Run("walk", func(b *testing.B) {
		table := process.NewTable()
		populate(b, table)
		b.ResetTimer()
		for range b.N {
			n := 0
			for s := range table.Sessions() {
				for g := range s.Groups() {
					for p := range g.Processes() {
						if p.PID() > 0 {
							n++
						}
					}
				}
			}
			if n != million+1 {
				b.Fatalf("walked %d processes", n)
			}
		}
		perProcess(b, million)
	})
	b.Run("tear-down", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			table := process.NewTable()
			populate(b, table)
			b.StartTimer()
			for p := range table.Processes() {
				if p != table.Init() {
					_, _ = p.Exit(0)
					_ = p.Free()
				}
			}
			if table.Len() != 1 {
				b.Fatal("not all are gone")
			}
		}
		perProcess(b, million)
	})
	b.Run("state", func(b *testing.B) {
		table := process.NewTable()
		populate(b, table)
		runtime.GC()
		b.ResetTimer()
		for range b.N {
			if st := table.State(); len(st.Sessions) != 10_001 {
				b.Fatal("not all sessions")
			}
		}
		perProcess(b, million)
	})
	b.Run("restore", func(b *testing.B) {
		table := process.NewTable()
		populate(b, table)
		st := table.State()
		runtime.GC()
		b.ResetTimer()
		for range b.N {
			if _, err := process.Restore(st); err != nil {
				b.Fatal(err)
			}
		}
		perProcess(b, million)
	})
	b.Run("encode", func(b *testing.B) {
		table := process.NewTable()
		populate(b, table)
		st := table.State()
		var buf []byte
		b.ResetTimer()
		for range b.N {
			buf, _ = st.AppendBinary(buf[:0])
		}
		perProcess(b, million)
		b.ReportMetric(float64(len(buf))/million, "B/process")
	})
}

func BenchmarkExitOfParent(b *testing.B) {
	const children = 100_000
	for range b.N {
		b.StopTimer()
		table := process.NewTable()
		parent := fork(b, table.Init())
		for range children {
			fork(b, parent)
		}
		b.StartTimer()
		if _, err := parent.Exit(0); err != nil {
			b.Fatal(err)
		}
	}
	perProcess(b, children)
}

func BenchmarkList(b *testing.B) {
	const n = 10_000
	parent := fork(b, process.NewTable().Init())
	group := must[process.Group](b)(parent.CreateGroup())
	for range n {
		fork(b, parent)
	}
	for name, seq := range map[string]func(func(process.Process) bool){"children": parent.Children(), "members": group.Processes()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				count := 0
				for p := range seq {
					if p.PID() > 0 {
						count++
					}
				}
				if count < n {
					b.Fatal("some are missing")
				}
			}
			perProcess(b, n)
		})
	}
}

// Getters are measured alone, by two goroutines, and beside a writer.
func BenchmarkGetters(b *testing.B) {
	table := process.NewTable()
	p := fork(b, table.Init())
	for _, getter := range []struct {
		name string
		get  func() bool
	}{
		{"State", func() bool { return p.State() == process.Running }},
		{"Parent", func() bool { return p.Parent().PID() == 1 }},
		{"Group", func() bool { return p.Group().PGID() == 1 }},
		{"Session", func() bool { return p.Session().SID() == 1 }},
		{"Lookup", func() bool { q, _ := table.Process(p.PID()); return q == p }},
	} {
		parallel := func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if !getter.get() {
						b.Error("wrong answer")
					}
				}
			})
		}
		b.Run(getter.name+"/one", func(b *testing.B) {
			for b.Loop() {
				if !getter.get() {
					b.Fatal("wrong answer")
				}
			}
		})
		b.Run(getter.name+"/parallel", parallel)
		b.Run(getter.name+"/beside-writer", func(b *testing.B) {
			var stop atomic.Bool
			done := make(chan struct{})
			go func() {
				defer close(done)
				for !stop.Load() {
					cycles[0].run(p)
				}
			}()
			for b.Loop() {
				if !getter.get() {
					b.Error("wrong answer")
				}
			}
			stop.Store(true)
			<-done
		})
	}
}

func BenchmarkWait(b *testing.B) {
	p := fork(b, process.NewTable().Init())
	for b.Loop() {
		child, _ := p.Fork()
		_, _ = child.Exit(0)
		if result, err := p.Wait4(-1, 0); err != nil || result.PID != child.PID() {
			b.Fatal(result, err)
		}
	}
}

func BenchmarkSync(b *testing.B) {
	const n = 10_000
	table := process.NewTable()
	for range n - 1 {
		fork(b, table.Init())
	}
	seen := look(table)
	mirror, err := process.Mirror(seen)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if events, err := mirror.Sync(seen); err != nil || len(events) > 0 {
			b.Fatal(events, err)
		}
	}
	perProcess(b, n)
}
