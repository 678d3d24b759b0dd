package logfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// cursor reads one service's log, oldest file first, and follows it through
// rotation. It keeps the file that it reads open, so that its inode cannot
// become another file's.
type cursor struct {
	service string
	file    string     // the one being written
	plain   bool       // entries are text and nothing else
	files   []*os.File // still to read, oldest first; files[0] is being read
	offset  int64      // in files[0]
	buf     []byte     // read and not yet delivered
	start   int        // of what is not delivered in buf
	line    Line       // the next one, when has is set
	has     bool
	checked bool // rotation was looked for since the last byte was read
}

const readSize = 64 << 10

func newCursor(service string) *cursor { return &cursor{service: service} }

// locate says where the log is. It may be elsewhere now than it was.
func (c *cursor) locate(dir string, p Place) {
	c.file, c.plain = p.File, p.Plain
	if c.file == "" {
		c.file = path(dir, c.service)
	}
}

func (c *cursor) close() {
	for _, f := range c.files {
		f.Close()
	}
	c.files = nil
}

// fill makes line the next one and reports whether there is one now.
func (c *cursor) fill() (bool, error) {
	for !c.has {
		if c.takeLine() {
			break
		}
		more, err := c.read()
		if err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

func (c *cursor) takeLine() bool {
	rest := c.buf[c.start:]
	end := bytes.IndexByte(rest, '\n')
	if end < 0 {
		return false
	}
	c.start += end + 1
	c.set(rest[:end])
	return true
}

// set makes line of an entry. One that is no entry is shown as it is, at the
// time of the one before.
func (c *cursor) set(entry []byte) {
	if c.plain {
		c.line, c.has = Line{Service: c.service, Text: string(entry)}, true
		return
	}
	line, err := Parse(entry)
	if err != nil {
		line = Line{Time: c.line.Time, Text: string(entry)}
	}
	line.Service = c.service
	c.line, c.has = line, true
}

// takeRest delivers an entry that has no newline, the last of a log whose
// machine died.
func (c *cursor) takeRest() bool {
	rest := c.buf[c.start:]
	if len(rest) == 0 {
		return false
	}
	c.start = len(c.buf)
	c.set(rest)
	return true
}

// read reads more, from this file or the next. false: there is nothing more
// now.
func (c *cursor) read() (bool, error) {
	if len(c.files) == 0 {
		if err := c.openFrom(nil); err != nil || len(c.files) == 0 {
			return false, err
		}
		c.offset = 0
	}
	c.buf = append(c.buf[:0], c.buf[c.start:]...)
	c.start = 0
	c.buf = slices.Grow(c.buf, readSize)
	n, err := c.files[0].ReadAt(c.buf[len(c.buf):len(c.buf)+readSize], c.offset)
	c.buf = c.buf[:len(c.buf)+n]
	c.offset += int64(n)
	if n > 0 {
		c.checked = false
		return true, nil
	}
	if !errors.Is(err, io.EOF) {
		return false, err
	}
	return c.advance()
}

// advance goes on to the next file if this one has been rotated away.
func (c *cursor) advance() (bool, error) {
	if len(c.files) == 1 {
		gone, err := c.rotated()
		if err != nil || !gone {
			return false, err
		}
		if !c.checked {
			c.checked = true // what was written before the rename is read first
			return true, nil
		}
		if err := c.openFrom(c.files[0]); err != nil {
			return false, err
		}
	}
	c.checked = false
	if len(c.files) < 2 {
		return false, nil // renamed, and the new one is not there yet
	}
	c.files[0].Close()
	c.files = slices.Delete(c.files, 0, 1)
	c.offset = 0
	if c.start < len(c.buf) {
		c.buf = append(c.buf, '\n') // a line that was cut off ends with its file
	}
	return true, nil
}

// rotated says whether the log's name belongs to another file than the one
// being read, or this one was emptied.
func (c *cursor) rotated() (bool, error) {
	now, err := os.Stat(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // between two renames
	}
	if err != nil {
		return false, err
	}
	mine, err := c.files[0].Stat()
	if err != nil {
		return false, err
	}
	if os.SameFile(now, mine) && mine.Size() < c.offset {
		c.offset, c.start, c.buf = 0, 0, c.buf[:0]
	}
	return !os.SameFile(now, mine), nil
}

// openFrom opens all files newer than the given one, which stays the first;
// all there are when it is nil or gone.
func (c *cursor) openFrom(from *os.File) error {
	files, err := openAll(c.file, from)
	if err != nil {
		return err
	}
	if from != nil {
		files = slices.Insert(files, 0, from)
	}
	c.files = files
	return nil
}

// openAll opens a log's files, oldest first, back to the one given, which is
// left out. It goes from the newest to the oldest: a rotation meanwhile then
// shows a file twice, which is seen, and hides none.
func openAll(file string, after *os.File) (files []*os.File, err error) {
	var infos []fs.FileInfo
	if after != nil {
		info, err := after.Stat()
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	for n := 0; ; n++ {
		f, err := os.Open(rotated(file, n))
		if errors.Is(err, fs.ErrNotExist) && n == 0 {
			continue // being rotated, or none yet
		}
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			closeAll(files)
			return nil, err
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			closeAll(files)
			return nil, err
		}
		if after != nil && os.SameFile(infos[0], info) {
			f.Close()
			break
		}
		if slices.ContainsFunc(infos, func(o fs.FileInfo) bool { return os.SameFile(o, info) }) {
			f.Close()
			continue
		}
		infos = append(infos, info)
		files = append(files, f)
	}
	slices.Reverse(files)
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// seekLast makes the cursor start n lines before the end.
func (c *cursor) seekLast(n int) error {
	if err := c.openFrom(nil); err != nil {
		return err
	}
	for i := len(c.files) - 1; i >= 0; i-- {
		offset, found, err := lastLines(c.files[i], n)
		if err != nil {
			return err
		}
		n -= found
		if n > 0 && i > 0 {
			continue
		}
		closeAll(c.files[:i])
		c.files = slices.Delete(c.files, 0, i)
		c.offset = offset
		return nil
	}
	return nil
}

// lastLines finds where the last n lines of a file begin, and how many of them
// there are. A file whose end is no newline ends in one more line.
func lastLines(f *os.File, n int) (offset int64, found int, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	size := info.Size()
	if n <= 0 || size == 0 {
		return size, 0, nil
	}
	buf := make([]byte, readSize)
	for end := size; end > 0; {
		begin := max(0, end-readSize)
		block := buf[:end-begin]
		if _, err := f.ReadAt(block, begin); err != nil && !errors.Is(err, io.EOF) {
			return 0, 0, err
		}
		for {
			i := bytes.LastIndexByte(block, '\n')
			if i < 0 {
				break
			}
			block = block[:i]
			if begin+int64(i) == size-1 {
				continue // ends the last line, begins none
			}
			found++
			if found == n {
				return begin + int64(i) + 1, found, nil
			}
		}
		end = begin
	}
	return 0, found + 1, nil
}

// isGone says that a log vanished while it was read.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESTALE)
}
