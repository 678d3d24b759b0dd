package sessiontest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/seancehq/seance/session"
	"github.com/seancehq/seance/session/sessiontest"
)

func TestFreezeReturnsTwice(t *testing.T) {
	var answers [][]bool
	first := sessiontest.Run(func(c *sessiontest.Copy) {
		var mine []bool
		for range 2 {
			booting, err := c.Freeze(t.Context())
			if err != nil {
				t.Error(err)
			}
			mine = append(mine, booting)
		}
		answers = append(answers, mine)
	})
	if first.Booted() || len(first.Images()) != 2 {
		t.Fatalf("first copy: booted %v, %d images", first.Booted(), len(first.Images()))
	}
	for i, images := range []int{1, 0} { // what is left to save after each point
		c, err := first.Images()[i].Boot()
		if err != nil || !c.Booted() || len(c.Images()) != images {
			t.Errorf("image %d: %v, %d images, want %d", i, err, len(c.Images()), images)
		}
	}
	want := [][]bool{{false, false}, {true, false}, {false, true}}
	if !slices.EqualFunc(answers, want, slices.Equal) {
		t.Errorf("answers are %v, want %v", answers, want)
	}
}

func TestAFailedFreezeSavesNothingAndIsRepeatedInLaterCopies(t *testing.T) {
	full := errors.New("disk full")
	var answers []error
	program := func(c *sessiontest.Copy) {
		answers = nil
		c.FailFreeze(full)
		for range 3 {
			_, err := c.Freeze(t.Context())
			answers = append(answers, err)
		}
	}
	first := sessiontest.Run(program)
	if len(first.Images()) != 2 || answers[0] != full || answers[1] != nil {
		t.Fatalf("%d images, answers %v", len(first.Images()), answers)
	}
	if _, err := first.Images()[0].Boot(); err != nil || answers[0] != full || answers[1] != nil || answers[2] != nil {
		t.Errorf("booted copy: %v, answers %v", err, answers)
	}
}

func TestAnEndedContextFailsTheFreeze(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := sessiontest.Run(func(c *sessiontest.Copy) {
		if _, err := c.Freeze(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("freeze: %v", err)
		}
	})
	if len(c.Images()) != 0 {
		t.Error("something was saved")
	}
}

func TestAProgramThatTakesAnotherWay(t *testing.T) {
	runs := 0
	c := sessiontest.Run(func(c *sessiontest.Copy) {
		if runs++; runs == 1 {
			c.Freeze(t.Context())
		}
	})
	if _, err := c.Images()[0].Boot(); !errors.Is(err, sessiontest.ErrDiverged) {
		t.Errorf("boot: %v, want ErrDiverged", err)
	}
}

func TestReplayingEndsWithTheSecondReturn(t *testing.T) {
	var replaying []bool
	var thaws []bool
	first := sessiontest.Run(func(c *sessiontest.Copy) {
		c.OnThaw(func(booting bool) { thaws = append(thaws, booting) })
		replaying = append(replaying, c.Replaying())
		c.Freeze(t.Context())
		replaying = append(replaying, c.Replaying())
	})
	if _, err := first.Images()[0].Boot(); err != nil {
		t.Fatal(err)
	}
	if want := []bool{false, false, true, false}; !slices.Equal(replaying, want) {
		t.Errorf("replaying is %v, want %v", replaying, want)
	}
	if want := []bool{false, true}; !slices.Equal(thaws, want) {
		t.Errorf("thaws are %v, want %v", thaws, want)
	}
}

func TestQuit(t *testing.T) {
	stay := errors.New("stay")
	c := sessiontest.Run(func(c *sessiontest.Copy) {
		c.FailQuit(stay)
		if err := c.Quit(t.Context()); err != stay || c.HasQuit() {
			t.Errorf("failing quit: %v", err)
		}
		if err := c.Quit(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if !c.HasQuit() {
		t.Error("it has not quit")
	}
}

func Example() {
	first := sessiontest.Run(func(c *sessiontest.Copy) {
		m := session.New(session.WithFreezer(c), session.WithSessionID(c.SessionID))
		m.Boot(context.Background())
		result, _ := m.Snapshot(context.Background(), true, true)
		fmt.Println(result.Outcome())
	})
	first.Images()[0].Boot()
	// Output:
	// quit
	// booting
}
