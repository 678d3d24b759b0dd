package netlock

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/google/nftables"

	"github.com/seancehq/seance/internal/testenv"
)

func connect(local, remote string) Connection {
	return Connection{netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote)}
}

// lockTable makes a table as CRIU makes it for a connection.
func lockTable(t *testing.T, name string, c Connection) {
	t.Helper()
	conn, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: name})
	t.Cleanup(func() { _ = Remove(name) })
	key, err := nftables.ConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService, nftables.TypeIPAddr, nftables.TypeInetService)
	if err != nil {
		t.Fatal(err)
	}
	set := &nftables.Set{Table: table, Name: "conns4", KeyType: key, Concatenation: true}
	var elements []nftables.SetElement
	if c != (Connection{}) {
		elements = []nftables.SetElement{{Key: encode(c)}, {Key: encode(c.turned())}}
	}
	if err := conn.AddSet(set, elements); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
}

func encode(c Connection) []byte {
	var key []byte
	for _, end := range []netip.AddrPort{c.Local, c.Remote} {
		ip := end.Addr().As4()
		key = append(append(key, ip[:]...), byte(end.Port()>>8), byte(end.Port()), 0, 0)
	}
	return key
}

func TestOnlyTheLockOfTheGivenConnectionsIsRemoved(t *testing.T) {
	testenv.RequireRoot(t)
	mine, other := connect("127.0.0.1:80", "127.0.0.1:40001"), connect("127.0.0.1:80", "127.0.0.1:40002")
	name := func(s string) string { return fmt.Sprintf("CRIU-test-%d-%s", os.Getpid(), s) }
	lockTable(t, name("mine"), mine)
	lockTable(t, name("other"), other)

	// It is recognised from either end, and among others.
	found, err := Find([]Connection{mine.turned(), connect("127.0.0.1:81", "127.0.0.1:9")})
	if err != nil || !slices.Equal(found, []string{name("mine")}) {
		t.Fatalf("found %v, %v; want %q", found, err, name("mine"))
	}
	if err := RemoveFor([]Connection{mine}); err != nil {
		t.Fatal(err)
	}
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(all, name("mine")) || !slices.Contains(all, name("other")) {
		t.Errorf("left: %v; want %q and not %q", all, name("other"), name("mine"))
	}
	if err := Remove(name("mine")); err != nil {
		t.Errorf("to remove what is not there: %v", err)
	}
	if err := Remove("firewall"); err == nil {
		t.Error("a table that is not CRIU's was removed")
	}
}

func TestWithoutConnectionsThereIsNothingToFind(t *testing.T) {
	if found, err := Find(nil); found != nil || err != nil {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestRemoveEmptyLeavesLocksAndThoseItIsTold(t *testing.T) {
	testenv.RequireRoot(t)
	name := func(s string) string { return fmt.Sprintf("CRIU-test-%d-%s", os.Getpid(), s) }
	lockTable(t, name("empty"), Connection{})
	lockTable(t, name("told"), Connection{})
	lockTable(t, name("full"), connect("127.0.0.1:80", "127.0.0.1:40003"))
	others, err := All()
	if err != nil {
		t.Fatal(err)
	}
	but := slices.DeleteFunc(others, func(n string) bool { return n == name("empty") || n == name("full") })
	if err := RemoveEmpty(but); err != nil {
		t.Fatal(err)
	}
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(all, name("empty")) || !slices.Contains(all, name("told")) || !slices.Contains(all, name("full")) {
		t.Errorf("left: %v", all)
	}
}
