package process

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// TreeOptions says what WriteTree shows.
type TreeOptions struct {
	Threads bool // a line for each thread, not only for each process
	Args    bool // whole command lines, not only short names
	Color   bool // mark headings, zombies and orphaned groups by colour
	Width   int  // cut lines to that many columns; 0 does not cut
}

// WriteTree writes the hierarchy for people, in the manner of `ps -ejH`: sessions,
// their groups, the processes of each group below their parents, and their threads.
// The columns are those of ps(1): in STAT, s is a session leader, l a process with
// several threads, + a member of the foreground group, T a stopped process and Z a
// zombie. The headings name the leaders, the terminal, the foreground group and
// orphaned groups.
func (t *Table) WriteTree(w io.Writer, options TreeOptions) error {
	tw := treeWriter{t: t, options: options}
	tw.collect()
	return tw.write(w)
}

// row is one line: the columns, and what stands at the end of the line.
type row struct {
	columns [6]string
	text    string
	color   string
}

var treeHeader = row{columns: [6]string{"PID", "PPID", "PGID", "SID", "TTY", "STAT"}, text: "COMMAND"}

const (
	colorHeading = "\x1b[1m"
	colorWarning = "\x1b[33m"
	colorZombie  = "\x1b[31m"
	colorOff     = "\x1b[0m"
)

type treeWriter struct {
	t       *Table
	options TreeOptions
	rows    []row
	tty     *terminal // of the session in hand
	ttyName string
}

// collect makes the rows with the lock; write writes them without.
func (tw *treeWriter) collect() {
	t := tw.t
	t.mu.Lock()
	defer t.mu.Unlock()
	tw.rows = append(make([]row, 0, 1+t.procs.live+t.groups.live+t.sessions.live), treeHeader)
	for sid, c := range t.numbers.all() {
		if slot := c.session.Load(); slot != 0 {
			tw.session(sid, t.sessions.at(slot))
		}
	}
}

func (tw *treeWriter) session(sid PID, s *session) {
	t := tw.t
	tw.tty, tw.ttyName = t.terminals[s.terminal], "?"
	text := "session " + number(sid)
	if tw.tty != nil {
		tw.ttyName = tw.tty.name
		if tw.ttyName == "" {
			tw.ttyName = "tty" + strconv.FormatUint(uint64(s.terminal), 10)
		}
		text += " on " + printable(tw.ttyName)
	}
	leader := uint32(0)
	if slot := t.numbers.task(sid); slot&threadBit == 0 && slot != 0 && t.procs.at(slot).has(isLeader) {
		leader = slot
	}
	row := row{text: text + tw.leader(sid, leader), color: colorHeading}
	row.columns[3], row.columns[4] = number(sid), printable(tw.ttyName)
	tw.rows = append(tw.rows, row)

	groups := make([]PID, 0, s.groups)
	for g := s.firstGroup; g != 0; g = t.groups.at(g).next {
		groups = append(groups, t.groups.at(g).pgid())
	}
	ascending(groups, func(n PID) PID { return n })
	for _, pgid := range groups {
		slot := t.numbers.group(pgid)
		tw.group(pgid, slot, t.groups.at(slot))
	}
}

// leader says who leads a session or group. Number 0 is not one of this table's: the
// kernel's threads have it, and who came into a PID namespace from outside.
func (tw *treeWriter) leader(of PID, slot uint32) string {
	switch {
	case of == 0:
		return ", outside"
	case slot == 0:
		return ", leader gone"
	}
	if name := tw.name(slot); name != "" {
		return ", leader " + name
	}
	return ""
}

func (tw *treeWriter) group(pgid PID, slot uint32, g *group) {
	t := tw.t
	leader := t.numbers.task(pgid)
	if leader&threadBit != 0 || leader != 0 && t.procs.at(leader).groupSlot() != slot {
		leader = 0
	}
	heading := row{text: "  group " + number(pgid) + tw.leader(pgid, leader), color: colorHeading}
	heading.columns[2], heading.columns[3], heading.columns[4] = number(pgid), number(g.sid()), printable(tw.ttyName)
	foreground := tw.tty != nil && tw.tty.foreground == numbered{pgid, g.number.Load()}
	if foreground {
		heading.text += ", foreground"
	}
	// The group of the session leader is always orphaned, so that says nothing.
	if g.anchors == 0 && g.living > 0 && pgid != g.sid() {
		heading.text += ", orphaned"
		heading.color = colorWarning
	}
	tw.rows = append(tw.rows, heading)

	for _, m := range t.listMembers(g).sorted() {
		if up := t.procs.at(m.slot).parentSlot(); up == 0 || t.procs.at(up).groupSlot() != slot {
			tw.processes(m.slot, slot, foreground)
		}
	}
}

// processes writes a process and those of its descendants that it reaches within
// the group; a stack stands in for recursion, since chains can be long.
func (tw *treeWriter) processes(root, gslot uint32, foreground bool) {
	type item struct {
		slot  uint32
		depth int
	}
	t := tw.t
	stack := []item{{root, 0}}
	for len(stack) > 0 {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		r := t.procs.at(top.slot)
		tw.process(top.slot, r, top.depth, foreground)
		children := t.listChildren(r).sorted()
		for i := len(children) - 1; i >= 0; i-- {
			if t.procs.at(children[i].slot).groupSlot() == gslot {
				stack = append(stack, item{children[i].slot, top.depth + 1})
			}
		}
	}
}

func (tw *treeWriter) process(slot uint32, r *proc, depth int, foreground bool) {
	t := tw.t
	g := t.groups.at(r.groupSlot())
	tty := "?"
	if r.has(hasTerminal) {
		tty = printable(tw.ttyName)
	}
	indent := "    " + strings.Repeat("  ", min(depth, 64))
	line := row{text: indent + tw.command(slot, r)}
	stat := tw.stat(slot, r, foreground && r.has(hasTerminal))
	line.columns = [6]string{
		number(r.number()), number(t.procs.at(r.parentSlot()).number()),
		number(g.pgid()), number(g.sid()), tty, stat,
	}
	if r.has(isZombie) {
		line.color = colorZombie
	}
	tw.rows = append(tw.rows, line)
	if !tw.options.Threads || r.extra == 0 {
		return
	}
	tids := make([]PID, 0, r.threads)
	if !r.has(mainEnded) {
		tids = append(tids, r.number())
	}
	for th := r.extra; th != 0; th = t.threads.at(th).next {
		tids = append(tids, PID(t.threads.at(th).tid.Load()))
	}
	ascending(tids, func(n PID) PID { return n })
	for _, tid := range tids {
		line := row{text: indent + "  thread " + number(tid)}
		line.columns = [6]string{"", number(r.number()), number(g.pgid()), number(g.sid()), tty, ""}
		tw.rows = append(tw.rows, line)
	}
}

// stat is the STAT column of ps(1), without what the hierarchy does not know.
func (tw *treeWriter) stat(slot uint32, r *proc, foreground bool) string {
	stat := "R"
	if c := tw.t.commands[slot]; c != nil && c.Letter != "" {
		stat = printable(c.Letter)
	}
	switch {
	case r.has(isZombie):
		stat = "Z"
	case r.has(isStopped):
		stat = "T"
	}
	if r.has(isLeader) {
		stat += "s"
	}
	if r.extra != 0 {
		stat += "l"
	}
	if foreground {
		stat += "+"
	}
	return stat
}

func (tw *treeWriter) command(slot uint32, r *proc) string {
	name := tw.name(slot)
	c := tw.t.commands[slot]
	switch {
	case r.has(isZombie) && c == nil:
		return "<defunct>"
	case r.has(isZombie):
		return "[" + name + "] <defunct>"
	case c == nil:
		return "process"
	case tw.options.Args && len(c.Args) > 0:
		return printable(strings.Join(c.Args, " "))
	case tw.options.Args:
		return "[" + name + "]"
	}
	return name
}

func (tw *treeWriter) name(slot uint32) string {
	if c := tw.t.commands[slot]; c != nil {
		return printable(c.Comm)
	}
	return ""
}

func number(n PID) string { return strconv.Itoa(int(n)) }

func (tw *treeWriter) write(w io.Writer) error {
	var widths [6]int
	for i := range tw.rows {
		for j, column := range tw.rows[i].columns {
			widths[j] = max(widths[j], utf8.RuneCountInString(column))
		}
	}
	out := bufio.NewWriter(w)
	for i := range tw.rows {
		row := &tw.rows[i]
		line := tw.cut(row.line(&widths))
		if tw.options.Color && row.color != "" {
			line = row.color + line + colorOff
		}
		out.WriteString(line)
		out.WriteByte('\n')
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("cannot write process tree: %w", err)
	}
	return nil
}

// line puts numbers to the right of their columns and words to the left.
func (r *row) line(widths *[6]int) string {
	var b strings.Builder
	for j, column := range r.columns {
		gap := strings.Repeat(" ", widths[j]-utf8.RuneCountInString(column))
		if j < 4 {
			b.WriteString(gap + column + " ")
		} else {
			b.WriteString(column + gap + " ")
		}
	}
	b.WriteString(r.text)
	return b.String()
}

func (tw *treeWriter) cut(line string) string {
	if tw.options.Width <= 0 || utf8.RuneCountInString(line) <= tw.options.Width {
		return line
	}
	return string([]rune(line)[:tw.options.Width])
}

// printable replaces what a terminal could take for commands.
func printable(s string) string {
	quoted := strconv.QuoteToGraphic(s)
	if len(quoted) == len(s)+2 {
		return s
	}
	return quoted
}
