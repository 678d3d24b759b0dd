package initd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/linux/ns"
)

// command and stay are the hidden command line of init: what the monitor
// calls, and what init calls in its own place.
const (
	command = "_init"
	stay    = "--stay"
)

// Main is init. It does not return while the image lives.
func Main(args []string) int {
	if len(args) == 2 && args[0] == stay {
		return inhabit(args[1])
	}
	// What goes wrong from here on is said on the standard error of the
	// monitor's making, which is let go of only by the exec that succeeds.
	complain, err := keep(2)
	if err == nil {
		err = enter(args)
	}
	fmt.Fprintln(complain, err)
	return 1
}

// keep makes another descriptor of one that is about to be replaced.
func keep(fd uintptr) (*os.File, error) {
	kept, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return os.Stderr, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(kept), "complain"), nil
}

// enter waits at the gate, moves into the image and starts over there. It
// returns only when it fails.
func enter(args []string) error {
	if len(args) != 1 {
		return errors.New("this command is seance's own: it runs as the init of an image")
	}
	dir := args[0]
	if n, _ := io.ReadFull(os.Stdin, make([]byte, 1)); n == 0 {
		return errors.New("the monitor was lost before init began")
	}
	spec, err := readSpec(dir)
	if err != nil {
		return err
	}
	if spec.Own {
		layout := ns.Layout{Dir: dir, Inside: spec.Dir, Groups: spec.Groups, Root: filepath.Join(dir, "root")}
		if err := ns.Enter(layout); err != nil {
			return err
		}
	}
	program := filepath.Join(spec.Dir, "bin", "seance")
	return ns.Replace(program, []string{"seance", command, stay, spec.Dir}, spec.Env)
}

func readSpec(dir string) (s link.Spec, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, link.SpecFile))
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		return s, fmt.Errorf("cannot learn what to run: %w", err)
	}
	return s, nil
}

// placeOf is the image's own folder as init sees it.
func placeOf(spec link.Spec) api.Live { return api.Live{Name: spec.Name, Dir: spec.Dir} }
