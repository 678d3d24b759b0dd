package process_test

import (
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/seancehq/seance/process"
)

// must returns the value of an operation that has to succeed.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func fork(t testing.TB, p process.Process) process.Process {
	t.Helper()
	child, err := p.Fork()
	if err != nil {
		t.Fatal(err)
	}
	return child
}

func exit(t testing.TB, p process.Process, status process.ExitStatus) process.Effects {
	t.Helper()
	effects, err := p.Exit(status)
	if err != nil {
		t.Fatal(err)
	}
	return effects
}

func free(t testing.TB, p process.Process) {
	t.Helper()
	if err := p.Free(); err != nil {
		t.Fatal(err)
	}
}

func check(t testing.TB, table *process.Table) {
	t.Helper()
	if err := table.Check(); err != nil {
		t.Fatalf("invariants broken:\n%v", err)
	}
}

// refused checks that an operation failed for the reason and with the errno, and
// left the table as it was.
func refused(t testing.TB, table *process.Table, reason error, errno process.Errno, op func() error) {
	t.Helper()
	before := encode(t, table)
	err := op()
	if !errors.Is(err, reason) || !errors.Is(err, errno) {
		t.Errorf("got error %v, want %v (%s)", err, reason, errno.Name())
	}
	if after := encode(t, table); before != after {
		t.Errorf("refused, yet the table changed:\n%s\n%s", before, after)
	}
	check(t, table)
}

func pids(seq iter.Seq[process.Process]) []process.PID {
	var list []process.PID
	for p := range seq {
		list = append(list, p.PID())
	}
	return list
}

func pgids(seq iter.Seq[process.Group]) []process.PID {
	var list []process.PID
	for g := range seq {
		list = append(list, g.PGID())
	}
	return list
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func equalList[T comparable](t testing.TB, what string, got []T, want ...T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
