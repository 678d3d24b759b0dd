package monitor

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
)

func TestCollide(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.1:81", false},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{"0.0.0.0:80", "127.0.0.1:80", true},
		{"0.0.0.0:80", "[::1]:80", false},
		{"[::]:80", "127.0.0.1:80", true},
		{"[::]:80", "0.0.0.0:80", true},
		{"[::1]:80", "127.0.0.1:80", false},
	} {
		a, b := netip.MustParseAddrPort(c.a), netip.MustParseAddrPort(c.b)
		if collide(a, b) != c.want || collide(b, a) != c.want {
			t.Errorf("%s and %s: want %v both ways round", a, b, c.want)
		}
	}
}

func TestCheckPortsNamesWhoHasThePort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	err = checkPorts([]string{address})
	if err == nil || !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("got %v, want an error that names %s and this process", err, address)
	}
	l.Close()
	if err := checkPorts([]string{address}); err != nil {
		t.Errorf("the port is free, but: %v", err)
	}
}
