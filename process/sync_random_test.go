package process_test

import (
	"flag"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/seancehq/seance/process"
)

// rapidChecks sets how often rapid runs a property, unless the command line does.
func rapidChecks(t *testing.T, n int) {
	t.Helper()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if given {
		return
	}
	old := flag.Lookup("rapid.checks").Value.String()
	if err := flag.Set("rapid.checks", fmt.Sprint(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Lookup("rapid.checks").Value.Set(old) })
}

// Whatever is observed, nonsense included, Sync refuses it or leaves a table that holds
// together, and after it nothing has changed for a second Sync.
func TestSyncOfAnything(t *testing.T) {
	rapidChecks(t, 500)
	small := number(0, 9)
	device := rapid.Map(rapid.IntRange(0, 2), func(n int) process.Device { return process.Device(n) })
	one := rapid.Custom(func(t *rapid.T) process.Observed {
		return process.Observed{
			PID: number(1, 9).Draw(t, "pid"), PPID: small.Draw(t, "ppid"),
			PGID: small.Draw(t, "pgid"), SID: small.Draw(t, "sid"),
			TIDs:  rapid.SliceOfN(number(-1, 12), 0, 3).Draw(t, "tids"),
			State: rapid.SampledFrom([]byte{0, 'R', 'S', 'T', 't', 'Z', 'X'}).Draw(t, "state"),
			Start: rapid.Uint64Range(0, 3).Draw(t, "start"), Comm: rapid.StringN(0, 3, 3).Draw(t, "comm"),
			TTY: device.Draw(t, "tty"), Foreground: number(-1, 9).Draw(t, "foreground"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		table := process.NewTable()
		for range 4 {
			observed := rapid.SliceOfNDistinct(one, 0, 7, func(o process.Observed) process.PID { return o.PID }).Draw(t, "observed")
			observed = append(observed[:0:0], observed...)
			if rapid.IntRange(0, 9).Draw(t, "init") > 0 {
				observed = withInit(observed)
			}
			_, err := table.Sync(observed)
			if broken := table.Check(); broken != nil {
				t.Fatalf("%+v:\n%v", observed, broken)
			}
			if _, broken := process.Restore(table.State()); broken != nil {
				t.Fatalf("%+v: %v", observed, broken)
			}
			if err != nil {
				continue
			}
			if events, err := table.Sync(observed); err != nil || len(events) > 0 {
				t.Fatalf("%+v: then %v, %v", observed, events, err)
			}
			for range 3 {
				a := drawAction(t, table)
				_, _ = a.do(table)
				if broken := table.Check(); broken != nil {
					t.Fatalf("%+v, then %+v:\n%v", observed, a, broken)
				}
			}
		}
	})
}

func withInit(list []process.Observed) []process.Observed {
	for i := range list {
		if list[i].PID == 1 {
			list[i].State = 'S'
			return list
		}
	}
	return append(list, process.Observed{PID: 1, PGID: 1, SID: 1})
}

// look is what would be observed of a table if it were a live system.
func look(table *process.Table) []process.Observed {
	var list []process.Observed
	for p := range table.Processes() {
		o := process.Observed{
			PID: p.PID(), PPID: p.Parent().PID(), PGID: p.Group().PGID(), SID: p.Session().SID(),
			State: map[process.RunState]byte{process.Running: 'S', process.Stopped: 'T', process.Zombie: 'Z'}[p.State()],
		}
		o.Status, _ = p.ExitStatus()
		o.TIDs = []process.PID{p.PID()}
		for th := range p.Threads() {
			if !th.IsMain() {
				o.TIDs = append(o.TIDs, th.TID())
			}
		}
		if p.State() != process.Zombie && !p.MainThread().Exists() {
			o.State = 'Z'
		}
		if p.HasTerminal() {
			o.TTY, o.TTYName, _ = p.Session().Terminal()
			o.Foreground, _ = p.Session().Foreground()
		}
		list = append(list, o)
	}
	return list
}

// A table that is kept in line with another one shows the same.
func TestSyncMirrorsWhateverHappens(t *testing.T) {
	rapidChecks(t, 300)
	rapid.Check(t, func(t *rapid.T) {
		system, mirror := process.NewTable(), process.NewTable()
		for range rapid.IntRange(1, 12).Draw(t, "syncs") {
			for range rapid.IntRange(0, 6).Draw(t, "actions") {
				_, _ = drawAction(t, system).do(system)
			}
			if _, err := mirror.Sync(look(system)); err != nil {
				t.Fatal(err)
			}
			if err := mirror.Check(); err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprintf("%+v", look(mirror)), fmt.Sprintf("%+v", look(system)); got != want {
				t.Fatalf("not the same:\n%s\n%s", got, want)
			}
			for g := range system.Groups() {
				twin, _ := mirror.Group(g.PGID())
				if g.IsOrphaned() != twin.IsOrphaned() {
					t.Fatalf("group %d is orphaned: %v, in the mirror %v", g.PGID(), g.IsOrphaned(), twin.IsOrphaned())
				}
			}
		}
	})
}
