package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/testenv"
	"github.com/seancehq/seance/process"
)

// What a tree shows is what ps says: these tests run both on live systems.

// psRow is a line of ps.
type psRow struct {
	pid, ppid, pgid, sid int
	tty                  string
	stat                 string // without what the hierarchy does not know: priority and locked pages
	comm                 string
}

var psLine = regexp.MustCompile(`^ *(\d+) +(\d+) +(\d+) +(\d+) +(\S+) +(\S+) +(.*)$`)

// workerName is that of a kernel's worker, without what it works at.
var workerName = regexp.MustCompile(`^(kworker/[^-+]*)[-+].*$`)

// steady makes one state of those between which any process comes and goes.
func steady(letter string) string {
	if strings.Contains("RDI", letter) {
		return "S"
	}
	return letter
}

// parsePS reads the lines of processes; what has fewer numbers is a heading.
func parsePS(t *testing.T, out string) map[int]psRow {
	t.Helper()
	rows := map[int]psRow{}
	for line := range strings.Lines(out) {
		m := psLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		var n [4]int
		for i := range n {
			n[i], _ = strconv.Atoi(m[i+1])
		}
		stat := steady(m[6][:1]) + strings.Trim(m[6][1:], "<NL")
		comm := strings.TrimSuffix(strings.TrimSpace(m[7]), " <defunct>")
		comm = workerName.ReplaceAllString(comm, "$1")
		rows[n[0]] = psRow{n[0], n[1], n[2], n[3], m[5], stat, comm}
	}
	if len(rows) == 0 {
		t.Fatalf("no process in:\n%s", out)
	}
	return rows
}

// system is a live system that both look at.
type system struct {
	t      *testing.T
	seance func(args ...string) string // runs seance tree
	inside []string                    // what ps is run by
}

func (s system) run(args ...string) string {
	s.t.Helper()
	args = append(slices.Clone(s.inside), args...)
	out, err := exec.Command(args[0], args[1:]...).Output()
	if err != nil {
		s.t.Fatalf("%q: %v", args, err)
	}
	return string(out)
}

func (s system) ps() map[int]psRow {
	s.t.Helper()
	return parsePS(s.t, s.run("ps", "-eo", "pid=,ppid=,pgid=,sid=,tty=,stat=,comm="))
}

func (s system) threads() map[int][]int {
	s.t.Helper()
	all := map[int][]int{}
	for line := range strings.Lines(s.run("ps", "-eLo", "pid=,lwp=")) {
		var pid, tid int
		if _, err := fmt.Sscan(line, &pid, &tid); err != nil {
			s.t.Fatal(err)
		}
		all[pid] = append(all[pid], tid)
	}
	for _, tids := range all {
		slices.Sort(tids)
	}
	return all
}

// compare compares all processes that ps shows unchanged before and after, those of
// the zoo among them.
func (s system) compare(zoo ...int) (text string) {
	s.t.Helper()
	before, threadsBefore := s.ps(), s.threads()
	document := s.seance("--json")
	text = s.seance()
	after, threadsAfter := s.ps(), s.threads()

	var state process.State
	if err := json.Unmarshal([]byte(document), &state); err != nil {
		s.t.Fatal(err)
	}
	fromJSON, threads := rowsOf(state)
	fromText := parsePS(s.t, text)
	for pid, want := range before {
		if after[pid] != want {
			continue
		}
		s.same("--json", want, fromJSON[pid], true)
		s.same("as text", want, fromText[pid], false)
		if slices.Equal(threadsBefore[pid], threadsAfter[pid]) && !slices.Equal(threads[pid], threadsBefore[pid]) {
			s.t.Errorf("process %d has threads %v, ps says %v", pid, threads[pid], threadsBefore[pid])
		}
	}
	for _, pid := range zoo {
		if before[pid].pid == 0 || before[pid] != after[pid] {
			s.t.Errorf("process %d of the zoo changed: %+v, %+v", pid, before[pid], after[pid])
		}
	}
	return text
}

func (s system) same(form string, want, got psRow, isJSON bool) {
	s.t.Helper()
	if isJSON { // has the letter alone
		want.stat = want.stat[:1]
	}
	if got.comm == "["+want.comm+"]" && want.stat[0] == 'Z' {
		got.comm = want.comm
	}
	if got.tty == hiddenTerminal(want, s.inside) {
		got.tty = want.tty
	}
	if got != want {
		s.t.Errorf("%s: process %d is %+v, ps says %+v", form, want.pid, got, want)
	}
}

// hiddenTerminal names a terminal that ps shows as "?" on the host: it is in a
// container's /dev/pts alone, and ps looks for it in its own.
func hiddenTerminal(row psRow, inside []string) string {
	if row.tty != "?" || inside != nil {
		return ""
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", row.pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	device, _ := strconv.Atoi(fields[4]) // field 7 of proc_pid_stat(5)
	name := fmt.Sprintf("pts/%d", device&0xff)
	var there, here unix.Stat_t
	if unix.Stat(fmt.Sprintf("/proc/%d/root/dev/%s", row.pid, name), &there) != nil || there.Rdev != uint64(device) {
		return ""
	}
	if unix.Stat("/dev/"+name, &here) == nil {
		return ""
	}
	return name
}

// rowsOf gives the processes of a State as ps would show them, and their threads.
func rowsOf(state process.State) (rows map[int]psRow, threads map[int][]int) {
	rows, threads = map[int]psRow{}, map[int][]int{}
	for _, session := range state.Sessions {
		for _, g := range session.Groups {
			for _, p := range g.Processes {
				tty := "?"
				if p.Terminal {
					tty = session.TerminalName
				}
				pid := int(p.PID)
				rows[pid] = psRow{pid, int(p.PPID), int(g.PGID), int(session.SID), tty, steady(p.Command.Letter), workerName.ReplaceAllString(p.Command.Comm, "$1")}
				threads[pid] = []int{pid}
				for _, tid := range p.Threads {
					threads[pid] = append(threads[pid], int(tid))
				}
				slices.Sort(threads[pid])
			}
		}
	}
	return rows, threads
}

// marks checks what the text says of the zoo's sessions and groups.
func (s system) marks(a animals, text string) {
	s.t.Helper()
	for _, pattern := range []string{
		fmt.Sprintf(`session %d, leader gone$`, a.Leader),
		fmt.Sprintf(`group %d, leader sleep, orphaned$`, a.Orphan),
		fmt.Sprintf(`session %d on pts/\d+, leader zoo$`, a.Shell),
		fmt.Sprintf(`group %d, leader sleep, foreground$`, a.Foreground),
		fmt.Sprintf(`group %d, leader sleep$`, a.Background),
		fmt.Sprintf(`group %d, leader sleep$`, a.Stopped),
		fmt.Sprintf(`^ *%d .* Z\+? +\[true\] <defunct>$`, a.Zombie),
		fmt.Sprintf(`^ *%d .* T +sleep$`, a.Stopped),
		fmt.Sprintf(`^ *%d .* S\+ +sleep$`, a.Foreground),
	} {
		if !regexp.MustCompile("(?m)" + pattern).MatchString(text) {
			s.t.Errorf("the tree has no line that matches %q:\n%s", pattern, text)
		}
	}
}

func TestTreeOfTheHostShowsWhatPSSays(t *testing.T) {
	testenv.RequireProgram(t, "ps")
	if !testenv.Alone(t) { // others change between two looks
		return
	}
	a := startZoo(t)
	p := newPlace(t)
	s := system{t: t, seance: func(args ...string) string {
		got := p.run(append([]string{"tree", "--host"}, args...)...)
		if got.status != exitOK || got.stderr != "" {
			t.Fatalf("status %d: %s", got.status, got.stderr)
		}
		return got.stdout
	}}
	s.marks(a, s.compare(a.all()...))
}

func TestTreeOfAnImageShowsWhatPSSaysInside(t *testing.T) {
	testenv.RequireCRIU(t) // without it an image has no PID namespace of its own
	testenv.RequireProgram(t, "ps")
	if !testenv.Alone(t) {
		return
	}
	nsenter := testenv.RequireProgram(t, "nsenter")
	home, dir := newRealHome(t), t.TempDir()
	home.must("up", "-f", home.manifest(fmt.Sprintf("name: zoo\nservices: {zoo: {command: [%q, %q]}}\n", buildZoo(t), dir)))
	var a animals
	a.await(t, dir)
	insideOf := func() system {
		var images []api.Image
		if err := json.Unmarshal([]byte(home.must("ls", "--json")), &images); err != nil || len(images) != 1 {
			t.Fatalf("%v: %v", images, err)
		}
		return system{t: t,
			seance: func(args ...string) string { return home.must(append([]string{"tree"}, args...)...) },
			inside: []string{nsenter, "--target", strconv.Itoa(images[0].PID), "--mount", "--pid", "--"},
		}
	}
	s := insideOf()
	live := s.compare(a.all()...)
	s.marks(a, live)

	// The host sees the same processes with other numbers, and perhaps another
	// terminal with the number of theirs.
	host := system{t: t, seance: func(args ...string) string { return home.must(append([]string{"tree", "--host"}, args...)...) }}
	host.compare()

	// Saved it shows the same without a boot. Booted it shows what ps does; that is not
	// the same, for a restore gives a terminal to its session leader alone.
	home.must("snapshot", "--quit")
	saved := initAwake.ReplaceAllString(home.must("image", "tree", "zoo"), "$1 Ssl")
	if live = initAwake.ReplaceAllString(live, "$1 Ssl"); saved != live {
		t.Errorf("saved, the tree is\n%sand was\n%s", saved, live)
	}
	home.must("boot", "zoo")
	insideOf().compare(a.all()...)
}

// initAwake is init's line; init may be at work, or not, at any moment.
var initAwake = regexp.MustCompile(`(?m)^( *1 .*) [RSD]sl`)
