// Command counter-session is a Go program that is its own image. It counts to
// three, saves itself and is gone. Booted again it is at the same line, with
// the same count, goes on to six and quits.
//
//	seance up -- counter-session
//	seance boot counter-session
//
// It keeps a journal in the current folder, journal.txt. The file is what must
// not be frozen with the program: it is not the same any more when a saved copy
// boots. So it belongs to a handler, which closes it at shut-down, opens it at
// start-up, and is told why.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seancehq/seance/session"
	"github.com/seancehq/seance/session/inside"
)

func main() {
	// SIGTERM is how the image stops a program.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "counter-session:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	freezer, err := inside.New()
	if err != nil {
		return err
	}
	j := &journal{}
	m := session.New(session.WithFreezer(freezer))
	if err := m.Register(session.Func("journal", j.open, j.close)); err != nil {
		return err
	}
	if _, err := m.Boot(ctx); err != nil {
		return err
	}

	count := j.count(ctx, 0, 3)
	if ctx.Err() != nil {
		return quit(ctx, m) // told to end before it came to save
	}
	fmt.Printf("counted to %d in session %s, saving\n", count, m.Current().ID())
	result, err := m.Snapshot(ctx, true, true)
	if !result.Booting {
		// It was not saved: in the copy that was, nothing comes after that line.
		return errors.Join(err, quit(ctx, m))
	}
	fmt.Printf("booted as session %s, the count is still %d\n", result.Session, count)
	j.count(ctx, count, 6)
	return errors.Join(err, quit(ctx, m))
}

// quit shuts the session down and has the image quit, also when that is what
// this program was told already.
func quit(ctx context.Context, m *session.Manager) error {
	_, err := m.Snapshot(context.WithoutCancel(ctx), false, true)
	return err
}

// journal is the file.
type journal struct{ file *os.File }

func (j *journal) open(_ context.Context, booting bool) (err error) {
	if j.file, err = os.OpenFile("journal.txt", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(j.file, "start-up, booting=%v\n", booting)
	return err
}

func (j *journal) close(_ context.Context, quitting bool) error {
	_, err := fmt.Fprintf(j.file, "shut-down, quitting=%v\n", quitting)
	return errors.Join(err, j.file.Close())
}

// count counts on, and says how far it came before ctx ended.
func (j *journal) count(ctx context.Context, from, to int) int {
	for n := from; n < to; n++ {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return n
		}
		fmt.Fprintln(j.file, "count", n+1)
	}
	return to
}
