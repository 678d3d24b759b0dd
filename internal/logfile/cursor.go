package logfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
)

// cursor reads one service's log, oldest file first, and follows it through
// rotation. It keeps the file that it reads open, so that its inode cannot
// become another file's.
type cursor struct {
	service string
	file    string          // the one being written
	plain   bool            // entries are text and nothing else
	parts   []part          // still to read, oldest first; parts[0] is being read
	known   map[fileID]bool // all parts there have been
	offset  int64           // in parts[0], of what is after buf
	end     *Mark           // not to be read past; nil: there is no end
	buf     []byte          // read and not yet delivered
	start   int             // of what is not delivered in buf
	looked  int             // how much of that has no newline
	line    Line            // the next one, when has is set
	has     bool
	checked bool   // rotation was looked for since the last byte was read
	block   []byte // to read into; one for all cursors
}

const readSize = 64 << 10

func newCursor(service string, block []byte) *cursor {
	return &cursor{service: service, known: map[fileID]bool{}, block: block}
}

// locate says where the log is. It may be elsewhere now than it was.
func (c *cursor) locate(dir string, p Place) {
	c.file, c.plain = p.File, p.Plain
	if c.file == "" {
		c.file = path(dir, c.service)
	}
}

func (c *cursor) close() {
	closeParts(c.parts)
	c.parts = nil
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
	end := bytes.IndexByte(rest[c.looked:], '\n')
	if end < 0 {
		c.looked = len(rest)
		return false
	}
	end += c.looked
	c.looked = 0
	c.start += end + 1
	c.set(rest[:end])
	return true
}

// set makes line of an entry.
func (c *cursor) set(entry []byte) {
	c.line, c.has = c.parse(entry), true
	c.line.Mark = Mark{c.parts[0].id, c.offset - int64(len(c.buf)-c.start)}
}

// parse makes a line of an entry. One that is no entry is shown as it is, at
// the time of the one before.
func (c *cursor) parse(entry []byte) Line {
	line := Line{Text: string(entry)}
	if !c.plain {
		parsed, err := Parse(entry)
		if err == nil {
			line = parsed
		} else {
			line.Time = c.line.Time
		}
	}
	line.Service = c.service
	return line
}

// takeRest delivers an entry that has no newline, the last of a log whose
// machine died.
func (c *cursor) takeRest() bool {
	rest := c.buf[c.start:]
	if len(rest) == 0 {
		return false
	}
	c.start, c.looked = len(c.buf), 0
	c.set(rest)
	return true
}

// read reads more, from this file or the next. false: there is nothing more
// now.
func (c *cursor) read() (bool, error) {
	if len(c.parts) == 0 {
		if err := c.open(); err != nil || len(c.parts) == 0 {
			return false, err
		}
		c.offset = 0
	}
	if c.start > 0 {
		c.buf = append(c.buf[:0], c.buf[c.start:]...)
		c.start = 0
	}
	n, err := c.parts[0].ReadAt(c.block[:c.room()], c.offset)
	c.buf = append(c.buf, c.block[:n]...)
	c.offset += int64(n)
	if n > 0 {
		c.checked = false
		return true, nil
	}
	if !errors.Is(err, io.EOF) {
		return false, err
	}
	if len(c.buf) == 0 {
		c.buf = nil // a log that is silent takes no memory
	}
	return c.advance()
}

// room is how much may be read at once.
func (c *cursor) room() int {
	if c.end == nil || c.parts[0].id != c.end.file {
		return len(c.block)
	}
	return int(max(0, min(int64(len(c.block)), c.end.offset-c.offset)))
}

// size is how much of a part is to be read.
func (c *cursor) size(p part) (int64, error) {
	if c.end != nil && p.id == c.end.file {
		return c.end.offset, nil
	}
	info, err := p.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// advance goes on to the next file if this one has been rotated away.
func (c *cursor) advance() (bool, error) {
	if len(c.parts) == 1 {
		gone, err := c.replaced()
		if err != nil || !gone {
			return false, err
		}
		if !c.checked {
			c.checked = true // what was written before the rename is read first
			return true, nil
		}
		if err := c.open(); err != nil {
			return false, err
		}
	}
	c.checked = false
	if len(c.parts) < 2 {
		return false, nil // renamed, and the new one is not there yet
	}
	c.parts[0].Close()
	c.parts = slices.Delete(c.parts, 0, 1)
	c.offset = 0
	if c.start < len(c.buf) {
		c.buf = append(c.buf, '\n') // a line that was cut off ends with its file
	}
	return true, nil
}

// replaced says whether the log's name belongs to another file than the one
// being read, or this one was emptied.
func (c *cursor) replaced() (bool, error) {
	now, err := openPart(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // between two renames
	}
	if err != nil {
		return false, err
	}
	defer now.Close()
	if now.id != c.parts[0].id {
		return true, nil
	}
	info, err := now.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() < c.offset {
		c.offset, c.start, c.looked, c.buf = 0, 0, 0, c.buf[:0]
	}
	return false, nil
}

// open opens all files newer than those there have been.
func (c *cursor) open() error {
	parts, err := openParts(c.file, c.isKnown)
	if err != nil {
		return err
	}
	for _, p := range parts {
		c.known[p.id] = true
	}
	c.parts = append(c.parts, parts...)
	return nil
}

// isKnown trusts an inode number alone only while its file is open.
func (c *cursor) isKnown(id fileID) bool {
	open := slices.ContainsFunc(c.parts, func(p part) bool { return p.id == id })
	return open || id.born != 0 && c.known[id]
}
