package cli

import (
	"cmp"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/seancehq/seance/api"
)

// topOrder is what a screen is sorted by.
type topOrder int

const (
	byCPU topOrder = iota
	byMemory
	byName
	byStartup
	topOrders // how many there are
)

func (o topOrder) String() string {
	return [...]string{"processor time", "memory", "name", "start-up order"}[o]
}

// topRow is one service on the screen.
type topRow struct {
	api.Service
	place int     // in the start-up list
	cpu   float64 // share of one processor since the last look; negative when not known
}

// topModel is what seance top shows, and how keys and answers change it. All of it
// belongs to the goroutine that runs the screen.
type topModel struct {
	colours  colours
	source   topSource
	interval time.Duration

	image  api.Image
	rows   []topRow
	looked time.Time // zero before the first look
	order  topOrder

	chosen  string // name of the service that keys are about
	first   int    // row at the top of the screen
	ask     string // service whose restart is to be confirmed
	message string // what came of the last key
	trouble string // why the last look has shown nothing
	log     *topLog

	width, height int
	ended         error // why there is nothing left to show
}

// topLog is the end of a service's log, shown in place of the services.
type topLog struct {
	service string
	lines   []api.LogLine
}

func newTopModel(img api.Image, c colours, source topSource, interval time.Duration) *topModel {
	return &topModel{image: img, colours: c, source: source, interval: interval}
}

func (m *topModel) Init() tea.Cmd { return m.source.look() }

// Update changes the model by what has happened, and says what to ask next.
func (m *topModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.scroll()
	case tea.KeyPressMsg:
		return m, m.key(msg.String())
	case looked:
		return m, m.see(msg)
	case tick:
		return m, m.next()
	case tailed:
		m.showLog(msg)
	case restarted:
		m.message = msg.service + " has restarted"
		if msg.err != nil {
			m.message = brief(msg.err.Error())
		}
	}
	return m, nil
}

// next looks again: there is one look at a time, however slow the answers are.
func (m *topModel) next() tea.Cmd {
	if m.log == nil {
		return m.source.look()
	}
	return tea.Batch(m.source.look(), m.source.log(m.log.service, m.height))
}

// see takes in a look.
func (m *topModel) see(l looked) tea.Cmd {
	again := m.source.tick(m.interval)
	switch {
	case isEnded(l.err):
		m.ended = l.err
		return tea.Quit
	case unanswered(l.err):
		m.trouble = "its monitor was lost; the next one takes over"
		return again
	case l.err != nil:
		m.trouble = brief(l.err.Error())
		return again
	}
	m.trouble = ""
	before := map[string]topRow{}
	for _, r := range m.rows {
		before[r.Name] = r
	}
	m.rows = make([]topRow, 0, len(l.services))
	for i, s := range l.services {
		m.rows = append(m.rows, topRow{Service: s, place: i, cpu: cpuBetween(before[s.Name], s, l.at.Sub(m.looked))})
	}
	m.image, m.looked = l.image, l.at
	m.sort()
	return again
}

// cpuBetween is the share of one processor that a service has used between two
// looks; since it was started when there was no such look at this instance.
func cpuBetween(before topRow, now api.Service, passed time.Duration) float64 {
	if now.Usage == nil || now.PID == 0 {
		return -1
	}
	if before.Usage == nil || before.Instance != now.Instance || passed <= 0 {
		if now.UptimeMS <= 0 {
			return -1
		}
		return now.Usage.CPUSeconds / (now.UptimeMS / 1000)
	}
	// The sum is of those that live: with a process, its time is gone.
	return max(0, now.Usage.CPUSeconds-before.Usage.CPUSeconds) / passed.Seconds()
}

func (r topRow) memory() int64 {
	if r.Usage == nil {
		return -1
	}
	return r.Usage.Memory
}

func (m *topModel) sort() {
	slices.SortStableFunc(m.rows, func(a, b topRow) int {
		order := 0
		switch m.order {
		case byCPU:
			order = cmp.Compare(b.cpu, a.cpu)
		case byMemory:
			order = cmp.Compare(b.memory(), a.memory())
		case byName:
			order = cmp.Compare(a.Name, b.Name)
		}
		return cmp.Or(order, cmp.Compare(a.place, b.place))
	})
	if m.index() < 0 && len(m.rows) > 0 {
		m.chosen = m.rows[0].Name
	}
	m.scroll()
}

// index is the row that is chosen; negative when there is none.
func (m *topModel) index() int {
	return slices.IndexFunc(m.rows, func(r topRow) bool { return r.Name == m.chosen })
}

// choose moves by so many rows, as far as there are any.
func (m *topModel) choose(by int) {
	if len(m.rows) == 0 {
		return
	}
	m.chosen = m.rows[min(max(m.index()+by, 0), len(m.rows)-1)].Name
	m.scroll()
}

// scroll keeps the chosen row on the screen.
func (m *topModel) scroll() {
	page, at := m.page(), max(m.index(), 0)
	m.first = min(m.first, at, max(0, len(m.rows)-page))
	m.first = max(m.first, at-page+1)
}

// key does what a key stands for.
func (m *topModel) key(key string) tea.Cmd {
	if m.ask != "" {
		return m.confirm(key)
	}
	m.message = ""
	switch key {
	case "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	case "ctrl+l":
		return tea.ClearScreen
	case "q", "esc", "left", "enter":
		if m.log != nil {
			m.log = nil
			return nil
		}
	}
	if m.log != nil {
		return nil
	}
	return m.listKey(key)
}

// listKey does what a key stands for where the services are shown.
func (m *topModel) listKey(key string) tea.Cmd {
	switch key {
	case "q":
		return tea.Quit
	case "up", "k":
		m.choose(-1)
	case "down", "j":
		m.choose(1)
	case "pgup":
		m.choose(-m.page())
	case "pgdown":
		m.choose(m.page())
	case "home", "g":
		m.choose(-len(m.rows))
	case "end", "G":
		m.choose(len(m.rows))
	case "s":
		m.order = (m.order + 1) % topOrders
		m.sort()
		m.message = "sorted by " + m.order.String()
	case "r":
		m.ask = m.chosen
	case "enter", "right":
		return m.openLog()
	}
	return nil
}

// confirm restarts a service when the key says so.
func (m *topModel) confirm(key string) tea.Cmd {
	service := m.ask
	m.ask, m.message = "", ""
	switch key {
	case "ctrl+c":
		return tea.Quit
	case "y", "Y":
		m.message = "restarting " + service + " …"
		return m.source.restart(service)
	}
	return nil
}

func (m *topModel) openLog() tea.Cmd {
	if m.chosen == "" {
		return nil
	}
	m.log = &topLog{service: m.chosen}
	return m.source.log(m.chosen, m.height)
}

func (m *topModel) showLog(t tailed) {
	if m.log == nil || m.log.service != t.service {
		return // it was closed meanwhile
	}
	if t.err != nil {
		m.trouble = brief(t.err.Error())
		return
	}
	m.log.lines = t.lines
}
