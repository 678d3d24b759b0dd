package criu

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func explained(t *testing.T, err error, lines ...string) *Error {
	t.Helper()
	log := filepath.Join(t.TempDir(), DumpLog)
	if err := os.WriteFile(log, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if !errors.As(explainLog(log, err), &e) {
		t.Fatal("the explanation is no Error")
	}
	return e
}

func TestWhatCRIUSaysIsPutIntoWords(t *testing.T) {
	for _, c := range []struct{ says, means string }{
		{`Error (criu/sk-inet.c:191): inet: Unsupported proto 262 for socket 17`, "multipath TCP"},
		{`Error (criu/files.c:550): Can't dump file 5 of that type [600] (unknown /dev/anon_inode:[io_uring])`, "io_uring"},
		{`Error (criu/files.c:550): Can't dump file 7 of that type [20660] (/dev/net/tun)`, "holds open /dev/net/tun"},
		{`Error (criu/sk-unix.c:850): unix: Can't dump half of stream unix connection.`, "process outside the image"},
		{`Error (criu/namespaces.c:480): Can't dump nested pid namespace for 28`, "container or sandbox"},
		{`Error (criu/cr-dump.c:300): Can't get rlimit 7 of 12`, "CAP_SYS_RESOURCE"},
		{`Error (compel/src/lib/infect.c:260): Unseizable non-zombie 4711 found, state t, err -1/10`, "process 4711 (as the host sees it) is under a debugger"},
		{`Error (criu/sk-queue.c:140): skqueue: Control messages in queue, not supported`, "try again"},
		{`    10: Error (criu/files-reg.c:1801): File tmp/x/data has bad size 12 (expect 10)`, "file /tmp/x/data has changed"},
		{`    10: Error (criu/files-reg.c:2041): Can't open file tmp/x/data on restore: No such file or directory`, "file /tmp/x/data has gone"},
		{`    10: Error (criu/sk-inet.c:1059): inet: Can't bind inet socket (id 17): Address already in use`, "port of the image is taken"},
		{`Error (criu/cr-restore.c:1500): Can't fork for 1: File exists`, "process number 1 is taken"},
		{`     1: Error (criu/mount-v2.c:634): mnt-v2: Can't stat mountpoint /tmp/.criu.mntns.CQO84W/mnt-0000000076/mnt/usb: No such file or directory`, "/mnt/usb, where something was mounted, has gone"},
		{`Error (criu/image.c:612): Can't write to image: No space left on device`, "disk is full"},
	} {
		e := explained(t, errors.New("operation failed"), "(00.000123) "+c.says, "(00.000200) Error (criu/cr-dump.c:1975): Dumping FAILED.")
		if !strings.Contains(e.Cause, c.means) || !e.Known {
			t.Errorf("%s\n is explained as %q, which does not say %q", c.says, e.Cause, c.means)
		}
	}
}

func TestWhatIsNotKnownIsQuotedWithoutWhatIsHarmless(t *testing.T) {
	e := explained(t, errors.New("operation failed"),
		"(00.001) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted",
		"(00.002)      7: Error (criu/strange.c:1): something new",
		"(00.003) Error (criu/cr-dump.c:1975): Dumping FAILED.")
	if e.Known || e.Cause != "CRIU says: something new" {
		t.Errorf("got %q, known %v", e.Cause, e.Known)
	}
	if !strings.Contains(e.Log, "something new") {
		t.Errorf("the log for experts lacks it: %q", e.Log)
	}
}

func TestWhatHasPassedTheNextMomentIsToldFromWhatStays(t *testing.T) {
	for line, want := range map[string]bool{
		"(00.01) Error (criu/parasite-syscall.c:87): si_code=2 si_pid=3947 si_status=9":          true,
		"(00.01) Error (criu/sk-queue.c:150): skqueue: Control messages in queue, not supported": true,
		"(00.01) Error (criu/cr-dump.c:1): Can't dump nested pid namespace":                      false,
	} {
		if got := Passing(explained(t, errors.New("operation failed"), line)); got != want {
			t.Errorf("Passing = %v for %q", got, line)
		}
	}
}

func TestHowCRIUEndedCountsMoreThanItsLog(t *testing.T) {
	e := explained(t, errors.New("EOF\ncriu swrk failed: signal: killed"), "(00.001) Error (criu/util.c:1): whatever")
	if e.Cause != "CRIU was killed before it was done; try again" {
		t.Errorf("got %q", e.Cause)
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		out, version string
		enough       bool
	}{
		{"Version: 4.2.1\n", "4.2.1", true},
		{"Version: 4.2\nGitID: v4.2\n", "4.2", true},
		{"Version: 5.0\n", "5.0", true},
		{"Version: 4.1.1\n", "4.1.1", false},
		{"Version: 3.17.1\n", "3.17.1", false},
		{"something else\n", "unknown", false},
	} {
		v := parseVersion(c.out)
		if v != c.version || newEnough(v) != c.enough {
			t.Errorf("%q: version %q, new enough %v; want %q, %v", c.out, v, newEnough(v), c.version, c.enough)
		}
	}
}
