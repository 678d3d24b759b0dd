package procfs

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	const rest = " S 1 42 42 34816 77 4194304 1 2 3 4 150 50 7 8 20 0 3 0 123456 1000 25 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
	want := Stat{PID: 42, Comm: "redis", State: 'S', PPID: 1, PGID: 42, SID: 42, TTY: 34816, TPGID: 77,
		CPU: 2 * time.Second, Threads: 3, Start: 123456, RSS: 25 * int64(os.Getpagesize())}
	for _, comm := range []string{"redis", "a b", ") S 1 2", "x) (y", "new\nline", ""} {
		want.Comm = comm
		got, err := parseStat([]byte("42 (" + comm + ")" + rest))
		if err != nil || got != want {
			t.Errorf("%q: %+v, error %v", comm, got, err)
		}
	}
	ended := strings.Replace(strings.TrimSuffix(rest, " 0\n")+" 35584 7\n", "S", "Z", 1) // with a field of a later kernel
	if got, err := parseStat([]byte("42 (redis)" + ended)); err != nil || got.Exit != 0x8b00 {
		t.Errorf("a zombie's status is %#x (%v), want 0x8b00", got.Exit, err)
	}
	for _, text := range []string{"", "42", "42 (x", "x (y) S 1 1", "42 (x) S", "42 (x) S 1 2 3", "42 (x) S a b c d e f g h i j k l m n o p q r s t u v"} {
		if got, err := parseStat([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (x) S 1 42 42 34816 77 4194304 1 2 3 4 150 50 7 8 20 0 3 0 123456 1000 25"))
	f.Fuzz(func(t *testing.T, text []byte) { _, _ = parseStat(text) }) // must not panic
}

func TestTerminalName(t *testing.T) {
	for dev, want := range map[uint32]string{
		0: "", 0x8800: "pts/0", 0x8803: "pts/3", 0x8900: "pts/256", 0x00108800: "pts/256", 0x0401: "tty1", 0x0440: "ttyS0", 0x0501: "console", 0xcc40: "204:64",
	} {
		if got := TerminalName(dev); got != want {
			t.Errorf("%#x: %q, want %q", dev, got, want)
		}
	}
}

func TestParseStrings(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil, "\x00": {""}, "a\x00": {"a"}, "a\x00b c\x00": {"a", "b c"}, "a\x00\x00": {"a", ""}, "overwritten title": {"overwritten title"},
	} {
		if got := parseStrings([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestLookup(t *testing.T) {
	environ := []byte("XNAME=1\x00NAME2=2\x00NAME=a=b\x00EMPTY=\x00NAME=later\x00")
	if value, ok := lookup(environ, "NAME"); value != "a=b" || !ok {
		t.Errorf("%q, %v", value, ok)
	}
	if value, ok := lookup(environ, "EMPTY"); value != "" || !ok {
		t.Errorf("%q, %v", value, ok)
	}
	if value, ok := lookup(environ, "NONE"); ok {
		t.Errorf("%q", value)
	}
}

func TestParseTarget(t *testing.T) {
	for target, want := range map[string]Descriptor{
		"/var/lib/x (y)":        {Kind: KindFile, Name: "/var/lib/x (y)"},
		"/tmp/gone (deleted)":   {Kind: KindFile, Name: "/tmp/gone", Deleted: true},
		"/memfd:buf (deleted)":  {Kind: KindMemfd, Name: "/memfd:buf", Deleted: true},
		"socket:[123]":          {Kind: KindSocket, Name: "socket:[123]", Inode: 123},
		"pipe:[9]":              {Kind: KindPipe, Name: "pipe:[9]", Inode: 9},
		"anon_inode:[io_uring]": {Kind: KindAnon, Name: "[io_uring]"},
		"anon_inode:inotify":    {Kind: KindAnon, Name: "inotify"},
		"net:[4026531840]":      {Kind: KindOther, Name: "net:[4026531840]"},
	} {
		if got := parseTarget(target); got != want {
			t.Errorf("%s: %+v", target, got)
		}
	}
}

func TestParseMaps(t *testing.T) {
	const text = `55d0c0a00000-55d0c0a02000 r-xp 00001000 fe:00 1234                       /usr/bin/sleep
7f0000000000-7f0000001000 rw-s 00000000 00:1b 77                         /dev/shm/a b\012c (deleted)
7f0000002000-7f0000003000 rw-p 00000000 00:00 0 
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
7f0000004000-7f0000005000 rw-p 00000000 00:00 0                          anon_inode:[perf_event]
`
	want := []Mapping{
		{Path: "/usr/bin/sleep", Offset: 0x1000, Size: 0x2000, Exec: true, Device: "fe:00", Inode: 1234},
		{Path: "/dev/shm/a b\nc", Deleted: true, Size: 0x1000, Write: true, Shared: true, Device: "00:1b", Inode: 77},
	}
	got, err := parseMaps(strings.NewReader(text))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, error %v", got, err)
	}
	if got, err := parseMaps(strings.NewReader("zz rw-p 0 00:00 0 /x\n")); err == nil {
		t.Errorf("%+v", got)
	}
}

func TestParsePSS(t *testing.T) {
	got, err := parsePSS(strings.NewReader("5581-7ffe ---p 0 00:00 0 [rollup]\nRss:  10 kB\nPss:                 123 kB\nPss_Dirty: 4 kB\n"))
	if err != nil || got != 123<<10 {
		t.Error(got, err)
	}
	if _, err := parsePSS(strings.NewReader("Rss: 1 kB\n")); !errors.Is(err, errNoPSS) {
		t.Error(err)
	}
}

// TestTree scans a tree of files in which processes are in the middle of ending.
func TestTree(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stat := func(pid string) string { return pid + " (x) S 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0" }
	write("7/stat", stat("7"))
	write("7/environ", "A=1\x00")
	write("12/stat", stat("12"))
	write("9/cmdline", "") // no stat any more
	write("uptime", "1 1")
	write("self/stat", stat("1"))
	fs := New(root)
	stats, err := fs.Stats()
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, s := range stats {
		pids = append(pids, s.PID)
	}
	slices.Sort(pids)
	if !slices.Equal(pids, []int{7, 12}) {
		t.Errorf("processes %v", pids)
	}
	if _, err := fs.Stat(9); !errors.Is(err, ErrGone) {
		t.Errorf("a process without stat: %v", err)
	}
	if value, ok, err := fs.Getenv(7, "A"); value != "1" || !ok || err != nil {
		t.Error(value, ok, err)
	}
	if _, _, err := fs.Getenv(12, "A"); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	write("3/stat", "rubbish")
	if _, err := fs.Stats(); err == nil || errors.Is(err, ErrGone) {
		t.Errorf("rubbish: %v", err)
	}
}

func TestLiveProcess(t *testing.T) {
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "open file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.Command("/bin/sh", "-c", "echo ready; exec sleep 60")
	cmd.Env = append(os.Environ(), "PROCFS_TEST=yes")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{file}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	os.Remove(file.Name())

	fs := New("/proc")
	pid := cmd.Process.Pid
	// A program that has just been called has its name before its arguments.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if args, err := fs.Cmdline(pid); err != nil || len(args) > 0 && args[0] == "sleep" {
			break
		}
	}
	stat, err := fs.Stat(pid)
	sid, _ := unix.Getsid(pid)
	if err != nil || stat.PID != pid || stat.PPID != os.Getpid() || stat.SID != sid || stat.Threads != 1 || stat.Comm != "sleep" || stat.Zombie() {
		t.Errorf("%+v, error %v", stat, err)
	}
	if args, err := fs.Cmdline(pid); err != nil || !slices.Equal(args, []string{"sleep", "60"}) {
		t.Errorf("%q, error %v", args, err)
	}
	if value, ok, err := fs.Getenv(pid, "PROCFS_TEST"); err != nil || !ok || value != "yes" {
		t.Error(value, ok, err)
	}
	if env, err := fs.Environ(pid); err != nil || !slices.Contains(env, "PROCFS_TEST=yes") {
		t.Errorf("%q, error %v", env, err)
	}
	if threads, err := fs.Threads(pid); err != nil || len(threads) != 1 || threads[0].TID != pid {
		t.Errorf("%+v, error %v", threads, err)
	}
	if pss, err := fs.PSS(pid); err != nil || pss < 1<<10 || pss > 1<<30 {
		t.Error(pss, err)
	}
	descriptors, err := fs.Descriptors(pid)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(descriptors, func(d Descriptor) bool { return d.FD == 3 })
	if i < 0 || descriptors[i] != (Descriptor{FD: 3, Kind: KindFile, Name: file.Name(), Deleted: true, Write: true}) {
		t.Errorf("%+v", descriptors)
	}
	if j := slices.IndexFunc(descriptors, func(d Descriptor) bool { return d.FD == 1 }); j < 0 || descriptors[j].Kind != KindPipe || descriptors[j].Inode == 0 {
		t.Errorf("%+v", descriptors)
	}
	maps, err := fs.Maps(pid)
	if err != nil || !slices.ContainsFunc(maps, func(m Mapping) bool { return m.Exec && strings.HasSuffix(m.Path, "/sleep") }) {
		t.Errorf("%+v, error %v", maps, err)
	}
	stats, err := fs.Stats()
	if err != nil || !slices.ContainsFunc(stats, func(s Stat) bool { return s.PID == pid && s.Start == stat.Start }) {
		t.Errorf("process %d is not in %+v, error %v", pid, stats, err)
	}
}

func BenchmarkStats(b *testing.B) {
	fs := New("/proc")
	n := 0
	for b.Loop() {
		stats, err := fs.Stats()
		if err != nil {
			b.Fatal(err)
		}
		n = len(stats)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/process")
}
