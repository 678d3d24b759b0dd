package process_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/seancehq/seance/process"
)

// rich is a table with something of everything.
func rich(t testing.TB) *process.Table {
	table := process.NewTable(process.WithGlobalInit())
	init := table.Init()
	shell := must[process.Process](t)(init.ForkWithPID(500))
	if _, _, err := shell.CreateSession(); err != nil {
		t.Fatal(err)
	}
	if err := shell.SetTerminal(34816, "pts/0", false); err != nil {
		t.Fatal(err)
	}
	if err := shell.SetCommand(process.Command{Comm: "sh", Args: []string{"-sh", ""}, Letter: "S"}); err != nil {
		t.Fatal(err)
	}
	job := must[process.Process](t)(shell.ForkWithPID(90))
	must[process.Group](t)(job.CreateGroup())
	must[process.Thread](t)(job.NewThread())
	if _, err := shell.SetForeground(34816, 90, true); err != nil {
		t.Fatal(err)
	}
	stopped := must[process.Process](t)(shell.ForkWithPID(80))
	if _, err := stopped.Stop(process.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	zombie := fork(t, shell)
	exit(t, zombie, process.Dumped(11))
	reaper := fork(t, init)
	if err := errors.Join(reaper.SetSubreaper(true), reaper.Exec()); err != nil {
		t.Fatal(err)
	}
	main := fork(t, reaper)
	must[process.Thread](t)(main.NewThread())
	if _, _, err := main.MainThread().Exit(0); err != nil {
		t.Fatal(err)
	}
	if err := main.BeginExit(process.Exited(4)); err != nil {
		t.Fatal(err)
	}
	return table
}

func TestBothEncodingsKeepEverything(t *testing.T) {
	table := rich(t)
	refreeze(t, table)
	st := table.State()
	b, err := st.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var again process.State
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(st, again) {
		t.Errorf("binary:\n%+v\n%+v", st, again)
	}
	text, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	var fromJSON process.State
	if err := json.Unmarshal(text, &fromJSON); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(st, fromJSON) {
		t.Errorf("JSON:\n%+v\n%+v", st, fromJSON)
	}
}

func TestDecoderRefusesDamagedInput(t *testing.T) {
	b, err := rich(t).State().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var st process.State
	for n := range b {
		if err := st.UnmarshalBinary(b[:n]); !errors.Is(err, process.ErrBadState) {
			t.Errorf("cut off after %d bytes: got error %v", n, err)
		}
	}
	if err := st.UnmarshalBinary(append(b, 0)); !errors.Is(err, process.ErrBadState) {
		t.Errorf("a byte too many: got error %v", err)
	}
	b[3]++
	if err := st.UnmarshalBinary(b); !errors.Is(err, process.ErrVersion) {
		t.Errorf("another version: got error %v", err)
	}
}

// Any input is an error or a table that holds together.
func FuzzDecode(f *testing.F) {
	for _, table := range []*process.Table{process.NewTable(), rich(f)} {
		b, err := table.State().MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var st process.State
		if st.UnmarshalBinary(b) != nil {
			return
		}
		survive(t, st)
	})
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(encode(f, rich(f))))
	f.Fuzz(func(t *testing.T, b []byte) {
		var st process.State
		if json.Unmarshal(b, &st) != nil {
			return
		}
		survive(t, st)
	})
}

// survive restores a state that may be nonsense, and does everything to what comes of it.
func survive(t *testing.T, st process.State) {
	table, err := process.Restore(st)
	if err != nil {
		return
	}
	check(t, table)
	refreeze(t, table)
	for _, pid := range pids(table.Processes()) {
		for i, name := range actions {
			a := action{name: name, pid: pid, a: pid, b: process.PID(i), options: process.WNOHANG, flag: i%2 == 0}
			_, _ = a.do(table)
		}
		check(t, table)
	}
}
