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
	"syscall"
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
	_ = c.conn.SetDeadline(time.Now().Add(20 * time.Second))
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

// web brings up the counting web server and returns where it listens.
func (b *box) web() string {
	b.t.Helper()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(b.t)))
	b.must("up", "-f", b.manifest("web", fmt.Sprintf("services:\n  web: {command: [%s/web, -listen, %q], ready: {tcp: %q}}\n", programs, address, address)))
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
	c := dial(t, b.web())
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
	c := dial(t, b.web())
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
	c := dial(t, b.web())
	count := c.count()
	for range 8 {
		save := b.command("snapshot")
		monitor := b.monitorOf("web")
		if err := save.Start(); err != nil {
			t.Fatal(err)
		}
		b.until("the network is locked, or the save is over", func() bool {
			criu := childNamed(monitor, "criu")
			if criu != 0 && len(locks(t, before)) > 0 {
				_ = syscall.Kill(criu, syscall.SIGKILL)
				return true
			}
			return save.Process.Signal(syscall.Signal(0)) != nil || b.over(save.Process.Pid)
		})
		_ = save.Wait()
		count++
		if n := c.count(); n != count {
			t.Errorf("the connection counts %d, want %d", n, count)
		}
		if left := locks(t, before); len(left) != 0 {
			t.Errorf("CRIU was killed, and the network is locked: %v", left)
		}
	}
}
