package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// Whoever looks on hears of a start that takes long and of one that was not
// ready in time, of a hook's last lines, and not of the stop of what does not
// run.
func TestRunRemarksOnWhatHappens(t *testing.T) {
	b := newBox(t)
	before := look(t, b)
	r := b.run("-f", b.manifest("mixed", `services:
  slow: {command: "trap 'exit 0' TERM; while [ ! -e `+b.dir+`/go ]; do sleep 0.02; done; echo up; while :; do sleep 0.02; done", ready: {log: up, timeout: 1h}}
  gate: {command: "while [ ! -e `+b.dir+`/late ]; do sleep 0.02; done", ready: {exit: true, timeout: 1h}}
  late: {command: "echo waits; exec sleep 1000", restart: no, ready: {log: never, timeout: 100ms}, needs: [gate]}
  need: {command: "exec sleep 1000", needs: [late]}
  once: {command: "exit 0", ready: {exit: true}}
  dead: {command: "exit 3", restart: "no"}
  fast: {command: "echo up; exec sleep 1000", ready: {log: up}}
hooks:
  bad: {startup: "echo no such; echo table; exit 7"}
`))
	r.says(`^dead \| \[instance 1: exit status 3\]$`) // the first to fail
	if err := os.WriteFile(filepath.Join(b.dir, "late"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.says(`^slow \| \[starting \(pid [1-9]\d*\)\]$`)
	if err := os.WriteFile(filepath.Join(b.dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.says(`^slow \| \[ready \(pid [1-9]\d*\)\]$`)
	b.until("the hook's last lines are told", func() bool {
		return strings.Contains(r.err.String(), "exit status 7; its last lines:\n  | no such\n  | table\n")
	})
	r.signal(syscall.SIGTERM)
	r.ends(3)
	r.order(`^late \| waits$`, `^late \| \[not ready within 100ms: .*never.*\]$`)
	for _, name := range []string{"slow", "fast"} {
		r.order(`^`+name+` \| \[ready`, `^`+name+` \| \[stopping\]$`, `^`+name+` \| \[stopped\]$`)
	}
	if got := regexp.MustCompile(`(?m)^(late|need|once|dead) +\| \[stop.*`).FindString(r.out.String()); got != "" {
		t.Errorf("it says %q of what did not run", got)
	}
	b.swept("mixed", before)
}
