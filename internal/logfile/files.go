package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// part is one file of a log, open for reading.
type part struct {
	*os.File
	id fileID
}

// fileID tells files apart, also after one is gone and its inode is another's.
type fileID struct {
	inode uint64
	born  int64 // in ns, 0 where the file system does not keep it
}

func identify(f *os.File) (id fileID, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return fileID{}, err
	}
	var st unix.Statx_t
	closed := raw.Control(func(fd uintptr) {
		err = unix.Statx(int(fd), "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &st)
	})
	if err := errors.Join(closed, err); err != nil {
		return fileID{}, os.NewSyscallError("statx", err)
	}
	id.inode = st.Ino
	if st.Mask&unix.STATX_BTIME != 0 {
		id.born = st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
	}
	return id, nil
}

// Mark is a place in a log, just after an entry. It stays good while the log
// grows and is rotated, and in another process.
type Mark struct {
	file   fileID
	offset int64
}

func (m Mark) String() string {
	return fmt.Sprintf("%x.%x.%x", m.file.inode, m.file.born, m.offset)
}

// ParseMark reads what String wrote.
func ParseMark(s string) (m Mark, err error) {
	fields := strings.Split(s, ".")
	if len(fields) != 3 {
		return Mark{}, fmt.Errorf("%q marks no place in a log", s)
	}
	var errs [3]error
	m.file.inode, errs[0] = strconv.ParseUint(fields[0], 16, 64)
	m.file.born, errs[1] = strconv.ParseInt(fields[1], 16, 64)
	m.offset, errs[2] = strconv.ParseInt(fields[2], 16, 64)
	if errors.Join(errs[:]...) != nil || m.offset < 0 {
		return Mark{}, fmt.Errorf("%q marks no place in a log", s)
	}
	return m, nil
}

// openParts opens a log's files, oldest first, back to the first one that is
// known, which is left out with all before it. It goes from the newest to the
// oldest, as the files themselves do in a rotation: one meanwhile then shows a
// file twice, which is seen, and hides none.
func openParts(file string, known func(fileID) bool) (parts []part, err error) {
	for n := 0; ; n++ {
		p, err := openPart(rotated(file, n))
		if errors.Is(err, fs.ErrNotExist) {
			// Perhaps a gap, which a rotation has until it is done.
			next, more := nextNumber(file, n)
			if !more {
				break
			}
			n = next - 1
			continue
		}
		if err != nil {
			closeParts(parts)
			return nil, err
		}
		if known(p.id) {
			p.Close()
			break
		}
		if slices.ContainsFunc(parts, func(o part) bool { return o.id == p.id }) {
			p.Close()
			continue
		}
		parts = append(parts, p)
	}
	slices.Reverse(parts)
	return parts, nil
}

// exists says whether a log has any file: the one being written is not there
// while it is rotated.
func exists(file string) bool {
	if _, err := os.Stat(file); err == nil {
		return true
	}
	_, ok := nextNumber(file, 0)
	return ok
}

// nextNumber is the lowest one after n that a file of the log has. A folder
// that cannot be listed has none.
func nextNumber(file string, n int) (next int, ok bool) {
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return 0, false
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		digits, numbered := strings.CutPrefix(name, filepath.Base(file)+".")
		i, err := strconv.ParseUint(digits, 10, 31)
		if numbered && err == nil && int(i) > n && (!ok || int(i) < next) {
			next, ok = int(i), true
		}
	}
	return next, ok
}

func openPart(path string) (part, error) {
	f, err := os.Open(path)
	if err != nil {
		return part{}, err
	}
	id, err := identify(f)
	if err != nil {
		f.Close()
		return part{}, err
	}
	return part{f, id}, nil
}

func closeParts(parts []part) {
	for _, p := range parts {
		p.Close()
	}
}

// isGone says that a log vanished while it was read.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESTALE)
}
