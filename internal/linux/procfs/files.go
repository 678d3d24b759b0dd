package procfs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Kind is what a descriptor refers to.
type Kind string

// The kinds of descriptors.
const (
	KindFile   Kind = "file" // anything that has a path: devices and folders too
	KindSocket Kind = "socket"
	KindPipe   Kind = "pipe"
	KindAnon   Kind = "anon" // anon_inode: epoll, eventfd, io_uring and so on
	KindMemfd  Kind = "memfd"
	KindOther  Kind = "other" // a namespace, or what is not known
)

// Descriptor is one open file of a process.
type Descriptor struct {
	FD   int
	Kind Kind
	// Name is the path of a file without " (deleted)", the type of an anonymous
	// one such as "[io_uring]" or "[eventpoll]", and else what the link says.
	Name    string
	Deleted bool   // the file has no name any more
	Inode   uint64 // of a socket or a pipe
	Write   bool   // open for writing
}

// Descriptors lists what a process has open, in ascending order.
func (f *FS) Descriptors(pid int) ([]Descriptor, error) {
	fds, err := f.numbers(pid, "fd")
	if err != nil {
		return nil, err
	}
	list := make([]Descriptor, 0, len(fds))
	for _, fd := range fds {
		d, err := f.descriptor(pid, fd)
		if errors.Is(err, ErrGone) {
			continue // closed meanwhile
		}
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

func (f *FS) descriptor(pid, fd int) (Descriptor, error) {
	name := "fd/" + strconv.Itoa(fd)
	target, err := os.Readlink(f.path(pid, name))
	if err != nil {
		return Descriptor{}, describe(pid, name, err)
	}
	d := parseTarget(target)
	d.FD = fd
	err = f.with(pid, "fdinfo/"+strconv.Itoa(fd), func(text []byte) (err error) {
		d.Write, err = parseWritable(bytes.NewReader(text))
		return err
	})
	return d, err
}

const deleted = " (deleted)"

// parseTarget parses what a link in /proc/PID/fd says (proc_pid_fd(5)).
func parseTarget(target string) Descriptor {
	if strings.HasPrefix(target, "/memfd:") {
		return Descriptor{Kind: KindMemfd, Name: strings.TrimSuffix(target, deleted), Deleted: true}
	}
	if strings.HasPrefix(target, "/") {
		name, gone := strings.CutSuffix(target, deleted)
		return Descriptor{Kind: KindFile, Name: name, Deleted: gone}
	}
	kind, rest, _ := strings.Cut(target, ":")
	switch kind {
	case "socket", "pipe":
		inode, _ := strconv.ParseUint(strings.Trim(rest, "[]"), 10, 64)
		return Descriptor{Kind: Kind(kind), Name: target, Inode: inode}
	case "anon_inode":
		return Descriptor{Kind: KindAnon, Name: rest}
	}
	return Descriptor{Kind: KindOther, Name: target}
}

// parseWritable reads the access mode of /proc/PID/fdinfo/FD, in octal.
func parseWritable(r io.Reader) (bool, error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		value, ok := strings.CutPrefix(lines.Text(), "flags:")
		if !ok {
			continue
		}
		flags, err := strconv.ParseUint(strings.TrimSpace(value), 8, 64)
		return flags&uint64(os.O_WRONLY|os.O_RDWR) != 0, err
	}
	if err := lines.Err(); err != nil {
		return false, err
	}
	return false, errors.New("no flags in fdinfo")
}

// Mapping is a stretch of a process's memory that is mapped from a file.
type Mapping struct {
	Path    string // without " (deleted)"
	Deleted bool
	Offset  uint64 // in the file
	Size    uint64
	Write   bool // may be written
	Exec    bool
	Shared  bool   // what is written goes to the file
	Device  string // MAJOR:MINOR in hexadecimal
	Inode   uint64
}

// Maps lists the mappings of files. Anonymous memory, the heap, stacks and the
// kernel's own pages are left out.
func (f *FS) Maps(pid int) ([]Mapping, error) {
	var maps []Mapping
	err := f.with(pid, "maps", func(text []byte) (err error) {
		maps, err = parseMaps(bytes.NewReader(text))
		return err
	})
	return maps, err
}

func parseMaps(r io.Reader) ([]Mapping, error) {
	var maps []Mapping
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		m, ok, err := parseMapping(lines.Text())
		if err != nil {
			return nil, err
		}
		if ok {
			maps = append(maps, m)
		}
	}
	return maps, lines.Err()
}

// parseMapping parses a line of /proc/PID/maps (proc_pid_maps(5)). The path is
// the rest of the line, with newlines written as \012.
func parseMapping(line string) (m Mapping, ok bool, err error) {
	fields := strings.SplitN(line, " ", 6)
	if len(fields) < 6 {
		return Mapping{}, false, nil // anonymous
	}
	path := strings.TrimLeft(fields[5], " ")
	if !strings.HasPrefix(path, "/") {
		return Mapping{}, false, nil // [heap], [stack], anon_inode:…
	}
	var begin, end uint64
	if _, err := fmt.Sscanf(fields[0], "%x-%x", &begin, &end); err != nil || len(fields[1]) != 4 {
		return Mapping{}, false, fmt.Errorf("mapping %q: not in the format of proc_pid_maps(5)", line)
	}
	offset, err := strconv.ParseUint(fields[2], 16, 64)
	if err != nil {
		return Mapping{}, false, err
	}
	inode, err := strconv.ParseUint(fields[4], 10, 64)
	if err != nil {
		return Mapping{}, false, err
	}
	path, gone := strings.CutSuffix(path, deleted)
	return Mapping{
		Path:    strings.ReplaceAll(path, `\012`, "\n"),
		Deleted: gone,
		Offset:  offset,
		Size:    end - begin,
		Write:   fields[1][1] == 'w',
		Exec:    fields[1][2] == 'x',
		Shared:  fields[1][3] == 's',
		Device:  fields[3],
		Inode:   inode,
	}, true, nil
}
