package cli

import (
	"io"
	"strings"
	"unicode/utf8"
)

// table is a set of rows that are printed with aligned columns.
type table struct {
	head  []string
	rows  [][]string
	right map[string]bool // the columns, by head, that are aligned right
	most  int             // columns that a line may take; 0 is no limit
}

func newTable(head ...string) *table { return &table{head: head, right: map[string]bool{}} }

// alignRight aligns columns right, as numbers want to be.
func (t *table) alignRight(heads ...string) *table {
	for _, h := range heads {
		t.right[h] = true
	}
	return t
}

// limit cuts lines that take more than so many columns; 0 is no limit.
func (t *table) limit(columns int) *table {
	t.most = columns
	return t
}

// row adds one row. A cell that says nothing is shown as a dash, so that the
// output can be split at white space; a line's end or another control
// character within a cell, as a blank.
func (t *table) row(cells ...string) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = strings.Map(blankControl, c)
		if c == "" {
			row[i] = "-"
		}
	}
	t.rows = append(t.rows, row)
}

func blankControl(r rune) rune {
	if isControl(r) {
		return ' '
	}
	return r
}

// write prints the table, the head line too when there are no rows.
func (t *table) write(w io.Writer) error {
	_, err := io.WriteString(w, strings.Join(t.lines(), "\n")+"\n")
	return err
}

// lines are those of the table, the head line first.
func (t *table) lines() []string {
	widths := t.widths()
	lines := []string{t.line(t.head, widths)}
	for _, row := range t.rows {
		lines = append(lines, t.line(row, widths))
	}
	return lines
}

func (t *table) widths() []int {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	return widths
}

func (t *table) line(row []string, widths []int) string {
	var b strings.Builder
	for i, c := range row {
		if i > 0 {
			b.WriteString("  ")
		}
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
		if t.right[t.head[i]] {
			b.WriteString(pad + c)
		} else {
			b.WriteString(c + pad)
		}
	}
	return cut(strings.TrimRight(b.String(), " "), t.most)
}

// cut shortens a line to so many columns; 0 is no limit.
func cut(line string, columns int) string {
	if columns < 1 || utf8.RuneCountInString(line) <= columns {
		return line
	}
	return string([]rune(line)[:columns-1]) + "…"
}
