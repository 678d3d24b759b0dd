package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/seancehq/seance/api"
)

// asking notes what a model asks, and answers nothing.
type asking struct{ asked []string }

func (q *asking) note(format string, args ...any) tea.Cmd {
	q.asked = append(q.asked, fmt.Sprintf(format, args...))
	return nil
}

func (q *asking) source() topSource {
	return topSource{
		tick:    func(d time.Duration) tea.Cmd { return q.note("tick %v", d) },
		look:    func() tea.Cmd { return q.note("look") },
		log:     func(service string, lines int) tea.Cmd { return q.note("log %s %d", service, lines) },
		restart: func(service string) tea.Cmd { return q.note("restart %s", service) },
	}
}

// topScreen is a model as a test drives it.
type topScreen struct {
	*topModel
	asking *asking
	now    time.Time
}

func newTopScreen(width, height int) topScreen {
	q := &asking{}
	img := shop("shop")
	s := topScreen{newTopModel(img, colours{}, q.source(), time.Second), q, img.Started.Add(90 * time.Second)}
	s.Update(tea.WindowSizeMsg{Width: width, Height: height})
	return s
}

// sees lets so much time pass and shows services.
func (s *topScreen) sees(passed time.Duration, services ...api.Service) {
	s.now = s.now.Add(passed)
	s.Update(looked{at: s.now, image: s.image, services: services})
}

// press presses keys, and returns whether the last one quits.
func (s topScreen) press(keys ...string) (quits bool) {
	special := map[string]rune{"up": tea.KeyUp, "down": tea.KeyDown, "enter": tea.KeyEnter, "esc": tea.KeyEscape,
		"pgdown": tea.KeyPgDown, "pgup": tea.KeyPgUp, "home": tea.KeyHome, "end": tea.KeyEnd}
	for _, key := range keys {
		msg := tea.KeyPressMsg{Code: special[key]}
		switch r, _ := utf8.DecodeRuneInString(key); {
		case key == "ctrl+c":
			msg = tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
		case msg.Code == 0:
			msg = tea.KeyPressMsg{Code: r, Text: key}
		}
		_, cmd := s.Update(msg)
		quits = cmd != nil && cmd() == tea.QuitMsg{}
	}
	return quits
}

func (s topScreen) wantScreen(t *testing.T, want string) {
	t.Helper()
	lines := s.lines()
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("the screen is\n%s\nwant\n%s", got, want)
	}
}

func using(name string, cpu float64, mebibytes int64) api.Service {
	return api.Service{Name: name, State: "running", Ready: true, PID: 7, Instance: 1, UptimeMS: 10_000, Command: []string{name},
		Usage: &api.Usage{Processes: 1, CPUSeconds: cpu, Memory: mebibytes << 20}}
}

func TestTopShowsWhatServicesUse(t *testing.T) {
	s := newTopScreen(80, 8)
	s.wantScreen(t, "shop  running  3 of 3 ready\nlooking …\n\n\n\n\n\nq quit   s sort   arrows choose   Enter log   r restart")

	// At first it is what they have used since they were started.
	failed := api.Service{Name: "mail", State: "failed"}
	s.sees(0, using("db", 1, 30), using("web", 2, 10), failed)
	s.wantScreen(t, `shop  running  3 of 3 ready  CPU 30.0%  memory 40.0 MiB  up 1m
SERVICE  STATE     RESTARTS    PID     CPU     MEMORY  UPTIME  PORTS  COMMAND
web      ready            0      7   20.0%    10.0MiB     10s  -      web      <
db       ready            0      7   10.0%    30.0MiB     10s  -      db
mail     failed           0      -       -          -       -  -      -


q quit   s sort   arrows choose   Enter log   r restart`)

	// Then what they have used since the last look: not less than nothing though
	// processes have ended meanwhile, and afresh for a new instance.
	next := using("web", 1, 10)
	restarted := using("db", 0.5, 30)
	restarted.Instance, restarted.Restarts, restarted.UptimeMS = 2, 1, 1000
	s.sees(2*time.Second, restarted, next, using("mail", 3, 1))
	s.wantScreen(t, `shop  running  3 of 3 ready  CPU 80.0%  memory 41.0 MiB  up 1m
SERVICE  STATE     RESTARTS    PID     CPU     MEMORY  UPTIME  PORTS  COMMAND
db       ready            1      7   50.0%    30.0MiB      1s  -      db
mail     ready            0      7   30.0%     1.0MiB     10s  -      mail
web      ready            0      7    0.0%    10.0MiB     10s  -      web      <


q quit   s sort   arrows choose   Enter log   r restart`)
	s.sees(500*time.Millisecond, restarted, using("web", 2, 10))
	if got := percent(s.rows[0].cpu); s.rows[0].Name != "web" || got != "200%" {
		t.Errorf("%s has used %s, want web 200%%: a second of processor time in half a second", s.rows[0].Name, got)
	}
}

func sorted(s topScreen) string {
	var all []string
	for _, r := range s.rows {
		all = append(all, r.Name)
	}
	return strings.Join(all, " ")
}

func TestTopSorts(t *testing.T) {
	s := newTopScreen(80, 10)
	s.sees(0, using("web", 1, 2), using("db", 3, 1), using("mail", 2, 3))
	for _, want := range []string{"db mail web", "mail web db", "db mail web", "web db mail", "db mail web"} {
		if got := sorted(s); got != want {
			t.Errorf("sorted by %s it is %s, want %s", s.order, got, want)
		}
		s.press("s")
	}
	// What is chosen stays so, wherever it goes.
	if s.chosen != "db" {
		t.Errorf("%s is chosen, want db", s.chosen)
	}
}

func many(n int) []api.Service {
	all := make([]api.Service, n)
	for i := range all {
		all[i] = using(fmt.Sprintf("s%02d", i), 1, 1)
	}
	return all
}

func TestTopScrolls(t *testing.T) {
	s := newTopScreen(80, 8) // five have a place
	s.sees(0, many(12)...)
	for _, step := range []struct {
		keys          []string
		chosen        string
		first, bottom string
	}{
		{nil, "s00", "s00", "s04"},
		{[]string{"up"}, "s00", "s00", "s04"},
		{[]string{"down", "down", "down", "down"}, "s04", "s00", "s04"},
		{[]string{"down"}, "s05", "s01", "s05"},
		{[]string{"up", "k"}, "s03", "s01", "s05"},
		{[]string{"pgdown"}, "s08", "s04", "s08"},
		{[]string{"end"}, "s11", "s07", "s11"},
		{[]string{"j"}, "s11", "s07", "s11"},
		{[]string{"home"}, "s00", "s00", "s04"},
	} {
		s.press(step.keys...)
		lines := s.lines()
		if s.chosen != step.chosen || !strings.HasPrefix(lines[2], step.first) || !strings.HasPrefix(lines[6], step.bottom) {
			t.Errorf("after %q %s is chosen, want %s; want %s to %s on the screen:\n%s", step.keys, s.chosen, step.chosen, step.first, step.bottom, strings.Join(lines, "\n"))
		}
	}
	// One that goes leaves another chosen; the screen is filled when it grows.
	s.press("end")
	s.sees(time.Second, many(3)...)
	if s.chosen != "s00" || s.first != 0 {
		t.Errorf("%s is chosen and the first row is %d, want s00 and 0", s.chosen, s.first)
	}
}

// Whatever its size, the screen has as many lines as there are, none too wide.
func TestTopFitsAnyScreen(t *testing.T) {
	s := newTopScreen(80, 24)
	s.sees(0, many(12)...)
	s.press("down", "down", "down", "down", "down", "down", "down", "down", "down")
	check := func(what string) {
		for width := 1; width < 100; width += 7 {
			for height := 1; height < 20; height++ {
				s.Update(tea.WindowSizeMsg{Width: width, Height: height})
				lines := s.lines()
				if len(lines) > height || height > 1 && len(lines) != max(1, height) && height != 2 {
					t.Fatalf("%s: %d lines on a screen of %d × %d", what, len(lines), width, height)
				}
				for _, line := range lines {
					if n := utf8.RuneCountInString(line); n > width {
						t.Fatalf("%s: a line of %d on a screen of %d × %d: %q", what, n, width, height, line)
					}
				}
				if height > topFrame && what == "list" && width > 10 && !strings.Contains(strings.Join(lines, "\n"), "\ns09 ") {
					t.Fatalf("what is chosen is not on the screen of %d × %d:\n%s", width, height, strings.Join(lines, "\n"))
				}
			}
		}
	}
	check("list")
	s.press("enter")
	s.Update(tailed{service: "s09", lines: make([]api.LogLine, 50)})
	check("log")
	s.Update(tea.WindowSizeMsg{})
	if lines := s.lines(); len(lines) != 0 {
		t.Errorf("on a screen of no size: %q", lines)
	}
}

func TestTopRestarts(t *testing.T) {
	s := newTopScreen(80, 8)
	s.press("r", "y")
	s.sees(0, using("web", 1, 1), using("db", 0, 1))
	s.asking.asked = nil
	s.press("r", "n", "down", "r", "down")
	if len(s.asking.asked) != 0 || s.ask != "" {
		t.Errorf("asked for %q without a yes", s.asking.asked)
	}
	s.press("r")
	if got := s.foot(); got != "restart db? y/n" {
		t.Errorf("it asks %q", got)
	}
	s.press("y")
	if got := strings.Join(s.asking.asked, ", "); got != "restart db" || s.foot() != "restarting db …" {
		t.Errorf("asked for %q, and says %q", got, s.foot())
	}
	s.Update(restarted{service: "db"})
	if got := s.foot(); got != "db has restarted" {
		t.Errorf("it says %q", got)
	}
	s.Update(restarted{service: "db", err: errors.New("cannot start service \"db\": no such program; its last lines:\n  | oh")})
	if got := s.foot(); got != "cannot start service \"db\": no such program" {
		t.Errorf("it says %q", got)
	}
}

func TestTopShowsALog(t *testing.T) {
	s := newTopScreen(40, 6)
	s.press("enter") // there is nothing to show yet
	s.sees(0, using("web", 1, 1))
	s.asking.asked = nil
	s.press("enter")
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.Local)
	line := func(stream, text string) api.LogLine {
		return api.LogLine{Time: at, Service: "web", Stream: stream, Text: text}
	}
	lines := []api.LogLine{line("stdout", "too old"), line("pty", "10%\r100%\r"), line("stdout", "\x1b[31mred\x1b[0m\x1b]0;title\x07\ttab\x00\xff"),
		line("seance", "ended: killed"), line("stdout", strings.Repeat("long ", 20))}
	s.Update(tailed{service: "web", lines: lines})
	s.wantScreen(t, `shop  log of web
03:04:05.678 100%
03:04:05.678 red    tab�
03:04:05.678 [ended: killed]
03:04:05.678 long long long long long l…
Esc back`)

	// It goes on with each look.
	s.Update(tick{})
	if got := strings.Join(s.asking.asked, ", "); got != "log web 6, look, log web 6" {
		t.Errorf("asked for %q", got)
	}
	s.press("r") // is not about a log
	if s.ask != "" {
		t.Error("it would restart a service that is not seen")
	}
	if s.press("q") || s.log != nil {
		t.Error("q does not lead back")
	}
	s.Update(tailed{service: "web", lines: lines}) // comes too late
	if s.log != nil || !s.press("q") {
		t.Error("the list is not there, or q does not quit")
	}
}

func TestTopGoesOnWithoutAnswers(t *testing.T) {
	s := newTopScreen(80, 6)
	s.sees(0, using("web", 1, 1))
	s.Update(looked{err: &notAnsweringError{"shop", "its monitor (pid 7) is stopped"}})
	if got := s.foot(); got != `image "shop" does not answer: its monitor (pid 7) is stopped` || len(s.rows) != 1 {
		t.Errorf("it says %q and shows %d services", got, len(s.rows))
	}
	s.Update(looked{err: api.ErrNoMonitor})
	if got := s.foot(); got != "its monitor was lost; the next one takes over" {
		t.Errorf("it says %q", got)
	}
	s.sees(time.Second, using("web", 1, 1))
	if got := s.foot(); !strings.HasPrefix(got, "q quit") {
		t.Errorf("it says %q", got)
	}
	_, cmd := s.Update(looked{err: endedError{"shop"}})
	if cmd == nil || cmd() != (tea.QuitMsg{}) || s.ended == nil {
		t.Error("it does not end with the image")
	}
}
