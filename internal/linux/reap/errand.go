package reap

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/seancehq/seance/internal/linux/cgroup"
)

// ShimCommand is the hidden command as which the program that makes a Reaper
// is run again: [Exec] does in the new process what fork and exec do not.
const ShimCommand = "_exec"

// errand is what the shim does before it becomes the program. It is handed over
// in its arguments, the paths as bytes: they need not be valid UTF-8.
type errand struct {
	// Report is the descriptor on which a failure is told. It is closed by the
	// exec that succeeds.
	Report     int                 `json:"report"`
	Path       []byte              `json:"path"`
	Dir        []byte              `json:"dir,omitempty"`
	Umask      *uint32             `json:"umask,omitempty"`
	Nice       *int                `json:"nice,omitempty"`
	Limits     map[Resource]Limit  `json:"limits,omitempty"`
	Cgroup     []byte              `json:"cgroup,omitempty"` // its cgroup.procs
	Credential *syscall.Credential `json:"credential,omitempty"`
	Signal     syscall.Signal      `json:"signal,omitempty"` // at the death of Parent
	Parent     int                 `json:"parent,omitempty"`
}

// needsShim says that the program needs what only a process itself can do: it
// is cloned into a group where that is possible.
func (s *Spec) needsShim() bool {
	return s.Umask != nil || s.Nice != nil || len(s.Limits) > 0 || needsMove(s.Cgroup)
}

func needsMove(g *cgroup.Group) bool { return g != nil && !g.CanClone() }

// errandFor is what the shim has to do for a program.
func errandFor(spec *Spec, path string, report int) errand {
	e := errand{
		Report:     report,
		Path:       []byte(path),
		Dir:        []byte(spec.Dir),
		Umask:      spec.Umask,
		Nice:       spec.Nice,
		Limits:     spec.Limits,
		Credential: spec.Credential,
	}
	if needsMove(spec.Cgroup) {
		e.Cgroup = []byte(spec.Cgroup.Procs())
	}
	if spec.ParentDeathSignal != 0 {
		e.Signal, e.Parent = spec.ParentDeathSignal, os.Getpid()
	}
	return e
}

// args is the shim's argument vector. The program's own follows, so that what
// ps(1) shows for this moment tells whose it is.
func (e errand) args(program []string) ([]string, error) {
	if len(os.Args) > 1 && os.Args[1] == ShimCommand {
		// A program that does not know the command would start itself for ever.
		return nil, errors.New("the program that makes a Reaper does not run Exec for its command " + ShimCommand)
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return append([]string{"seance", ShimCommand, string(text)}, program...), nil
}

func parseErrand(args []string) (e errand, program []string, err error) {
	if len(args) < 2 {
		return e, nil, errors.New("this command is seance's own: it becomes a service's program")
	}
	if err := json.Unmarshal([]byte(args[0]), &e); err != nil {
		return e, nil, fmt.Errorf("cannot learn what to run: %w", err)
	}
	return e, args[1:], nil
}

// step is one of the shim's, in their order. Each needs the privileges that
// the next ones may give up.
type step byte

const (
	stepPrepare step = iota
	stepCgroup
	stepNice
	stepUmask
	stepLimit
	stepUser
	stepSignal
	stepDir
	stepExec
)

// A failure is told as three numbers: the step, which limit it was, the errno.
const failureSize = 3

func encodeFailure(s step, limit Resource, errno syscall.Errno) [failureSize]byte {
	return [failureSize]byte{byte(s), byte(limit), byte(errno)}
}

// shimError puts a failure of the shim into the words that a direct start would
// use, and those steps that only the shim takes into words of their own.
func shimError(spec *Spec, path string, failure [failureSize]byte) error {
	errno := syscall.Errno(failure[2])
	program := spec.Args[0]
	failed := func(format string, args ...any) error {
		return &StartError{program, fmt.Sprintf("program %q "+format, append([]any{program}, args...)...), errno}
	}
	switch step(failure[0]) {
	case stepCgroup:
		return failed("cannot enter its cgroup %s: %v", spec.Cgroup.Path(), errno)
	case stepNice:
		if errno == syscall.EACCES || errno == syscall.EPERM {
			return failed("cannot have nice value %d: a lower one than now needs root (CAP_SYS_NICE)", *spec.Nice)
		}
		return failed("cannot have nice value %d: %v", *spec.Nice, errno)
	case stepLimit:
		resource := Resource(failure[1])
		return failed("cannot have limit %s %s: %s", resource, spec.Limits[resource], limitReason(errno))
	case stepPrepare, stepUmask, stepSignal:
		return failed("cannot be prepared: %v", errno)
	}
	return explain(*spec, path, errno) // the steps that a direct start takes too
}

func limitReason(errno syscall.Errno) string {
	switch errno {
	case syscall.EPERM:
		return "more than the hard limit now, which only root can raise (CAP_SYS_RESOURCE)"
	case syscall.EINVAL:
		return "the soft limit is above the hard one, or this kernel has no such limit"
	}
	return errno.Error()
}
