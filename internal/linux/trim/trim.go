// Package trim gives back memory that a process has used to start and does not
// need to wait.
package trim

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Program lets go of the pages of the program's own file: its code and constants.
// The kernel keeps the file in its cache and maps anew what is used again
// (MADV_DONTNEED of a private file mapping, see madvise(2)). At start nearly
// all of a program is mapped, for the kernel maps the pages around each one that
// is touched; a process that waits uses little of it.
func Program() error {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	constant, err := constants(maps, self)
	if err != nil {
		return fmt.Errorf("cannot find the program in memory: %w", err)
	}
	for _, r := range constant {
		// Not unix.Madvise, which wants a slice: these are no bytes of Go's.
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, r.from, r.to-r.from, unix.MADV_DONTNEED); errno != 0 {
			return os.NewSyscallError("madvise", errno)
		}
	}
	return nil
}

type span struct{ from, to uintptr }

// constants finds where a file is mapped that cannot be written there, in the
// format of proc_pid_maps(5): what was written would be lost.
func constants(maps io.Reader, file string) (all []span, err error) {
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || strings.Join(fields[5:], " ") != file || fields[1][0] != 'r' || fields[1][1] != '-' || fields[1][3] != 'p' {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		var s span
		for _, at := range []struct {
			text string
			into *uintptr
		}{{from, &s.from}, {to, &s.to}} {
			n, err := strconv.ParseUint(at.text, 16, 64)
			if err != nil {
				return nil, err
			}
			*at.into = uintptr(n)
		}
		all = append(all, s)
	}
	return all, lines.Err()
}
