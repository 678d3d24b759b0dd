package logfile

import (
	"bytes"
	"slices"
	"time"
)

// batch is what one stream writes at one moment: it formats entries and hands
// them to the log in few, large blocks. The log is locked for as long, so that
// the times in a file never go back unless the clock does.
type batch struct {
	log    *Log
	stream *Stream
	now    time.Time
	head   head
	tap    *func([]byte)
	tee    *Tee

	buf     *[]byte
	out     []byte
	entries int64  // in out
	lines   int64  // that have ended
	bytes   int64  // of text
	partial bool   // the last entry is part of a line
	teed    Output // for the tee
}

// begin locks the log and begins a batch. It waits while the log is closed,
// unless it is told not to. ok is false when nothing can be written: then
// nothing is locked.
func (l *Log) begin(s *Stream, large, wait bool) (b batch, ok bool) {
	l.mu.Lock()
	for l.state == closed && wait {
		l.changed.Wait()
	}
	if l.state != open {
		l.mu.Unlock()
		return batch{}, false
	}
	now := l.set.opts.Now()
	b = batch{log: l, stream: s, now: now, tap: s.tap.Load(), tee: l.set.tee.Load()}
	b.head = heads(l.config.Format, s.line(now))
	b.buf = l.set.blocks.get(large)
	b.out = (*b.buf)[:0]
	if b.tee != nil {
		b.teed = newOutput(s, now, l.set.blocks.get(large))
	}
	if l.midline != nil && (l.midline != s || l.config.Format != Plain) {
		b.out = append(b.out, '\n') // who comes between begins a line of its own
	}
	return b, true
}

// entry adds the text of a full line, or the end of one, or else a part that
// goes on.
func (b *batch) entry(text []byte, full bool) {
	if b.tap != nil {
		(*b.tap)(text)
	}
	if b.tee != nil {
		b.note(text, full)
	}
	if b.head.format == Plain && b.stream.name == StreamSeance {
		return // a plain log is what the program wrote
	}
	if len(b.out)+len(text)+len(b.head.part)+1 > cap(b.out) {
		b.flush()
	}
	b.out = b.head.append(b.out, text, full)
	b.entries++
	b.bytes += int64(len(text))
	b.partial = !full
	if full {
		b.lines++
	}
}

// isSimple says that entries are in the format CRI, and nobody looks at each.
func (b *batch) isSimple() bool { return b.head.format == CRI && b.tap == nil }

// simpleLines does what entry does for the full lines at the beginning of a
// block, up to one that is long, and returns the rest: nearly all lines of
// nearly all programs, at half the cost.
func (b *batch) simpleLines(block []byte) (rest []byte) {
	head, out := b.head.full, b.out
	all, before := block, b.lines
	for {
		end := bytes.IndexByte(block, '\n')
		if end < 0 || end > maxText {
			break
		}
		start := len(out)
		if start+len(head)+end+1 > cap(out) {
			b.out = out
			b.flush()
			out, start = slices.Grow(b.out, len(head)+end+1), 0
		}
		out = out[:start+len(head)+end+1]
		copy(out[start:], head)
		copy(out[start+len(head):], block[:end+1])
		block = block[end+1:]
		b.entries++
		b.lines++
		b.bytes += int64(end)
		b.partial = false
	}
	b.out = out
	if b.tee != nil {
		b.teed.Text = append(b.teed.Text, all[:len(all)-len(block)]...)
		b.teed.lines += int(b.lines - before)
	}
	return block
}

// note adds an entry to what goes to the tee.
func (b *batch) note(text []byte, full bool) {
	b.teed.Text = append(b.teed.Text, text...)
	if full {
		b.teed.Text = append(b.teed.Text, '\n')
		b.teed.lines++
	}
}

func (b *batch) flush() {
	if len(b.out) == 0 {
		return
	}
	b.log.commitLocked(b.out, b.entries)
	b.out, b.entries = b.out[:0], 0
}

// end writes what is left and unlocks the log.
func (b *batch) end() {
	l := b.log
	defer l.mu.Unlock()
	written := b.entries > 0 || b.lines > 0
	b.flush()
	l.set.blocks.put(b.buf)
	if !written {
		b.teed.release(l.set)
		return
	}
	l.midline = nil
	if b.partial && l.config.Format == Plain && l.fd >= 0 {
		l.midline = b.stream
	}
	l.lines.Add(b.lines)
	l.bytes.Add(b.bytes)
	if b.tee != nil {
		b.tee.push(b.teed)
	}
}
