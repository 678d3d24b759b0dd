package cgroup_test

import (
	"bufio"
	"errors"
	"os/exec"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/linux/cgroup"
)

func TestAFrozenTreeStandsStillUntilItIsThawed(t *testing.T) {
	each(t, func(t *testing.T, proc string) {
		tree, err := cgroup.Open(cgroup.Options{Proc: proc})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := errors.Join(tree.All().Kill(t.Context()), tree.Close()); err != nil {
				t.Error(err)
			}
		}()
		if !tree.CanFreeze() {
			if tree.Version() == 2 {
				t.Error("version 2 does not freeze")
			}
			return
		}
		freezes(t, tree)
	})
}

// freezes has a program tick, stop ticking, and tick on.
func freezes(t *testing.T, tree *cgroup.Tree) {
	group, err := tree.Group("ticker")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "while sleep 0.01; do echo tick; done")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if err := group.Add(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	ticks := make(chan string)
	go func() {
		defer close(ticks)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			ticks <- lines.Text()
		}
	}()
	<-ticks
	if err := tree.Freeze(); err != nil {
		t.Fatal(err)
	}
	if err := tree.AwaitFrozen(); err != nil {
		t.Fatal(err)
	}
	for frozen := true; frozen; { // what was written before is still to be read
		select {
		case <-ticks:
		case <-time.After(200 * time.Millisecond):
			frozen = false
		}
	}
	if err := tree.Thaw(); err != nil {
		t.Fatal(err)
	}
	if _, ok := <-ticks; !ok {
		t.Error("it does not go on")
	}
}
