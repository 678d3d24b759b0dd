package procfs

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Cmdline is the argument vector; empty for a zombie or a kernel thread. A
// program may have written over it.
func (f *FS) Cmdline(pid int) ([]string, error) {
	var args []string
	err := f.with(pid, "cmdline", func(text []byte) error {
		args = parseStrings(text)
		return nil
	})
	return args, err
}

// Environ is the environment the program was started with. A program may have
// written over it.
func (f *FS) Environ(pid int) ([]string, error) {
	var env []string
	err := f.with(pid, "environ", func(text []byte) error {
		env = parseStrings(text)
		return nil
	})
	return env, err
}

// Getenv is the value of one variable of the environment the program was
// started with; ok is false when it has none of that name.
func (f *FS) Getenv(pid int, name string) (value string, ok bool, err error) {
	err = f.with(pid, "environ", func(text []byte) error {
		value, ok = lookup(text, name)
		return nil
	})
	return value, ok, err
}

func lookup(environ []byte, name string) (value string, ok bool) {
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if rest, has := bytes.CutPrefix(entry, []byte(name)); has && len(rest) > 0 && rest[0] == '=' {
			return string(rest[1:]), true
		}
	}
	return "", false
}

// parseStrings parses strings that each end in a NUL.
func parseStrings(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
}

// Thread is one thread of a process.
type Thread struct {
	TID   int
	Comm  string
	State byte
}

// Threads lists the threads that have not ended, in ascending order.
func (f *FS) Threads(pid int) ([]Thread, error) {
	tids, err := f.numbers(pid, "task")
	if err != nil {
		return nil, err
	}
	threads := make([]Thread, 0, len(tids))
	for _, tid := range tids {
		var stat Stat
		err := f.with(pid, "task/"+strconv.Itoa(tid)+"/stat", func(text []byte) (err error) {
			stat, err = parseStat(text)
			return err
		})
		if errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		threads = append(threads, Thread{TID: tid, Comm: stat.Comm, State: stat.State})
	}
	return threads, nil
}

// PSS is the proportional set size in bytes: the process's own memory and its
// share of what it has in common with others. It walks the page tables: it is
// not for every process many times a second.
func (f *FS) PSS(pid int) (int64, error) {
	var pss int64
	err := f.with(pid, "smaps_rollup", func(text []byte) (err error) {
		pss, err = parsePSS(bytes.NewReader(text))
		return err
	})
	return pss, err
}

var errNoPSS = errors.New("no Pss in smaps_rollup")

func parsePSS(r io.Reader) (int64, error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		value, ok := strings.CutPrefix(lines.Text(), "Pss:")
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
		return kib << 10, err
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	return 0, errNoPSS
}
