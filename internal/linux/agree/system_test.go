//go:build linux

package agree

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/process"
)

// op is a system call an actor can make; the numbers are those of actor.c.
type op int32

const (
	opFork op = iota + 1
	opExec
	opExit
	opSetsid
	opSetpgid
	opKill
	opWait4
	opWaitid
	opSubreaper
	opSetTTY
	opDropTTY
	opSetForeground
	opGetForeground
	opReadTTY
	opWriteTTY
	opLimit
	opThread
	opEndThread
)

const (
	maxSlots = 1024
	ttyCount = 3
	deadline = 20 * time.Second
)

// slot is struct slot of actor.c.
type slot struct {
	command, reply uint32
	op             op
	a, b, c        int32
	result, errno  int32
	out            [3]int32
	pid            int32
	signals        uint64
	_              [8]byte
}

// system is a PID namespace full of actors.
type system struct {
	cmd   *exec.Cmd
	proc  string // its procfs, seen from here
	mem   []byte
	slots *[maxSlots]slot
	used  int
	ttys  [ttyCount]*os.File // the other ends of the terminals
	names [ttyCount]string
	slot  map[process.PID]int
}

func startSystem(actor, dir string) (*system, error) {
	s := &system{slot: map[process.PID]int{}}
	memory, err := s.share()
	if err != nil {
		return nil, fmt.Errorf("cannot share memory with the actors: %w", err)
	}
	defer memory.Close()
	if err := s.openTerminals(); err != nil {
		s.stop()
		return nil, fmt.Errorf("cannot open terminals: %w", err)
	}
	args := append([]string{"0", dir}, s.names[:]...)
	s.cmd = exec.Command(actor, args...)
	s.cmd.ExtraFiles = []*os.File{memory}
	s.cmd.Stderr = os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Setsid: true, Pdeathsig: unix.SIGKILL,
	}
	if err := s.cmd.Start(); err != nil {
		s.stop()
		return nil, fmt.Errorf("cannot start init: %w", err)
	}
	s.used = 1
	s.slot[1] = 0
	s.proc = fmt.Sprintf("/proc/%d/root%s", s.cmd.Process.Pid, dir)
	if !s.await(&s.slots[0].pid) {
		s.stop()
		return nil, fmt.Errorf("init did not come up")
	}
	return s, nil
}

func (s *system) share() (*os.File, error) {
	fd, err := unix.MemfdCreate("actors", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "actors")
	size := int(unsafe.Sizeof(slot{})) * maxSlots
	if err := file.Truncate(int64(size)); err != nil {
		return nil, err
	}
	s.mem, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	s.slots = (*[maxSlots]slot)(unsafe.Pointer(&s.mem[0]))
	return file, nil
}

// openTerminals makes terminals that stop background writers, too.
func (s *system) openTerminals() error {
	for i := range s.ttys {
		master, slave, err := pty.Open()
		if err != nil {
			return err
		}
		s.ttys[i], s.names[i] = master, slave.Name()
		attr, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
		if err == nil {
			attr.Lflag |= unix.TOSTOP
			err = unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, attr)
		}
		// The terminal keeps its settings for as long as the other end is open.
		if err := slave.Close(); err != nil {
			return err
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *system) stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill() // and with its init all of the namespace
		_ = s.cmd.Wait()
	}
	for _, tty := range s.ttys {
		if tty != nil {
			_ = tty.Close()
		}
	}
	_ = unix.Munmap(s.mem)
}

// device returns the tty_nr of a terminal; see makedev(3) for major 136.
func (s *system) device(i int) process.Device {
	n, err := strconv.Atoi(filepath.Base(s.names[i]))
	if err != nil {
		panic(err)
	}
	return process.Device(136<<8 | n&0xff | n>>8<<20)
}

// await waits until an actor has set a word.
func (s *system) await(word *int32) bool {
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		if atomic.LoadInt32(word) != 0 {
			return true
		}
		futex((*uint32)(unsafe.Pointer(word)), futexWait, 0)
	}
	return false
}

const (
	futexWait = 0
	futexWake = 1
)

// futex waits for at most a millisecond, so that no wake-up need be relied on.
func futex(word *uint32, what int, value uint32) {
	timeout := unix.Timespec{Nsec: 1e6}
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), uintptr(what),
		uintptr(value), uintptr(unsafe.Pointer(&timeout)), 0, 0)
}

// answer is what a system call gave.
type answer struct {
	result int32
	errno  process.Errno
	out    [3]int32
}

// order tells an actor to make a call, without waiting for it.
func (s *system) order(pid process.PID, what op, a, b, c int32) *slot {
	to := &s.slots[s.slot[pid]]
	to.op, to.a, to.b, to.c = what, a, b, c
	to.out = [3]int32{}
	atomic.AddUint32(&to.command, 1)
	futex(&to.command, futexWake, 1)
	return to
}

// call tells an actor to make a call and waits for its result.
func (s *system) call(pid process.PID, what op, a, b, c int32) (answer, error) {
	to := s.order(pid, what, a, b, c)
	sequence := atomic.LoadUint32(&to.command)
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		reply := atomic.LoadUint32(&to.reply)
		if reply == sequence {
			return answer{result: to.result, errno: process.Errno(to.errno), out: to.out}, nil
		}
		futex(&to.reply, futexWait, reply)
	}
	return answer{}, fmt.Errorf("process %d did not answer", pid)
}

// fork makes an actor fork, and waits until the child can be told things.
func (s *system) fork(pid process.PID) (answer, error) {
	child := s.used
	s.used++
	got, err := s.call(pid, opFork, int32(child), 0, 0)
	if err != nil || got.result <= 0 {
		return got, err
	}
	s.slot[process.PID(got.result)] = child
	if !s.await(&s.slots[child].pid) {
		return got, fmt.Errorf("child %d did not come up", got.result)
	}
	return got, nil
}

// thread makes an actor start a thread, and waits until it can be told things. It
// returns the number of the thread.
func (s *system) thread(pid process.PID) (process.PID, error) {
	slot := s.used
	s.used++
	got, err := s.call(pid, opThread, int32(slot), 0, 0)
	if err != nil || got.errno != 0 {
		return 0, fmt.Errorf("cannot start a thread: %w, %w", err, got.errno)
	}
	if !s.await(&s.slots[slot].pid) {
		return 0, fmt.Errorf("a thread of %d did not come up", pid)
	}
	tid := process.PID(s.slots[slot].pid)
	s.slot[tid] = slot
	return tid, nil
}

// signals returns which signals came to a process since it was last asked.
func (s *system) signals(pid process.PID) uint64 {
	return atomic.SwapUint64(&s.slots[s.slot[pid]].signals, 0)
}

// stat is what proc_pid_stat(5) says of a process.
type stat struct {
	state                  byte
	ppid, pgid, sid, tpgid process.PID
	tty                    process.Device
}

func (s *system) stat(pid process.PID) (stat, bool) {
	b, err := os.ReadFile(fmt.Sprintf("%s/%d/stat", s.proc, pid))
	if err != nil {
		return stat{}, false
	}
	var st stat
	rest := string(b[strings.LastIndexByte(string(b), ')')+2:])
	var tty int32
	if _, err := fmt.Sscanf(rest, "%c %d %d %d %d %d", &st.state, &st.ppid, &st.pgid, &st.sid, &tty, &st.tpgid); err != nil {
		return stat{}, false
	}
	st.tty = process.Device(uint32(tty))
	return st, true
}
