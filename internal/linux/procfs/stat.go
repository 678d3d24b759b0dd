package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Stat is one process, of /proc/PID/stat (proc_pid_stat(5)).
type Stat struct {
	PID   int
	Comm  string // the name of the program, cut to 15 bytes
	State byte   // R, S, D, T, t, Z, X, I
	PPID  int
	PGID  int
	SID   int
	// TTY is the device number of the controlling terminal, 0 when there is none.
	TTY uint32
	// TPGID is the foreground process group of that terminal, -1 when there is none.
	TPGID int
	// CPU is the time it has spent on a processor; its children's is not in it.
	CPU time.Duration
	// Threads is how many it has.
	Threads int
	// Start is when it was started, in ticks since the boot of the machine. With
	// the PID it names a process, until the process is frozen and restored.
	Start uint64
	// RSS is the memory that is resident, in bytes.
	RSS int64
	// Exit is the status of a zombie in the form of wait(2); 0 too when the reader
	// may not know, who has to have the right to trace the process.
	Exit int
}

// Zombie says that the process has ended and waits to be reaped.
func (s Stat) Zombie() bool { return s.State == 'Z' || s.State == 'X' }

// tick is the unit of times in proc(5): USER_HZ is 100 on every architecture
// that Go has.
const tick = time.Second / 100

// Stat reads one process.
func (f *FS) Stat(pid int) (Stat, error) {
	var stat Stat
	err := f.with(pid, "stat", func(text []byte) (err error) {
		stat, err = parseStat(text)
		return err
	})
	return stat, err
}

// Stats reads all processes, in ascending order of PID. Those that end
// meanwhile are left out.
func (f *FS) Stats() ([]Stat, error) {
	pids, err := f.PIDs()
	if err != nil {
		return nil, err
	}
	stats := make([]Stat, 0, len(pids))
	for _, pid := range pids {
		stat, err := f.Stat(pid)
		if errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		stats = append(stats, stat)
	}
	return stats, nil
}

var errStat = errors.New("not in the format of proc_pid_stat(5)")

// parseStat parses /proc/PID/stat. The name stands in parentheses and may hold
// anything, parentheses and newlines too: it ends at the last one.
func parseStat(text []byte) (Stat, error) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 1 || end < open || len(text) < end+3 {
		return Stat{}, errStat
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text[:open])))
	if err != nil {
		return Stat{}, errStat
	}
	s := Stat{PID: pid, Comm: string(text[open+1 : end]), State: text[end+2]}
	rest := text[end+3:]
	var times int64
	for n := 4; n <= 24; n++ { // numbered as in the manual
		field, after, err := nextNumber(rest)
		if err != nil {
			return Stat{}, errStat
		}
		rest = after
		switch n {
		case 4:
			s.PPID = int(field)
		case 5:
			s.PGID = int(field)
		case 6:
			s.SID = int(field)
		case 7:
			s.TTY = uint32(field)
		case 8:
			s.TPGID = int(field)
		case 14, 15:
			times += field
		case 20:
			s.Threads = int(field)
		case 22:
			s.Start = uint64(field)
		case 24:
			s.RSS = field * int64(os.Getpagesize())
		}
	}
	s.CPU = time.Duration(times) * tick
	if s.Zombie() {
		s.Exit = parseExit(rest)
	}
	return s, nil
}

// parseExit parses field 52, exit_code, in what comes after field 24. Kernels
// before Linux 3.5 have no such field.
func parseExit(rest []byte) int {
	fields := bytes.Fields(rest)
	if len(fields) < 52-24 {
		return 0
	}
	status, err := strconv.ParseUint(string(fields[52-25]), 10, 16)
	if err != nil {
		return 0
	}
	return int(status)
}

func nextNumber(text []byte) (n int64, rest []byte, err error) {
	text = bytes.TrimLeft(text, " ")
	end := bytes.IndexAny(text, " \n")
	if end < 0 {
		end = len(text)
	}
	if n, err = strconv.ParseInt(string(text[:end]), 10, 64); err != nil {
		// Some fields are unsigned and 64 bits wide; none of those we keep.
		if _, err := strconv.ParseUint(string(text[:end]), 10, 64); err != nil {
			return 0, nil, err
		}
	}
	return n, text[end:], nil
}

// TerminalName names a terminal's device as it is called below /dev: pts/0,
// tty1, ttyS0, console; "" for none.
func TerminalName(dev uint32) string {
	// proc_pid_stat(5): the minor is in bits 31 to 20 and 7 to 0, the major in
	// 15 to 8.
	major, minor := dev>>8&0xff, dev>>20<<8|dev&0xff
	switch {
	case dev == 0:
		return ""
	case major >= 136 && major <= 143: // Unix98 pseudo-terminals
		return fmt.Sprintf("pts/%d", (major-136)<<8+minor)
	case major == 4 && minor < 64:
		return fmt.Sprintf("tty%d", minor)
	case major == 4:
		return fmt.Sprintf("ttyS%d", minor-64)
	case major == 5 && minor == 1:
		return "console"
	}
	return fmt.Sprintf("%d:%d", major, minor)
}
