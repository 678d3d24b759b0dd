package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// size gives a number of bytes as people read it, in binary units.
func size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1024, 0
	for units := "KMGT"; f >= 1023.95 && unit < len(units)-1; unit++ {
		f /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGT"[unit])
}

// age gives how long something has lasted, in its largest unit.
func age(d time.Duration) string {
	switch {
	case d < time.Second:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

// since is the age of a moment; "" for no moment.
func since(t time.Time, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return age(now.Sub(t))
}

// took gives a duration of so many milliseconds, in the unit that suits it.
func took(ms float64) string {
	switch {
	case ms < 1:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

// number gives a number, and nothing for none.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// shortDigest shortens algorithm:hex to what tells images apart at a glance.
func shortDigest(digest string) string {
	const shown = 12
	algorithm, hex, ok := strings.Cut(digest, ":")
	if !ok || len(hex) <= shown {
		return digest
	}
	return algorithm + ":" + hex[:shown]
}

// commandLine gives an argument vector as a shell would read it back.
func commandLine(argv []string) string {
	quoted := make([]string, len(argv))
	for i, arg := range argv {
		quoted[i] = shellWord(arg)
	}
	return strings.Join(quoted, " ")
}

// briefCommand is a commandLine with the first line alone of an argument that has
// several, as a script has: for tables.
func briefCommand(argv []string) string {
	brief := make([]string, len(argv))
	for i, arg := range argv {
		line, rest, several := strings.Cut(strings.TrimLeft(arg, "\n"), "\n")
		switch {
		case strings.TrimSpace(rest) != "":
			line += "…"
		case !several:
			line = arg
		}
		brief[i] = line
	}
	return commandLine(brief)
}

func shellWord(s string) string {
	if s != "" && strings.IndexFunc(s, needsQuotes) < 0 {
		return s
	}
	if strings.IndexFunc(s, isControl) >= 0 {
		quoted := strconv.Quote(s)
		return "$'" + strings.NewReplacer(`\"`, `"`, `\\`, `\\`, `'`, `\'`).Replace(quoted[1:len(quoted)-1]) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func needsQuotes(r rune) bool {
	plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		strings.ContainsRune("%+,-./:=@_", r) || r > 0x7f
	return !plain
}
