package procfs

import (
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/testenv"
)

func TestParseListening(t *testing.T) {
	const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21001 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 21002 1 0
   2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21003 1 0
`
	const udp = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  103: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 31001 2 0000000000000000 0
  104: 0100007F:D431 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 31002 2 0000000000000000 0
`
	got := map[uint64]Listener{}
	if err := parseListening([]byte(tcp), "tcp", TCPListen, got); err != nil {
		t.Fatal(err)
	}
	if err := parseListening([]byte(udp), "udp", tcpClose, got); err != nil {
		t.Fatal(err)
	}
	want := map[uint64]Listener{
		21001: {"tcp", netip.MustParseAddrPort("127.0.0.1:8080")},
		21003: {"tcp", netip.MustParseAddrPort("[::1]:80")},
		31001: {"udp", netip.MustParseAddrPort("0.0.0.0:53")},
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := parseListening([]byte("names\n 0: 0100007F:1F90 0:0 0A short\n"), "tcp", TCPListen, got); err == nil {
		t.Error("a line that is cut off was accepted")
	}
}

func TestListenersAreFound(t *testing.T) {
	var want []string
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			testenv.Missing(t, "cannot listen on "+address+" here: "+err.Error())
		}
		defer l.Close()
		u, err := net.ListenPacket("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		want = append(want, "tcp "+l.Addr().String(), "udp "+u.LocalAddr().String())
	}
	// A connection of it, and a connected UDP socket, are none.
	c, err := net.Dial("tcp", strings.Fields(want[0])[1])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	d, err := net.Dial("udp", strings.Fields(want[1])[1])
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	quiet := exec.Command("sleep", "60")
	if err := quiet.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = quiet.Process.Kill()
		_ = quiet.Wait()
	}()

	all, err := New("/proc").Listeners([]int{os.Getpid(), quiet.Process.Pid, 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range all[os.Getpid()] {
		got = append(got, l.String())
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(all) != 1 || !slices.Equal(got, want) {
		t.Errorf("got %v, want %q for process %d alone", all, want, os.Getpid())
	}
}

// Each network namespace has sockets of its own.
func TestListenersOfAnotherNetwork(t *testing.T) {
	testenv.RequireRoot(t)
	python := testenv.RequireProgram(t, "python3")
	cmd := exec.Command(python, "-c", "import socket\ns = socket.create_server(('', 8080))\nprint(flush=True)\ninput()")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		_ = cmd.Wait()
	}()
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	all, err := New("/proc").Listeners([]int{os.Getpid(), pid})
	if err != nil || len(all[pid]) != 1 || all[pid][0].String() != "tcp 0.0.0.0:8080" {
		t.Errorf("got %v, error %v", all, err)
	}
}

func TestUsageAddsUp(t *testing.T) {
	var u Usage
	u.Add(Stat{State: 'S', CPU: time.Second, RSS: 100, Threads: 3})
	u.Add(Stat{State: 'R', CPU: time.Second, RSS: 50, Threads: 1})
	u.Add(Stat{State: 'Z', CPU: time.Second, Threads: 1})
	if want := (Usage{Processes: 2, Threads: 4, CPU: 3 * time.Second, RSS: 150}); u != want {
		t.Errorf("got %+v, want %+v", u, want)
	}
}

// BenchmarkListeners looks at 1,000 processes while somebody listens.
func BenchmarkListeners(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	const n = 1000
	var pids []int
	for range n {
		p, err := os.StartProcess("/bin/sleep", []string{"sleep", "600"}, &os.ProcAttr{})
		if err != nil {
			b.Fatal(err)
		}
		defer func() {
			_ = p.Kill()
			_, _ = p.Wait()
		}()
		pids = append(pids, p.Pid)
	}
	fs := New("/proc")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fs.Listeners(pids); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/process")
}
