package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// minRefresh is the least time between two looks of a screen: below it, what a
// service uses in between is too little to tell.
const minRefresh = 100 * time.Millisecond

func (a *app) topCommand() *cobra.Command {
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch the services of a live image on a screen that refreshes",
		Long: `Watch the services of a live image on a screen that refreshes: state, and what
they use now. Keys:

  Up, Down   choose a service
  s          sort by processor time, memory, name or start-up order
  Enter      show the end of its log; Esc goes back
  r          restart it
  q          quit`,
		Example: `  seance top
  seance top -i shop --interval 500ms`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if interval < minRefresh {
				return usageIn(cmd, fmt.Errorf("--interval is %s: it must be %s or more", interval, minRefresh))
			}
			if err := a.checkScreen(); err != nil {
				return usageIn(cmd, err)
			}
			return a.top(cmd.Context(), interval)
		},
	}
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "`TIME` from one look to the next, such as 500ms")
	return cmd
}

// checkScreen refuses what cannot be a screen with keys.
func (a *app) checkScreen() error {
	keys, ok := a.stdin.(*os.File)
	switch {
	case a.json:
		return errors.New("top is a screen, not JSON; for one look use: seance ps --json")
	case !a.isTerminal(a.stdout):
		return errors.New("standard output is no terminal that top can draw on; for one look use: seance ps")
	case !ok || !term.IsTerminal(int(keys.Fd())):
		return errors.New("standard input is no terminal, so there are no keys; for one look use: seance ps")
	}
	return nil
}

func (a *app) top(ctx context.Context, interval time.Duration) error {
	t, err := a.connect(ctx)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	w := watchFor(ctx, a, t)
	defer w.end()
	m := newTopModel(t.image, a.colours(), w.source(), interval)
	if err := a.runScreen(ctx, m); err != nil {
		return err
	}
	if m.ended != nil {
		a.warn("%v", m.ended)
	}
	return nil
}
