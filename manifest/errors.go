package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is one mistake in a manifest.
type Error struct {
	// File is the manifest as the caller named it; "" when it has no file.
	File string
	// Line and Column count from 1, Column in characters. Both are 0 when the
	// mistake has no place in a text: see [Manifest.Validate].
	Line, Column int
	// Msg says what is wrong, Hint what to do about it. Hint may be "".
	Msg, Hint string
	// Source is the offending line without its end.
	Source string

	order int // of the file among those of the manifest
}

// Error gives one line "file:line:column: message; hint", followed by the
// offending line and a mark below the column when there is a place.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.position())
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	if e.Line > 0 {
		text, mark := excerpt(e.Source, e.Column)
		number := fmt.Sprintf("%4d", e.Line)
		fmt.Fprintf(&b, "\n%s | %s\n%*s | %s^", number, text, len(number), "", mark)
	}
	return b.String()
}

func (e *Error) position() string {
	file := e.File
	if file == "" {
		file = "manifest"
	}
	if e.Line == 0 {
		return file + ": "
	}
	return fmt.Sprintf("%s:%d:%d: ", file, e.Line, e.Column)
}

// Errors is every mistake of a manifest, in the order of the text, one file
// after the other. It is never empty when it is returned as an error.
type Errors []*Error

// Error gives the mistakes one after the other.
func (es Errors) Error() string {
	parts := make([]string, len(es))
	for i, e := range es {
		parts[i] = e.Error()
	}
	return strings.Join(parts, "\n")
}

// Unwrap makes errors.As find the first *Error.
func (es Errors) Unwrap() []error {
	list := make([]error, len(es))
	for i, e := range es {
		list[i] = e
	}
	return list
}

// sorted puts the mistakes in the order of the text and drops repetitions: an
// alias makes one place be decoded more than once.
func (es Errors) sorted() Errors {
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(a.order-b.order, a.Line-b.Line, a.Column-b.Column)
	})
	return slices.CompactFunc(es, func(a, b *Error) bool { return *a == *b })
}

// asError is nil for no mistakes, where a nil Errors in an error would not be.
func (es Errors) asError() error {
	if len(es) == 0 {
		return nil
	}
	return es
}

// maxExcerpt is how many characters of a line are shown.
const maxExcerpt = 120

// excerpt returns what of a line is shown and the blanks that put a mark below
// column. A tab stays one in both, so that the mark stands right whatever the
// width of a tab; characters that could drive the reader's terminal are
// replaced.
func excerpt(line string, column int) (text, blanks string) {
	runes := []rune(line)
	mark := min(max(column-1, 0), len(runes))
	var head, tail string
	if len(runes) > maxExcerpt {
		start := min(max(mark-maxExcerpt/2, 0), len(runes)-maxExcerpt)
		if start > 0 {
			head = "…"
		}
		if start+maxExcerpt < len(runes) {
			tail = "…"
		}
		runes = runes[start : start+maxExcerpt]
		mark -= start
	}
	for i, r := range runes {
		if r != '\t' && !unicode.IsPrint(r) {
			runes[i] = utf8.RuneError
		}
	}
	pad := []rune(head + string(runes[:mark]))
	for i, r := range pad {
		if r != '\t' {
			pad[i] = ' '
		}
	}
	return head + string(runes) + tail, string(pad)
}
