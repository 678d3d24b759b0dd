package logfile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/logfile"
)

// follower follows the logs of a folder, and counts how often it begins to wait.
type follower struct {
	t     *testing.T
	waits atomic.Int64

	mu  sync.Mutex
	got []string
}

func follow(t *testing.T, q logfile.Query) *follower {
	t.Helper()
	f := &follower{t: t}
	ctx, cancel := context.WithCancel(context.Background())
	q.Last, q.Follow, q.Idle = logfile.All, true, func() error { f.waits.Add(1); return nil }
	done := make(chan error, 1)
	go func() {
		done <- logfile.Read(ctx, q, func(l logfile.Line) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.got = append(f.got, l.Service+" "+l.Text)
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f
}

// sleeps waits until it has waited for longer than there is between two looks.
func (f *follower) sleeps() {
	f.t.Helper()
	before, since := int64(-1), time.Now()
	eventually(f.t, "it sleeps", func() bool {
		if now := f.waits.Load(); now != before {
			before, since = now, time.Now()
		}
		return before > 0 && time.Since(since) > 500*time.Millisecond
	})
}

// gets waits for lines.
func (f *follower) gets(lines ...string) {
	f.t.Helper()
	for _, line := range lines {
		eventually(f.t, fmt.Sprintf("it gets %q", line), func() bool { return f.count(line) == 1 })
	}
}

func (f *follower) count(line string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, got := range f.got {
		if got == line {
			n++
		}
	}
	return n
}

// What happens to a log wakes up who follows it and sleeps, whatever it is.
func TestAFollowerSleepsUntilSomethingHappens(t *testing.T) {
	for name, happens := range map[string]func(t *testing.T, s *logfile.Set, f *follower){
		"a line": func(t *testing.T, s *logfile.Set, f *follower) {
			s.Log("db").Note("new")
			f.gets("db new")
		},
		"rotations": func(t *testing.T, s *logfile.Set, f *follower) {
			for i := range 20 {
				s.Log("db").Note(fmt.Sprintf("%d of many, each in a file of its own, for they are long", i))
			}
			for i := range 20 {
				f.gets(fmt.Sprintf("db %d of many, each in a file of its own, for they are long", i))
			}
		},
		"another log": func(t *testing.T, s *logfile.Set, f *follower) {
			s.Log("late").Note("first")
			f.gets("late first")
		},
		"a log elsewhere": func(t *testing.T, s *logfile.Set, f *follower) {
			file := filepath.Join(t.TempDir(), "other.log")
			configure(t, s, "other", logfile.Config{File: file})
			f.sleeps() // it is not there before its first line
			s.Log("other").Note("first")
			f.gets("other first")
			f.sleeps()
			s.Log("other").Note("second")
			f.gets("other second")
		},
		"a log behind a link": func(t *testing.T, s *logfile.Set, f *follower) {
			file := filepath.Join(t.TempDir(), "real")
			writeTo(t, file, "2026-11-22T02:02:02.123456789Z stdout F:1 one\n")
			if err := os.Symlink(file, filepath.Join(s.Dir(), "linked.log")); err != nil {
				t.Fatal(err)
			}
			f.gets("linked one")
			f.sleeps()
			writeTo(t, file, "2026-11-22T02:02:02.123456789Z stdout F:1 two\n")
			f.gets("linked two")
		},
		"it is emptied": func(t *testing.T, s *logfile.Set, f *follower) {
			if err := os.Truncate(filepath.Join(s.Dir(), "db.log"), 0); err != nil {
				t.Fatal(err)
			}
			f.sleeps()
			s.Log("db").Note("new")
			f.gets("db new")
		},
		"it is emptied and written": func(t *testing.T, s *logfile.Set, f *follower) {
			if err := os.Truncate(filepath.Join(s.Dir(), "db.log"), 0); err != nil {
				t.Fatal(err)
			}
			s.Log("db").Note("b") // shorter than what was there
			f.gets("db b")
		},
		"it is removed": func(t *testing.T, s *logfile.Set, f *follower) {
			if err := os.Remove(filepath.Join(s.Dir(), "db.log")); err != nil {
				t.Fatal(err)
			}
			f.sleeps()
			s.Log("db").Note("new")
			f.gets("db new")
		},
		"the folder is removed": func(t *testing.T, s *logfile.Set, f *follower) {
			s.Close()
			if err := os.RemoveAll(s.Dir()); err != nil {
				t.Fatal(err)
			}
			again := logfile.NewSet(s.Dir(), logfile.Options{})
			if err := again.Open(); err != nil {
				t.Fatal(err)
			}
			defer again.End()
			again.Log("db").Note("new")
			f.gets("db new")
			f.sleeps()
			again.Log("db").Note("newer")
			f.gets("db newer")
		},
		"lines now and then": func(t *testing.T, s *logfile.Set, f *follower) {
			stream := s.Log("db").Stream("stdout", 1)
			for i := range 30 { // at every moment of its falling asleep
				time.Sleep(time.Duration(i) * 5 * time.Millisecond)
				fmt.Fprintln(stream, i)
				f.gets(fmt.Sprint("db ", i))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openSet(t, logfile.Options{MaxSize: 60, MaxFiles: 1000})
			s.Log("db").Note("old")
			f := follow(t, logfile.Query{Dir: s.Dir()})
			f.gets("db old")
			f.sleeps()
			happens(t, s, f)
		})
	}
}

func writeTo(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		_, err = io.WriteString(f, text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What cannot be watched is looked at again and again.
func TestAFollowerThatDoesNotSleep(t *testing.T) {
	for name, q := range map[string]logfile.Query{
		"one that is frozen with the image": {Dir: t.TempDir(), Poll: true},
		"of a folder that is not there":     {Dir: filepath.Join(t.TempDir(), "none")},
	} {
		t.Run(name, func(t *testing.T) {
			f := follow(t, q)
			eventually(t, "it looks on", func() bool { return f.waits.Load() > 30 })
			s := logfile.NewSet(q.Dir, logfile.Options{})
			if err := s.Open(); err != nil {
				t.Fatal(err)
			}
			defer s.End()
			s.Log("db").Note("first")
			f.gets("db first")
		})
	}
}

// The end of a time that is asked for ends a follower that sleeps.
func TestASleepingFollowerEndsInTime(t *testing.T) {
	s := openSet(t, logfile.Options{})
	until := time.Now().Add(1500 * time.Millisecond)
	q := logfile.Query{Dir: s.Dir(), Last: logfile.All, Follow: true, Until: until}
	if err := logfile.Read(t.Context(), q, func(logfile.Line) error { return nil }); err != nil || time.Now().Before(until) {
		t.Errorf("it ended %v before, error %v", time.Until(until), err)
	}
}
