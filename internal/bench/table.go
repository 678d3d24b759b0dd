package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteTable prints an area's figures, aligned: names to the left, numbers to
// the right.
func WriteTable(w io.Writer, area string, figures []Figure) error {
	rows := [][]string{{area, "figure", "unit", "reference", "", "ratio"}}
	for _, f := range figures {
		rows = append(rows, cells(f))
	}
	widths := columnWidths(rows)
	for _, row := range rows {
		if _, err := io.WriteString(w, line(row, widths)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func cells(f Figure) []string {
	row := []string{f.Name, number(f.Value), f.Unit, "-", "", ""}
	if r := f.Reference; r != nil {
		row[3], row[4], row[5] = number(r.Value), r.Name, fmt.Sprintf("%.2f", f.Ratio)
		if r.Recorded {
			row[4] += " (recorded)"
		}
	}
	return row
}

func columnWidths(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// numeric says which columns are aligned to the right.
var numeric = [...]bool{1: true, 3: true, 5: true}

func line(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		blanks := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if numeric[i] {
			b.WriteString(blanks + cell + "  ")
		} else {
			b.WriteString(cell + blanks + "  ")
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// number prints three digits that mean something, and never an exponent.
func number(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}
