// Package sessiontest has a freezer for tests that keeps saved images in memory and really returns
// twice.
//
// The program under test is a function. It is given a [Copy], which is a [session.Freezer]; it
// makes a manager with it, boots it, and takes snapshots, and it returns when it is done. An
// [Image] holds the point that the program had come to when it was saved. Booting it makes another
// copy of the program, in which that very call of Freeze returns again, with booting true:
//
//	first := sessiontest.Run(func(c *sessiontest.Copy) {
//		m := session.New(session.WithFreezer(c), session.WithSessionID(c.SessionID))
//		m.Boot(ctx)
//		result, err := m.Snapshot(ctx, true, true)
//		// comes here twice: with "quit", and with "booting"
//	})
//	second := first.Images()[0].Boot()
//
// A Go program cannot copy its own memory. So the copy is brought to the point of the save by
// running the function anew, with every answer that the freezer gave before, up to that call. The
// function must therefore be deterministic and keep what it changes to itself; for effects outside,
// it can ask [Copy.Replaying].
package sessiontest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/seancehq/seance/session"
)

// Program is a program that can be saved and booted.
type Program func(c *Copy)

// ErrDiverged: a booted program did not come to the point at which it was saved. It is not
// deterministic.
var ErrDiverged = errors.New("the program took another way than the one that was saved")

// Copy is one running copy of a program, and the freezer of its image.
type Copy struct {
	program Program
	booted  bool

	mu      sync.Mutex
	past    history // what happened up to now
	replay  history // what is still to happen again
	images  []*Image
	quits   int
	failing error // answer of the next Freeze
	staying error // answer of the next Quit
	thaw    func(booting bool)
}

var _ session.Freezer = (*Copy)(nil)

// history is all that reaches the program from outside.
type history struct {
	freezes []answer
	ids     []string
}

type answer struct {
	booting bool
	err     error
}

func (h history) clone() history {
	return history{slices.Clone(h.freezes), slices.Clone(h.ids)}
}

// Image is a program that was saved.
type Image struct {
	program Program
	past    history // up to the save, without its answer
}

// Run runs a program, in the caller's goroutine, until it returns.
func Run(p Program) *Copy {
	c := &Copy{program: p}
	p(c)
	return c
}

// Boot runs a copy of the program from the point at which it was saved, until it returns. An image
// can be booted any number of times.
func (i *Image) Boot() (*Copy, error) {
	return i.boot(nil)
}

// BootWithComplaint is Boot with an error besides booting = true.
func (i *Image) BootWithComplaint(err error) (*Copy, error) { return i.boot(err) }

func (i *Image) boot(complaint error) (*Copy, error) {
	c := &Copy{program: i.program, booted: true, replay: i.past.clone()}
	c.replay.freezes = append(c.replay.freezes, answer{booting: true, err: complaint})
	i.program(c)
	if c.Replaying() {
		return c, fmt.Errorf("cannot boot the image: %w", ErrDiverged)
	}
	return c, nil
}

// Freeze saves the program at this point.
func (c *Copy) Freeze(ctx context.Context) (booting bool, err error) {
	a, thaw := c.freeze(ctx)
	if thaw != nil {
		thaw(a.booting)
	}
	return a.booting, a.err
}

func (c *Copy) freeze(ctx context.Context) (a answer, thaw func(bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.past.clone()
	failing := c.failing
	c.failing = nil
	defer func() { c.past.freezes = append(c.past.freezes, a) }()
	if len(c.replay.freezes) > 0 {
		a, c.replay.freezes = c.replay.freezes[0], c.replay.freezes[1:]
		if len(c.replay.freezes) == 0 {
			thaw = c.thaw
		}
		return a, thaw
	}
	if failing == nil && ctx.Err() != nil {
		failing = context.Cause(ctx)
	}
	if failing == nil {
		c.images = append(c.images, &Image{program: c.program, past: before})
	}
	return answer{err: failing}, c.thaw
}

// Quit notes that the program was told to quit; the program is then expected to return.
func (c *Copy) Quit(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.staying
	c.staying = nil
	if err == nil {
		c.quits++
	}
	return err
}

// SessionID makes identities for [session.WithSessionID]. A booted copy has, for the sessions before
// the save, those they had, as it would have in its memory.
func (c *Copy) SessionID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := rand.Text()
	if len(c.replay.ids) > 0 {
		id, c.replay.ids = c.replay.ids[0], c.replay.ids[1:]
	}
	c.past.ids = append(c.past.ids, id)
	return id
}

// Booted reports whether this copy was booted from an image.
func (c *Copy) Booted() bool { return c.booted }

// Replaying reports whether the program is still on its way to the point at which it was saved:
// what it does now it has done before.
func (c *Copy) Replaying() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.replay.freezes) > 0
}

// Images returns what this copy has saved.
func (c *Copy) Images() []*Image {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.images)
}

// HasQuit reports whether the program was told to quit.
func (c *Copy) HasQuit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.quits > 0
}

// FailFreeze makes the next save fail.
func (c *Copy) FailFreeze(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failing = err
}

// FailQuit makes the next quit fail.
func (c *Copy) FailQuit(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.staying = err
}

// OnThaw has f called whenever a Freeze that is not a replayed one is about to return, with what it
// returns.
func (c *Copy) OnThaw(f func(booting bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.thaw = f
}
