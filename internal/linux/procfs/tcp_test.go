package procfs

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/seancehq/seance/internal/testenv"
)

const tcpText = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21001 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 21002 1 0
`

func TestParseTCP(t *testing.T) {
	all, err := parseTCP(strings.NewReader(tcpText))
	if err != nil {
		t.Fatal(err)
	}
	want := []TCP{
		{"0100007F:1F90", "00000000:0000", TCPListen, 21001},
		{"0100007F:1F90", "0100007F:C350", TCPEstablished, 21002},
	}
	if len(all) != 2 || all[0] != want[0] || all[1] != want[1] {
		t.Errorf("got %+v, want %+v", all, want)
	}
	if _, err := parseTCP(strings.NewReader("names\n 0: short\n")); err == nil {
		t.Error("a line that is cut off was accepted")
	}
}

func TestTCPSeesBothEndsOfAConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all, err := New("/proc").TCP(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	ends := map[string]string{}
	for _, s := range all {
		if s.State == TCPEstablished {
			ends[s.Local] = s.Remote
		}
	}
	for local, remote := range ends {
		if ends[remote] == local {
			return
		}
	}
	t.Errorf("no connection has both its ends in %v", ends)
}

func TestLocalAddressIsWhereItListens(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			testenv.Missing(t, "cannot listen on "+address+" here: "+err.Error())
		}
		defer l.Close()
		all, err := New("/proc").TCP(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, s := range all {
			at, err := s.LocalAddress()
			if err != nil {
				t.Error(err)
			}
			found = found || s.State == TCPListen && at.String() == l.Addr().String()
		}
		if !found {
			t.Errorf("%s is not among the listeners", l.Addr())
		}
	}
}
