package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/testenv"
)

// moment is a part of a save in which CRIU can be told from outside to have no
// code of its own half way into a program. (There are some milliseconds in which
// it has; killed there, it takes the program with it.)
type moment struct {
	name string
	save []string    // the command
	now  func() bool // asked again while CRIU stands still
}

// TestCRIUIsKilledInTheMiddleOfASave has it killed when it has just begun, while
// it writes the memory, and while the monitor stores what it has written.
func TestCRIUIsKilledInTheMiddleOfASave(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	b.must("up", "-f", b.holder("big", 150))
	save, quit := []string{"snapshot"}, []string{"snapshot", "--quit"}
	moments := []moment{
		{"it has begun", save, func() bool { return !b.isTraced("big") }},
		{"it writes the memory", save, b.writesMemory("big")},
		{"it writes the memory of an image that is to quit", quit, b.writesMemory("big")},
		{"an image that is to quit is being stored", quit, func() bool { return sizeOf(b.home+"/store/tmp/*/*") > 20<<20 }},
	}
	for range 3 {
		for _, at := range moments {
			said, err := b.killCRIU("big", at, func() {})
			b.valid()
			if _, live := b.record("big"); !live { // stored in the same moment
				b.must("boot", "big")
			} else if err != nil && !strings.Contains(said, `cannot save image "big": CRIU was killed before it was done; try again; it goes on`) {
				t.Errorf("killed when %s, the message: %s", at.name, said)
			}
			b.goesOn("big")
		}
	}
	b.must("snapshot", "--quit")
	b.must("boot", "big")
	b.goesOn("big")
}

// isTraced says that CRIU has the programs of an image stopped.
func (b *box) isTraced(name string) bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.image(name).PID))
	return !bytes.Contains(status, []byte("TracerPid:\t0\n"))
}

// writesMemory says that CRIU is writing the memory of an image, of which there
// are 150 MiB.
func (b *box) writesMemory(name string) (now func() bool) {
	return func() bool {
		n := sizeOf(filepath.Join(b.home, "live", name, "criu-*", "pages-*.img"))
		return 20<<20 < n && n < 120<<20
	}
}

// killCRIU saves an image until CRIU could be killed at a moment, and returns what
// came of that save. A save in which it could not has to succeed.
func (b *box) killCRIU(name string, at moment, before func()) (said string, err error) {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if _, live := b.record(name); !live {
			b.must("boot", name)
		}
		save, monitor := b.command(at.save...), b.monitorOf(name)
		var out bytes.Buffer
		save.Stderr = &out
		if err := save.Start(); err != nil {
			b.t.Fatal(err)
		}
		criu := b.caught(save.Process.Pid, monitor, at.now)
		if criu != 0 {
			before()
			_ = syscall.Kill(criu, syscall.SIGKILL)
			err := save.Wait()
			return out.String(), err
		}
		if err := save.Wait(); err != nil {
			b.t.Fatalf("CRIU was not killed when %s, and the save failed: %v %s", at.name, err, out.String())
		}
	}
	b.t.Fatalf("in a minute, CRIU was never caught when %s", at.name)
	return "", nil
}

// caught stops the CRIU of a save at a moment. It is 0 when the save is over.
func (b *box) caught(save, monitor int, now func() bool) (criu int) {
	for ; !b.over(save); time.Sleep(time.Millisecond) {
		if criu = childNamed(monitor, "criu"); criu == 0 || !now() {
			continue
		}
		_ = syscall.Kill(criu, syscall.SIGSTOP)
		b.until("CRIU stands still", func() bool { s := stateOf(criu); return s == 'T' || s == 'Z' || s == 0 })
		if now() {
			return criu
		}
		_ = syscall.Kill(criu, syscall.SIGCONT)
	}
	return 0
}

// childNamed is a child of a process by the beginning of its command line's
// first words, 0 when there is none.
func childNamed(parent int, name string) int {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	for _, task := range tasks {
		raw, _ := os.ReadFile(task)
		for _, field := range strings.Fields(string(raw)) {
			line, _ := os.ReadFile("/proc/" + field + "/cmdline")
			if bytes.Contains(line, []byte(name)) {
				pid, _ := strconv.Atoi(field)
				return pid
			}
		}
	}
	return 0
}

// over says whether a child has ended and waits for nothing but to be waited
// for.
func (b *box) over(pid int) bool {
	s := stateOf(pid)
	return s == 0 || s == 'Z'
}

// stateOf is the state of a process, see proc_pid_stat(5); 0 when it is gone.
func stateOf(pid int) byte {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if _, state, found := bytes.Cut(raw[bytes.LastIndexByte(raw, ')')+1:], []byte(" ")); err == nil && found && len(state) > 0 {
		return state[0]
	}
	return 0
}

func sizeOf(pattern string) (n int64) {
	paths, _ := filepath.Glob(pattern)
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			n += info.Size()
		}
	}
	return n
}
