package logfile

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"
)

// seek brings a cursor to where a query begins. A query that does not follow
// ends where the log does at this moment.
func (c *cursor) seek(q Query) error {
	mark, resumed := q.After[c.service]
	if q.Follow && !resumed && q.Last < 0 && q.Since.IsZero() {
		return nil
	}
	if err := c.open(); err != nil || len(c.parts) == 0 {
		return err
	}
	if !q.Follow {
		if err := c.endHere(); err != nil {
			return err
		}
	}
	switch {
	case resumed:
		return c.seekMark(mark)
	case q.Last >= 0:
		return c.seekLast(q)
	case q.Since.IsZero():
		return nil
	}
	return c.seekTime(q.Since)
}

// endHere makes the cursor end where the log ends now. What is written grows
// page by page: one that seems to end within an entry is looked at again.
func (c *cursor) endHere() error {
	newest := c.parts[len(c.parts)-1]
	for range 20 {
		info, err := newest.Stat()
		if err != nil {
			return err
		}
		c.end = &Mark{newest.id, info.Size()}
		var last [1]byte
		if n, err := newest.ReadAt(last[:], info.Size()-1); n < 1 || err != nil || last[0] == '\n' {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// startAt makes the cursor start in the i-th part.
func (c *cursor) startAt(i int, offset int64) {
	closeParts(c.parts[:i])
	c.parts = slices.Delete(c.parts, 0, i)
	c.offset = offset
}

// seekMark makes the cursor start after a mark. When its file is gone, all that
// is left is newer.
func (c *cursor) seekMark(m Mark) error {
	i := slices.IndexFunc(c.parts, func(p part) bool { return p.id == m.file })
	if i < 0 {
		return nil
	}
	info, err := c.parts[i].Stat()
	if err != nil {
		return err
	}
	if info.Size() < m.offset {
		m.offset = 0 // it was emptied
	}
	c.startAt(i, m.offset)
	return nil
}

// seekTime makes the cursor start before the first entry that is not older, and
// near it. Files are skipped, and the right one is searched by halves.
func (c *cursor) seekTime(since time.Time) error {
	for i := len(c.parts) - 1; i >= 0; i-- {
		if c.plain {
			info, err := c.parts[i].Stat()
			if err != nil {
				return err
			}
			if info.ModTime().Before(since) {
				c.startAt(min(i+1, len(c.parts)-1), 0)
				if i == len(c.parts)-1 {
					c.offset = info.Size()
				}
				return nil
			}
			continue
		}
		offset, found, err := searchTime(c.parts[i], since)
		if err != nil {
			return err
		}
		if found {
			c.startAt(i, offset)
			return nil
		}
	}
	return nil
}

// searchTime finds the beginning of an entry that is older than since, and has
// less than a block of such after it. false: the file has none.
func searchTime(f part, since time.Time) (offset int64, found bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, false, err
	}
	low, high := int64(0), info.Size()
	first, at, ok, err := timeAfter(f, 0, high)
	if err != nil || !ok || !at.Before(since) {
		return 0, false, err
	}
	for low = first; high-low > readSize; {
		middle := low + (high-low)/2
		begin, at, ok, err := timeAfter(f, middle, high)
		switch {
		case err != nil:
			return 0, false, err
		case ok && at.Before(since):
			low = begin
		default:
			high = middle
		}
	}
	return low, true, nil
}

// timeAfter finds the first entry that begins at from or after it, before to,
// and has a time.
func timeAfter(f io.ReaderAt, from, to int64) (begin int64, at time.Time, ok bool, err error) {
	var buf []byte
	begin = from
	skip := from > 0
	if skip {
		begin-- // an entry begins at from if a newline is just before it
	}
	for read := begin; ; {
		buf = slices.Grow(buf, readSize)
		n, err := f.ReadAt(buf[len(buf):len(buf)+readSize], read)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, time.Time{}, false, err
		}
		buf, read = buf[:len(buf)+n], read+int64(n)
		for {
			end := bytes.IndexByte(buf, '\n')
			if end < 0 {
				break
			}
			if line, err := Parse(buf[:end]); !skip && err == nil {
				return begin, line.Time, begin < to, nil
			}
			skip = false
			begin += int64(end) + 1
			buf = buf[end+1:]
		}
		if n == 0 || begin >= to {
			return 0, time.Time{}, false, nil
		}
	}
}

// seekLast makes the cursor start so many lines before the end as are asked for.
// Of entries only those count that are not left out.
func (c *cursor) seekLast(q Query) error {
	count := counter{cursor: c, query: q, left: q.Last, begun: map[string]bool{}}
	for i := len(c.parts) - 1; i >= 0; i-- {
		size, err := c.size(c.parts[i])
		if err != nil {
			return err
		}
		b := backward{f: c.parts[i], at: size}
		for start := size; ; {
			entry, offset, ok, err := b.next()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if !count.take(entry) {
				c.startAt(i, start)
				return nil
			}
			start = offset
		}
	}
	return nil
}

// counter counts lines from the end of a log.
type counter struct {
	cursor *cursor
	query  Query
	left   int
	begun  map[string]bool // by stream: the parts before belong to a line that was counted
}

// take says whether an entry is among the last lines.
func (n *counter) take(entry []byte) bool {
	line := n.cursor.parse(entry)
	if n.query.isTooNew(line) {
		return true
	}
	if grep := n.query.Grep; grep != nil {
		if !grep.MatchString(line.Text) {
			return n.left > 0
		}
		n.left--
		return n.left >= 0
	}
	stream := line.Stream + " " + strconv.Itoa(line.Instance)
	if line.Partial && n.begun[stream] {
		return true
	}
	n.begun[stream] = true
	n.left--
	return n.left >= 0
}

// backward reads the entries of a file from its end.
type backward struct {
	f   io.ReaderAt
	at  int64  // where buf begins in the file
	buf []byte // not yet delivered
}

// next gives the entry before, without its newline, and where it begins.
func (b *backward) next() (entry []byte, offset int64, ok bool, err error) {
	for {
		body := bytes.TrimSuffix(b.buf, newline)
		i := bytes.LastIndexByte(body, '\n')
		if i >= 0 || b.at == 0 {
			entry, ok = body[i+1:], len(b.buf) > 0
			b.buf = b.buf[:i+1]
			return entry, b.at + int64(i) + 1, ok, nil
		}
		if err := b.grow(); err != nil {
			return nil, 0, false, err
		}
	}
}

// grow reads what is before, at least as much as there is, so that a long line
// is not copied again and again.
func (b *backward) grow() error {
	n := min(b.at, int64(max(readSize, len(b.buf))))
	buf := make([]byte, n, n+int64(len(b.buf)))
	if _, err := b.f.ReadAt(buf, b.at-n); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	b.buf, b.at = append(buf, b.buf...), b.at-n
	return nil
}
