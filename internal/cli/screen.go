package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// framesPerSecond is how often the screen is drawn at most.
const framesPerSecond = 30

// runScreen shows a model on the terminal until it quits or ctx ends. The terminal
// is as before when it returns, after a bug too.
//
// Whatever ends the screen ends it the same way: the library asks whoever reads the
// keys to stop, and waits for that. When it is killed, be it by a context or by a
// panic, it does not wait, and closes what is being read from.
func (a *app) runScreen(ctx context.Context, m tea.Model) error {
	s := &screen{model: m}
	p := tea.NewProgram(s, tea.WithInput(a.stdin), tea.WithOutput(a.stdout), tea.WithEnvironment(a.screenEnv()),
		tea.WithColorProfile(colorprofile.ANSI), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond))
	stop := context.AfterFunc(ctx, p.Quit)
	defer stop()
	s.quit = func() { go p.Quit() }
	_, err := p.Run()
	switch {
	case s.bug != nil:
		fmt.Fprintf(a.stderr, "%v\n\n%s\n", s.bug.value, s.bug.stack)
		return errors.New("top has failed, through a mistake of its own; see above")
	case ctx.Err() != nil:
		return interruptedError{}
	case err != nil:
		return fmt.Errorf("cannot go on drawing on the terminal: %w", err)
	}
	return nil
}

// screenEnv is what tells one terminal from another.
func (a *app) screenEnv() (env []string) {
	for _, name := range []string{"TERM", "TERM_PROGRAM", "SSH_TTY", "WT_SESSION"} {
		if value := a.env(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// bug is a panic, and where it was.
type bug struct {
	value any
	stack []byte
}

// screen is a model that quits where the one it shows panics. An answer can be a
// bug as well: that of the goroutine which looked for it.
type screen struct {
	model tea.Model
	quit  func()
	bug   *bug // the first
}

func (s *screen) Init() (cmd tea.Cmd) {
	defer s.caught()
	return s.model.Init()
}

func (s *screen) Update(msg tea.Msg) (same tea.Model, cmd tea.Cmd) {
	defer s.caught()
	same = s
	if b, is := msg.(bug); is {
		s.end(b)
	}
	if s.bug == nil {
		s.model, cmd = s.model.Update(msg)
	}
	return same, cmd
}

func (s *screen) View() (v tea.View) {
	defer s.caught()
	if s.bug == nil {
		v = s.model.View()
	}
	return v
}

// caught is deferred by what runs the model.
func (s *screen) caught() {
	if r := recover(); r != nil {
		s.end(bug{r, debug.Stack()})
	}
}

func (s *screen) end(b bug) {
	if s.bug == nil {
		s.bug = &b
		s.quit()
	}
}
