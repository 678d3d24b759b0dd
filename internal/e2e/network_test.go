package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seancehq/seance/internal/linux/netlock"
	"github.com/seancehq/seance/internal/testenv"
)

// client is one connection to the counting web server, kept open.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, address string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t, conn, bufio.NewReader(conn)}
}

// count asks for the next number over the one connection.
func (c *client) count() int {
	c.t.Helper()
	_ = c.conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := fmt.Fprint(c.conn, "GET /count HTTP/1.1\r\nHost: web\r\n\r\n"); err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// web brings up the counting web server, and a program that holds memory, and
// returns where the server listens.
func (b *box) web(mib int) string {
	b.t.Helper()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(b.t)))
	b.must("up", "-f", b.manifest("web", fmt.Sprintf(`services:
  web: {command: [%[1]s/web, -listen, %[2]q], ready: {tcp: %[2]q}}
  holder: {command: [%[1]s/holder, "%[3]d"], ready: {log: held 1}, priority: 200}
`, programs, address, mib)))
	return address
}

// locks are the network locks there are beyond those there were.
func locks(t *testing.T, before []string) []string {
	t.Helper()
	all, err := netlock.All()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(name string) bool { return slices.Contains(before, name) })
}

func TestAConnectionFromOutsideLivesOnThroughSaveQuitAndBoot(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	before := locks(t, nil)
	c := dial(t, b.web(1))
	if n := c.count(); n != 1 {
		t.Fatalf("the first count is %d", n)
	}
	b.must("snapshot")
	if n := c.count(); n != 2 {
		t.Errorf("after a save the connection counts %d, want 2", n)
	}
	if left := locks(t, before); len(left) != 0 {
		t.Errorf("the image goes on, and the network is locked: %v", left)
	}
	b.must("snapshot", "--quit")
	b.must("boot", "web")
	if n := c.count(); n != 3 {
		t.Errorf("after quit and boot the connection counts %d, want 3", n)
	}
	if left := locks(t, before); len(left) != 0 {
		t.Errorf("the image has booted, and the network is locked: %v", left)
	}
}

func TestTheNetworkLockGoesWithTheSavedImage(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	before := locks(t, nil)
	c := dial(t, b.web(1))
	c.count()
	b.must("snapshot", "--quit", "web:one")
	if held := locks(t, before); len(held) != 1 {
		t.Fatalf("locks of a saved image with a connection: %v, want one", held)
	}
	b.must("image", "rm", "web:one")
	if left := locks(t, before); len(left) != 0 {
		t.Errorf("the image is removed, and the network is locked: %v", left)
	}
}

func TestAKilledCRIULeavesTheNetworkOpen(t *testing.T) {
	testenv.RequireCRIU(t)
	b := newBox(t)
	before := locks(t, nil)
	c := dial(t, b.web(150))
	count := c.count()
	for range 4 {
		at := moment{"it writes the memory", []string{"snapshot"}, b.writesMemory("web")}
		said, err := b.killCRIU("web", at, func() {
			if held := locks(t, before); len(held) != 1 {
				t.Errorf("locks in the middle of a save with a connection: %v, want one", held)
			}
		})
		if err == nil {
			t.Errorf("CRIU was killed, and the save succeeded: %s", said)
		}
		if left := locks(t, before); len(left) != 0 {
			t.Errorf("CRIU was killed, and the network is locked: %v", left)
		}
		count++
		if n := c.count(); n != count {
			t.Errorf("the connection counts %d, want %d", n, count)
		}
	}
}
