// Package e2e tries the whole product against what can go wrong around it:
// the real command, real programs, real CRIU.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/testenv"
)

// programs is the folder of what TestMain built: seance and the programs that
// the images run.
var programs string

// built tells a test program that is run again in namespaces of its own, where
// no module can be fetched, of that folder.
const built = "SEANCE_TEST_PROGRAMS"

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if programs = os.Getenv(built); programs == "" {
			err := buildPrograms()
			defer os.RemoveAll(programs)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		if status, done := testenv.OwnMountsAndNetwork(); done {
			return status
		}
		return m.Run()
	}())
}

func buildPrograms() error {
	dir, err := os.MkdirTemp("", "seance-e2e-")
	if err != nil {
		return err
	}
	programs = dir
	return errors.Join(os.Chmod(dir, 0o755), os.Setenv(built, dir),
		build(dir, "./../../cmd/seance", "./programs/...", "./../../examples/shop/web"))
}

// build builds packages into a folder; options may stand before them.
func build(dir string, packages ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-trimpath", "-o", dir + "/"}, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build %v: %w\n%s", packages, err, out)
	}
	return nil
}

// box is a home of seance's for one test.
type box struct {
	t    *testing.T
	home string
	dir  string // for manifests and whatever the programs write
	env  []string
	// seance is the program that is tried.
	seance string
	as     *syscall.Credential // who runs seance; nil: the tester
}

func newBox(t *testing.T) *box {
	t.Helper()
	// Not t.TempDir: what the test is called would make socket paths too long.
	dir, err := os.MkdirTemp("", "box-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := &box{t: t, dir: dir, home: filepath.Join(dir, "home"), seance: filepath.Join(programs, "seance")}
	if err := os.Mkdir(b.home, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.endAll)
	t.Cleanup(b.tellLogs)
	return b
}

// tellLogs shows what the monitors had to say, when the test has failed.
func (b *box) tellLogs() {
	if !b.t.Failed() {
		return
	}
	logs, _ := filepath.Glob(filepath.Join(b.home, "live", "*", "monitor.log"))
	for _, path := range logs {
		said, _ := os.ReadFile(path)
		b.t.Logf("%s:\n%s", path, said)
	}
}

// result is what a command did.
type result struct {
	out, err string
	code     int
}

// command makes a seance command that runs in the box.
func (b *box) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	b.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, b.seance, args...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "SEANCE_HOME="+b.home, "PATH="+programs+":"+os.Getenv("PATH"))
	cmd.Env = append(cmd.Env, b.env...)
	if b.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: b.as}
	}
	return cmd
}

// try runs a command.
func (b *box) try(args ...string) result {
	b.t.Helper()
	cmd := b.command(args...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatalf("seance %s: %v", strings.Join(args, " "), err)
	}
	return result{out.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs a command that has to succeed, and returns what it prints.
func (b *box) must(args ...string) string {
	b.t.Helper()
	r := b.try(args...)
	if r.code != 0 {
		b.t.Fatalf("seance %s: exit status %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// refused runs a command that has to fail with a message, in one line, that
// says all of these.
func (b *box) refused(code int, says []string, args ...string) {
	b.t.Helper()
	r := b.try(args...)
	if r.code != code {
		b.t.Errorf("seance %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	for _, s := range says {
		if !regexp.MustCompile(s).MatchString(r.err) {
			b.t.Errorf("seance %s: the message does not say %q:\n%s", strings.Join(args, " "), s, r.err)
		}
	}
	if n := strings.Count(strings.TrimSpace(r.err), "\n"); n > 0 {
		b.t.Errorf("seance %s: the message has %d lines, want 1:\n%s", strings.Join(args, " "), n+1, r.err)
	}
}

// manifest writes a manifest and returns its path.
func (b *box) manifest(name, services string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name+".yaml")
	if err := os.WriteFile(path, []byte("name: "+name+"\n"+services), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// holder is a manifest of one program that counts and holds memory.
func (b *box) holder(name string, mib int) string {
	return b.manifest(name, fmt.Sprintf("services:\n  holder: {command: [%s/holder, \"%d\"], ready: {log: held 1}}\n", programs, mib))
}

func (b *box) image(name string) api.Image {
	b.t.Helper()
	var all []api.Image
	if err := json.Unmarshal([]byte(b.must("ls", "--json")), &all); err != nil {
		b.t.Fatal(err)
	}
	for _, img := range all {
		if img.Name == name {
			return img
		}
	}
	b.t.Fatalf("image %q is not live", name)
	return api.Image{}
}

// counted is the last number that a holder has printed.
func (b *box) counted(name string) int {
	b.t.Helper()
	fields := strings.Fields(b.must("logs", "-i", name, "-n", "1", "holder"))
	if len(fields) == 0 {
		return 0
	}
	n, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil {
		b.t.Fatalf("the last line is no count: %v", fields)
	}
	return n
}

// goesOn checks that a holder counts further.
func (b *box) goesOn(name string) {
	b.t.Helper()
	from := b.counted(name)
	b.until("the programs go on", func() bool { return b.counted(name) > from })
}

// until waits for a condition.
func (b *box) until(what string, met func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); !met(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("after a minute still not so: %s", what)
		}
	}
}

// valid checks that the store is whole.
func (b *box) valid() {
	b.t.Helper()
	b.must("image", "verify")
}

// endAll ends what a test left live, and fails a test that left it on purpose
// or not.
func (b *box) endAll() {
	records, _ := filepath.Glob(filepath.Join(b.home, "live", "*", "live.json"))
	for _, r := range records {
		name := filepath.Base(filepath.Dir(r))
		if out, err := b.command("quit", "-i", name).CombinedOutput(); err != nil {
			b.t.Errorf("cannot end image %q: %v\n%s", name, err, out)
		}
	}
}
