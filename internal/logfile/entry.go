package logfile

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"
)

// timeLayout is RFC 3339 with all nine digits, so that times have one length
// and sort as text.
const timeLayout = "2006-01-02T15:04:05.000000000Z"

// head is what stands before the text of an entry, made once for all entries
// of a block.
type head struct {
	format     Format
	full, part []byte
}

// heads makes the head of entries from what they have in common. The text and
// whether it is part of a line is each entry's own.
func heads(format Format, l Line) head {
	h := head{format: format}
	switch format {
	case Plain:
	case JSON:
		h.full = jsonHead(l)
		h.part = append(h.full[:len(h.full):len(h.full)], `,"partial":true`...)
	default:
		h.full = criHead(l, 'F')
		h.part = criHead(l, 'P')
	}
	return h
}

func criHead(l Line, tag byte) []byte {
	b := make([]byte, 0, 64)
	b = l.Time.UTC().AppendFormat(b, timeLayout)
	b = append(b, ' ')
	b = append(b, l.Stream...)
	b = append(b, ' ', tag)
	if l.Instance > 0 {
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(l.Instance), 10)
	}
	return append(b, ' ')
}

func jsonHead(l Line) []byte {
	b := make([]byte, 0, 128)
	b = append(b, `{"time":"`...)
	b = l.Time.UTC().AppendFormat(b, timeLayout)
	b = append(b, `","service":`...)
	b, _ = appendJSONString(b, []byte(l.Service))
	b = append(b, `,"stream":`...)
	b, _ = appendJSONString(b, []byte(l.Stream))
	if l.Instance > 0 {
		b = append(b, `,"instance":`...)
		b = strconv.AppendInt(b, int64(l.Instance), 10)
	}
	return b
}

// append appends the entry of a text that is a full line, or the end of one,
// or else a part that goes on.
func (h *head) append(out, text []byte, full bool) []byte {
	switch h.format {
	case Plain:
		out = append(out, text...)
		if !full {
			return out
		}
	case JSON:
		out = h.appendJSON(out, text, full)
	default:
		before := h.full
		if !full {
			before = h.part
		}
		out = append(out, before...)
		out = append(out, text...)
	}
	return append(out, '\n')
}

// appendJSON adds the bytes themselves where the text is not UTF-8: a JSON
// string cannot hold it.
func (h *head) appendJSON(out, text []byte, full bool) []byte {
	before := h.full
	if !full {
		before = h.part
	}
	out = append(out, before...)
	out = append(out, `,"text":`...)
	out, valid := appendJSONString(out, text)
	if !valid {
		out = append(out, `,"bytes":"`...)
		out = base64.StdEncoding.AppendEncode(out, text)
		out = append(out, '"')
	}
	return append(out, '}')
}

// appendJSONString quotes text, and says whether it is UTF-8. What is not
// becomes U+FFFD.
func appendJSONString(out, text []byte) (quoted []byte, valid bool) {
	valid = true
	out = append(out, '"')
	for {
		n := plainBytes(text)
		out = append(out, text[:n]...)
		if text = text[n:]; len(text) == 0 {
			return append(out, '"'), valid
		}
		n = 1
		if text[0] < utf8.RuneSelf {
			out = appendEscape(out, text[0])
		} else if r, size := utf8.DecodeRune(text); r == utf8.RuneError && size == 1 {
			out, valid = append(out, "\ufffd"...), false
		} else {
			out, n = append(out, text[:size]...), size
		}
		text = text[n:]
	}
}

// plainBytes counts the bytes at the beginning of text that a JSON string has
// as they are, but for those of larger characters.
func plainBytes(text []byte) int {
	for i, c := range text {
		if c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return i
		}
	}
	return len(text)
}

func appendEscape(out []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(out, '\\', c)
	case '\t':
		return append(out, '\\', 't')
	case '\r':
		return append(out, '\\', 'r')
	}
	return append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// partEnd is where a line that is too long is cut: between two characters, if
// it has any.
func partEnd(line []byte, most int) int {
	for end := most; end > most-utf8.UTFMax; end-- {
		if utf8.RuneStart(line[end]) {
			return end
		}
	}
	return most
}

// Append appends the entry of a line, with its newline, to b, in the format
// CRI. Text must have none.
func (l Line) Append(b []byte) []byte {
	h := heads(CRI, l)
	return h.append(b, []byte(l.Text), !l.Partial)
}

// ownLine is a line of the supervisor's.
func ownLine(service string, now time.Time) Line {
	return Line{Service: service, Time: now, Stream: StreamSeance}
}
