package manifest

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// pos is a place in the text; both count from 1, column in characters. text is
// the first line of a plain scalar, for locate; most places have none. src is
// the file, nil while that goes without saying.
type pos struct {
	line, column int
	text         string
	src          *source
}

func newPos(line, column int) pos { return pos{line: line, column: column} }

// source is a file's text with the line ends of every system made "\n" and
// without a byte order mark.
type source struct {
	file  string // as it is shown
	dir   string // what is relative in it starts here; "" if unknown
	order int    // counts the files of one manifest, in the order of reading
	text  string
	lines []string
}

// newSource checks what must hold before the text can be parsed. A source is
// returned with the error too, so that the error's line can be shown.
func newSource(file string, src []byte) (*source, *Error) {
	s := &source{file: file}
	if len(src) > MaxSize {
		return s, s.errorAt(newPos(1, 1), fmt.Sprintf("the file is larger than %d bytes", MaxSize), "split what is generated into scripts of its own")
	}
	if bytes.HasPrefix(src, []byte("\xff\xfe")) || bytes.HasPrefix(src, []byte("\xfe\xff")) {
		return s, s.errorAt(newPos(1, 1), "the file is UTF-16", "save it as UTF-8")
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	src = bytes.ReplaceAll(src, []byte("\r"), []byte("\n"))
	s.text = string(src)
	s.lines = strings.Split(s.text, "\n")
	return s, s.checkCharacters()
}

// checkCharacters finds the first byte that YAML does not allow in a text
// (YAML 1.2, 5.1: c-printable).
func (s *source) checkCharacters() *Error {
	for i, line := range s.lines {
		column := 0
		for j, r := range line {
			column++
			switch here := newPos(i+1, column); {
			case r == utf8.RuneError && !strings.HasPrefix(line[j:], "\uFFFD"):
				return s.errorAt(here, fmt.Sprintf("byte 0x%02x is not UTF-8", line[j]), "save the file as UTF-8")
			case r == '\ufeff':
				return s.errorAt(here, "a byte order mark may only stand at the start", "remove it")
			case r < ' ' && r != '\t', r == 0x7f:
				return s.errorAt(here, fmt.Sprintf("control character 0x%02x", r), `in a "quoted" string, write it as \x and two digits`)
			}
		}
	}
	return nil
}

func (s *source) errorAt(at pos, msg, hint string) *Error {
	at = s.locate(at)
	e := &Error{order: s.order, File: s.file, Line: at.line, Column: at.column, Msg: msg, Hint: hint}
	if at.line <= len(s.lines) {
		e.Source = s.lines[at.line-1]
	}
	return e
}

// clamp moves a place that the YAML parser put outside the text (at its end,
// mostly) to the nearest one inside.
func (s *source) clamp(at pos) pos {
	if at.line > len(s.lines) {
		at.line = max(len(s.lines), 1)
		at.column = maxColumn
	}
	at.line = max(at.line, 1)
	if at.line <= len(s.lines) {
		at.column = min(at.column, utf8.RuneCountInString(s.lines[at.line-1])+1)
	} else {
		at.column = 1
	}
	at.column = max(at.column, 1)
	return at
}

// find is where a part of a value stands, or where the value does when that
// cannot be told: escapes and folded lines look different in the text.
func (s *source) find(at pos, part string) pos {
	first, _, _ := strings.Cut(part, "\n")
	here := s.locate(at)
	offset := byteOffset(s.lines[here.line-1], here.column)
	for i := here.line - 1; i < len(s.lines); i++ {
		line := s.lines[i]
		if j := strings.Index(line[min(offset, len(line)):], first); j >= 0 {
			return pos{line: i + 1, column: utf8.RuneCountInString(line[:offset+j]) + 1, src: s}
		}
		offset = 0
	}
	return at
}

const maxColumn = 1 << 30

// locate mends the column of a plain scalar: the YAML parser counts blanks
// before it twice, and tabs not at all. That costs a walk through the line, so it is done for places
// that are shown only.
func (s *source) locate(at pos) pos {
	at = s.clamp(at)
	if at.text == "" || at.line > len(s.lines) {
		return at
	}
	line := s.lines[at.line-1]
	offset := byteOffset(line, at.column)
	if strings.HasPrefix(line[offset:], at.text) {
		return at
	}
	i := strings.LastIndex(line[:min(offset+len(at.text), len(line))], at.text)
	if i < 0 {
		i = offset + strings.Index(line[offset:], at.text)
	}
	if i >= 0 && strings.HasPrefix(line[i:], at.text) {
		at.column = utf8.RuneCountInString(line[:i]) + 1
	}
	return at
}

// byteOffset is where the character of a column (from 1) starts in line.
func byteOffset(line string, column int) int {
	for i := range line {
		column--
		if column == 0 {
			return i
		}
	}
	return len(line)
}
