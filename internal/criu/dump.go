package criu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	gocriu "github.com/checkpoint-restore/go-criu/v8"
	"github.com/checkpoint-restore/go-criu/v8/rpc"

	"github.com/seancehq/seance/internal/linux/pidfd"
	"github.com/seancehq/seance/internal/linux/rewind"
)

// Names of the logs that CRIU leaves in the folder of a dump.
const (
	DumpLog    = "dump.log"
	RestoreLog = "restore.log"
)

// ownMount is the key under which a dump refers to the image's own folder, so
// that a restore can put another in its place.
const ownMount = "seance-own"

// groupsMount is the key of the image's control groups.
const groupsMount = "seance-groups"

// Dump says what to freeze and where to.
type Dump struct {
	// PID is the first process of the tree.
	PID int
	// Dir receives CRIU's files. It exists and is empty.
	Dir string
	// Inside is the path at which the image's own folder is mounted in it,
	// Groups that of its control groups, if it has any.
	Inside, Groups string
	// LockNetwork drops packets of the tree's TCP connections while it is
	// frozen. It is needed when a peer is outside the tree.
	LockNetwork bool
	// Started is told which process runs CRIU, before that does anything.
	Started func(pidfd.ID) error
	// Frozen is called when all is written and all processes still stand
	// still. When it returns an error, they go on, and the dump has failed.
	Frozen func() error
	// Kill ends the processes after Frozen instead of letting them go on.
	Kill bool
	// Halter has the processes stand still on their own; nil: nobody can. Without
	// one, calls that the freeze cut short fail with EINTR when they go on.
	Halter Halter
	// Warn is told what could not be done and is no reason to fail.
	Warn func(error)
}

// Halter has all processes of a tree stand still, such as a cgroup's freezer.
type Halter interface {
	// Freeze asks for it. Processes that are being traced stop when they are let
	// go.
	Freeze() error
	// AwaitFrozen waits until all do.
	AwaitFrozen() error
	// Thaw lets them run on.
	Thaw() error
}

// Run writes the tree to the folder and returns how long it stood still.
//
// The process that runs CRIU may be killed at any moment: as long as Frozen
// has not returned nil, the tree goes on.
func (d Dump) Run(c *CRIU) (still time.Duration, err error) {
	dir, err := os.Open(d.Dir)
	if err != nil {
		return 0, fmt.Errorf("cannot freeze the image: %w", err)
	}
	defer dir.Close()
	n := &dumpNotes{Dump: d}
	err = inPrivateMounts(func() error {
		return c.run(d.Started, func(g *gocriu.Criu) error { return g.Dump(d.options(dir), n) })
	})
	if n.halted {
		d.warn(goOn(d.Halter, n.threads))
	}
	still = n.since()
	switch {
	case n.err != nil:
		return still, n.err
	case err != nil:
		return still, explainLog(filepath.Join(d.Dir, DumpLog), err)
	}
	return still, nil
}

func (d Dump) options(dir *os.File) *rpc.CriuOpts {
	o := common(dir, DumpLog)
	o.Pid = ptr(int32(d.PID))
	o.LeaveRunning = ptr(!d.Kill)
	o.External = []string{"mnt[" + d.Inside + "]:" + ownMount, "mnt[]"}
	if d.Groups != "" {
		o.External = append(o.External, "mnt["+d.Groups+"]:"+groupsMount)
	}
	// Files that are open but deleted go into the dump (ghosts) or, when they
	// have another name, get one for the time of it (link remap).
	o.LinkRemap = ptr(true)
	o.GhostLimit = ptr(uint32(1 << 30))
	o.NetworkLock = rpc.CriuNetworkLockMethod_SKIP.Enum()
	if d.LockNetwork {
		o.NetworkLock = rpc.CriuNetworkLockMethod_NFTABLES.Enum()
	}
	return o
}

// common is what a dump and its restore have to agree on.
func common(dir *os.File, log string) *rpc.CriuOpts {
	return &rpc.CriuOpts{
		ImagesDirFd:    ptr(int32(dir.Fd())),
		LogFile:        ptr(log),
		LogLevel:       ptr(int32(2)),
		TcpEstablished: ptr(true),
		ExtUnixSk:      ptr(true), // datagrams to /dev/log and the like
		FileLocks:      ptr(true),
		// Where there are cgroups they are the manager's to set up again.
		ManageCgroupsMode: rpc.CriuCgMode_IGNORE.Enum(),
	}
}

func ptr[T any](v T) *T { return &v }

func (d Dump) warn(err error) {
	if err != nil && d.Warn != nil {
		d.Warn(err)
	}
}

// dumpNotes hears of CRIU's progress.
type dumpNotes struct {
	gocriu.NoNotify
	Dump
	began   time.Time
	threads []int // whose calls CRIU has cut short
	halted  bool  // the processes were told to stand still
	err     error // what Frozen said
}

// PreDump comes just before the processes are stopped.
func (n *dumpNotes) PreDump() error {
	n.began = time.Now()
	return nil
}

// PostDump comes when all is written and CRIU still holds the processes.
func (n *dumpNotes) PostDump() error {
	var err error
	if n.threads, err = interrupted(filepath.Join(n.Dir, DumpLog)); err == nil {
		err = mend(n.Dir, n.threads)
	}
	n.warn(err)
	if n.Frozen != nil {
		n.err = n.Frozen()
	}
	if !n.Kill || n.err != nil {
		n.halt()
	}
	return n.err
}

// halt keeps the processes from running on when CRIU lets them go, if there are
// calls to be set back.
func (n *dumpNotes) halt() {
	if n.Halter == nil || len(n.threads) == 0 {
		return
	}
	err := n.Halter.Freeze()
	n.halted = err == nil
	n.warn(err)
}

// GoOn does what Run could not do any more, after whose caller's death the
// processes stand still: it sets back the calls that were cut short, and lets the
// processes run on. CRIU has ended by then.
func GoOn(dir string, h Halter) error {
	threads, err := interrupted(filepath.Join(dir, DumpLog))
	return errors.Join(err, goOn(h, threads))
}

func goOn(h Halter, threads []int) error {
	err := h.AwaitFrozen()
	if err == nil {
		err = rewind.Threads(threads)
	}
	return errors.Join(err, h.Thaw())
}

func (n *dumpNotes) since() time.Duration {
	if n.began.IsZero() {
		return 0
	}
	return time.Since(n.began)
}
