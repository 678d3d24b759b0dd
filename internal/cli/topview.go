package cli

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// Lines of the screen that show no service: the summary, the head of the table, and
// the keys at the end.
const topFrame = 3

// page is how many services have a place.
func (m *topModel) page() int { return max(1, m.height-topFrame) }

// View draws the screen: as many lines as it has, none wider than it is.
func (m *topModel) View() tea.View {
	v := tea.NewView(strings.Join(m.lines(), "\n"))
	v.AltScreen = true
	return v
}

func (m *topModel) lines() []string {
	if m.width < 1 || m.height < 1 {
		return nil // not known yet
	}
	body := m.height - 2
	lines := []string{m.summary()}
	switch {
	case m.log != nil:
		lines = append(lines, m.logLines(body)...)
	case m.looked.IsZero():
		lines = append(lines, "looking …")
	default:
		lines = append(lines, m.table()...)
	}
	if body < 1 {
		return lines[:1] // there is no place for more
	}
	lines = lines[:min(len(lines), body+1)]
	for len(lines) <= body {
		lines = append(lines, "")
	}
	return append(lines, m.foot())
}

// summary says how the image is, and what all its services use together.
func (m *topModel) summary() string {
	cpu, bytes := 0.0, int64(0)
	for _, r := range m.rows {
		cpu += max(0, r.cpu)
		bytes += max(0, r.memory())
	}
	text := fmt.Sprintf("%s  %s  %d of %d ready", m.image.Name, m.image.State, m.image.Ready, m.image.Services)
	if !m.looked.IsZero() {
		text += fmt.Sprintf("  CPU %s  memory %s  up %s", percent(cpu), size(bytes), since(m.image.Started, m.looked))
	}
	if m.log != nil {
		text = fmt.Sprintf("%s  log of %s", m.image.Name, m.log.service)
	}
	return m.bold(cut(text, m.width))
}

func (m *topModel) table() []string {
	// Heads are as wide as values get, so that columns stay where they are.
	t := newTable("SERVICE", "STATE   ", "RESTARTS", "  PID", "   CPU", "   MEMORY", "UPTIME", "PORTS", "COMMAND").
		alignRight("RESTARTS", "  PID", "   CPU", "   MEMORY", "UPTIME").limit(m.width)
	last := min(len(m.rows), m.first+m.page())
	for _, r := range m.rows[m.first:last] {
		cpu := ""
		if r.cpu >= 0 {
			cpu = percent(r.cpu)
		}
		t.row(r.Name, serviceState(r.Service), strconv.Itoa(r.Restarts), number(r.PID), cpu, memory(r.Service), uptime(r.Service),
			ports(r.Service), briefCommand(r.Command))
	}
	lines := t.lines()
	for i := range lines {
		switch row := m.first + i - 1; {
		case i == 0:
			lines[i] = m.colours.faint(lines[i])
		case m.rows[row].Name == m.chosen:
			lines[i] = m.mark(lines[i])
		default:
			lines[i] = m.paintState(lines[i], serviceState(m.rows[row].Service))
		}
	}
	return lines
}

// paintState paints the state where it stands in a line, after the name.
func (m *topModel) paintState(line, state string) string {
	name, rest, ok := strings.Cut(line, " ")
	blanks := len(rest) - len(strings.TrimLeft(rest, " "))
	if !ok || !strings.HasPrefix(rest[blanks:], state) {
		return line
	}
	return name + " " + rest[:blanks] + m.colours.state(state) + rest[blanks+len(state):]
}

// mark shows which line is chosen, without colours by a sign at its end.
func (m *topModel) mark(line string) string {
	pad := strings.Repeat(" ", max(0, m.width-utf8.RuneCountInString(line)))
	if m.colours.on {
		return "\x1b[7m" + line + pad + "\x1b[0m"
	}
	return string([]rune(line + pad)[:m.width-1]) + "<"
}

func (m *topModel) bold(text string) string {
	if !m.colours.on {
		return text
	}
	return "\x1b[1m" + text + "\x1b[0m"
}

// logLines are the last lines of a log that fit.
func (m *topModel) logLines(most int) []string {
	shown := m.log.lines[max(0, len(m.log.lines)-max(0, most)):]
	lines := make([]string, len(shown))
	for i, l := range shown {
		text := plainText(l.Text)
		if l.Stream == "seance" {
			text = "[" + text + "]"
		}
		at := l.Time.Local().Format(clockTime)
		lines[i] = cut(at+" "+text, m.width)
		if rest, ok := strings.CutPrefix(lines[i], at); ok {
			lines[i] = m.colours.faint(at) + rest
		}
	}
	return lines
}

// plainText is what a line of output leaves on a terminal, without what moves the
// cursor or changes colours.
func plainText(s string) string {
	s = strings.TrimRight(s, "\r\n")
	s = s[strings.LastIndexByte(s, '\r')+1:] // a carriage return writes over what stood there
	s = ansi.Strip(strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\t", "    "))
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// foot is the last line: a question, what is wrong, what came of a key, or which
// keys there are.
func (m *topModel) foot() string {
	text := "q quit   s sort   arrows choose   Enter log   r restart"
	switch {
	case m.ask != "":
		text = fmt.Sprintf("restart %s? y/n", m.ask)
	case m.trouble != "":
		text = m.trouble
	case m.message != "":
		text = m.message
	case m.log != nil:
		text = "Esc back"
	}
	return m.colours.faint(cut(strings.Map(blankControl, text), m.width))
}
