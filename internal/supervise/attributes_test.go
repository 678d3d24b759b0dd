package supervise_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/internal/testenv"
	"github.com/seancehq/seance/manifest"
)

// says runs a script as a one-shot and gives what it wrote to its output.
func says(t *testing.T, script string, change func(*manifest.Service)) []string {
	t.Helper()
	s := service("a", script)
	s.Ready = &manifest.Ready{Exit: true, Timeout: patient}
	change(&s)
	g := newRig(t, services(s))
	g.start("a")
	var lines []string
	for _, l := range g.output("a") {
		if text, ok := strings.CutPrefix(l, "stdout "); ok {
			lines = append(lines, text)
		} else if text, ok := strings.CutPrefix(l, "pty "); ok {
			lines = append(lines, text)
		}
	}
	return lines
}

func TestUmaskNiceAndLimits(t *testing.T) {
	mask, nice := uint32(0o027), 7
	got := says(t, "umask; nice; ulimit -Sn; ulimit -Hn", func(s *manifest.Service) {
		s.Umask, s.Nice = &mask, &nice
		s.Limits = map[string]manifest.Limit{"nofile": {Soft: 100, Hard: 200}}
	})
	if !slices.Equal(got, []string{"0027", "7", "100", "200"}) {
		t.Errorf("%q", got)
	}
}

func TestUserWithItsOwnGroups(t *testing.T) {
	testenv.RequireRoot(t)
	got := says(t, `id -un; id -gn; id -Gn; echo "$HOME $USER $LOGNAME"; echo again > /dev/stdout; umask`, func(s *manifest.Service) {
		s.User = "daemon"
	})
	if !slices.Equal(got, []string{"daemon", "daemon", "daemon", "/usr/sbin daemon daemon", "again", "0022"}) {
		t.Errorf("%q", got)
	}
}

func TestUserAndGroup(t *testing.T) {
	testenv.RequireRoot(t)
	for name, want := range map[string][2]string{"names": {"daemon", "tty"}, "numbers": {"1", "5"}} {
		t.Run(name, func(t *testing.T) {
			got := says(t, "id -u; id -g; id -G; echo $HOME", func(s *manifest.Service) {
				s.User, s.Group = want[0], want[1]
				s.Env = map[string]string{"HOME": "/mine"}
			})
			if !slices.Equal(got, []string{"1", "5", "5", "/mine"}) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestUserOnATerminal(t *testing.T) {
	testenv.RequireRoot(t)
	got := says(t, `id -un; echo again > $(tty)`, func(s *manifest.Service) {
		s.User, s.Terminal = "daemon", true
	})
	if !slices.Equal(got, []string{"daemon", "again"}) {
		t.Errorf("%q", got)
	}
}

func TestNoSuchUser(t *testing.T) {
	for _, test := range []struct{ user, group, want string }{
		{"nobody-here", "", `cannot run as user "nobody-here": there is no such user; correct the name, or make it with useradd`},
		{"root", "nobody-here", `cannot run as group "nobody-here": there is no such group; correct the name, or make it with groupadd`},
		{"54321", "", `cannot run as user 54321: nobody has that number here, so its groups are not known; name a group too`},
	} {
		t.Run(test.user+" "+test.group, func(t *testing.T) {
			s := service("a", "exec sleep 600")
			s.User, s.Group = test.user, test.group
			g := newRig(t, services(s))
			if err := g.Start(limit(t), "a"); err == nil || err.Error() != `cannot start service "a": `+test.want {
				t.Error(err)
			}
		})
	}
}

func TestStdin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in")
	writeFile(file, "hello\n")
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("null", func(t *testing.T) {
		if got := says(t, "cat; echo end", func(s *manifest.Service) { s.Stdin = manifest.StdinNull }); !slices.Equal(got, []string{"end"}) {
			t.Errorf("%q", got)
		}
	})
	t.Run("file", func(t *testing.T) {
		if got := says(t, "cat; echo end", func(s *manifest.Service) { s.Stdin = file }); !slices.Equal(got, []string{"hello", "end"}) {
			t.Errorf("%q", got)
		}
	})
	t.Run("no file", func(t *testing.T) {
		s := service("a", "cat")
		s.Stdin = file + ".not"
		g := newRig(t, services(s))
		if err := g.Start(limit(t), "a"); err == nil || !strings.Contains(err.Error(), "cannot open its standard input: open "+s.Stdin+": no such file or directory; make the file") {
			t.Error(err)
		}
	})
	t.Run("open", func(t *testing.T) {
		s := service("a", "read line; echo read ended")
		s.Stdin = manifest.StdinOpen
		g := newRig(t, services(s))
		g.start("a")
		time.Sleep(50 * time.Millisecond) // in which a read that ends has ended
		g.stop("a")
		if out := g.output("a"); contains(out, "read ended") {
			t.Errorf("its input ended: %q", out)
		}
	})
	t.Run("FIFO", func(t *testing.T) {
		s := service("a", "while read line; do echo got $line; done; echo read ended")
		s.Stdin = fifo
		g := newRig(t, services(s))
		g.start("a")
		for _, line := range []string{"one", "two"} {
			if err := os.WriteFile(fifo, []byte(line+"\n"), 0); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the line is read", func() bool { return contains(g.output("a"), "got "+line) })
		}
		if out := g.output("a"); contains(out, "read ended") {
			t.Errorf("its input ended: %q", out)
		}
	})
}

func TestReplicaKnowsItsNumber(t *testing.T) {
	got := says(t, "echo $SEANCE_SERVICE $SEANCE_REPLICA", func(s *manifest.Service) { s.Of, s.Replica = "web", 2 })
	if !slices.Equal(got, []string{"a 2"}) {
		t.Errorf("%q", got)
	}
}

func TestLogOfItsOwn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "own.log")
	s := service("a", "echo hello; exit 3")
	s.Ready = &manifest.Ready{Exit: true, Timeout: patient}
	s.Log = manifest.Log{File: file, Size: 1 << 20, Count: 2, Format: manifest.LogPlain}
	g := newRig(t, services(s))
	err := g.Start(limit(t), "a")
	if err == nil || !strings.HasSuffix(err.Error(), "its last lines:\n  | hello") {
		t.Error(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), "hello\n") {
		t.Errorf("%q, %v", text, err)
	}
	if lines, err := logfile.Last(g.logs.Dir(), "a", 5); err != nil || len(lines) == 0 {
		t.Errorf("%v, %v", lines, err)
	}
}
