package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Listener is a socket that waits for others: of TCP one that listens, of UDP
// one that is bound and connected to nobody.
type Listener struct {
	Network string // tcp or udp
	Address netip.AddrPort
}

func (l Listener) String() string { return l.Network + " " + l.Address.String() }

// protocols are files of /proc/PID/net, and the states that matter of the
// sockets in them. A UDP socket that is connected to nobody is in TCP_CLOSE.
var protocols = []struct {
	file, network string
	state         TCPState
}{
	{"tcp", "tcp", TCPListen}, {"tcp6", "tcp", TCPListen},
	{"udp", "udp", tcpClose}, {"udp6", "udp", tcpClose},
}

const tcpClose TCPState = 7

// Listeners finds what each of some processes listens on. Those that listen on
// nothing, or have ended, or are closed to the caller, are not in the answer.
// Sockets that several share are each one's.
//
// The tables of sockets are read once for each network namespace. Where
// nothing listens, no process is looked at any further.
func (f *FS) Listeners(pids []int) (map[int][]Listener, error) {
	tables := map[string]map[uint64]Listener{} // by network namespace, then by inode
	all := map[int][]Listener{}
	for _, pid := range pids {
		namespace, err := os.Readlink(f.path(pid, "ns/net"))
		if err != nil {
			continue // it has ended, or is another's
		}
		table, known := tables[namespace]
		if !known {
			if table, err = f.listening(pid); errors.Is(err, ErrGone) {
				continue
			}
			if err != nil {
				return nil, err
			}
			tables[namespace] = table
		}
		if len(table) == 0 {
			continue
		}
		if found := f.listenersOf(pid, table); len(found) > 0 {
			all[pid] = found
		}
	}
	return all, nil
}

// listening reads the listeners of the network namespace that a process is in,
// by inode.
func (f *FS) listening(pid int) (map[uint64]Listener, error) {
	table := map[uint64]Listener{}
	for _, p := range protocols {
		err := f.with(pid, "net/"+p.file, func(text []byte) error {
			return parseListening(text, p.network, p.state, table)
		})
		if errors.Is(err, ErrGone) && strings.HasSuffix(p.file, "6") {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
	}
	return table, nil
}

// parseListening picks the sockets in one state from a table (proc_net_tcp(5),
// proc_net_udp(5)). There may be many in other states: they are passed over.
func parseListening(text []byte, network string, state TCPState, into map[uint64]Listener) error {
	want := fmt.Appendf(nil, "%02X", uint8(state))
	_, text, _ = bytes.Cut(text, []byte("\n")) // the names of the columns
	for line := range bytes.Lines(text) {
		// Its number, both addresses, and the state.
		_, rest := nextField(line)
		local, rest := nextField(rest)
		_, rest = nextField(rest)
		got, rest := nextField(rest)
		if !bytes.Equal(got, want) {
			continue
		}
		fields := bytes.Fields(rest)
		if len(fields) < 6 {
			return fmt.Errorf("line %q has fewer than 10 fields", line)
		}
		inode, err := strconv.ParseUint(string(fields[5]), 10, 64)
		if err != nil {
			return fmt.Errorf("inode of line %q: %w", line, err)
		}
		address, err := parseEnd(short(string(local)))
		if err != nil {
			return err
		}
		if inode != 0 && address.Port() != 0 {
			into[inode] = Listener{network, address}
		}
	}
	return nil
}

func nextField(text []byte) (field, rest []byte) {
	text = bytes.TrimLeft(text, " ")
	end := bytes.IndexByte(text, ' ')
	if end < 0 {
		return text, nil
	}
	return text[:end], text[end:]
}

// listenersOf finds a process's listeners among those of its namespace, in the
// order of their addresses.
func (f *FS) listenersOf(pid int, table map[uint64]Listener) []Listener {
	dir, err := os.Open(f.path(pid, "fd"))
	if err != nil {
		return nil // it has ended, or is another's
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // fewer when it ends meanwhile
	var found []Listener
	link := make([]byte, 64)
	for _, name := range names {
		n, err := unix.Readlinkat(int(dir.Fd()), name, link)
		if err != nil {
			continue // closed
		}
		inode, ok := bytes.CutPrefix(link[:n], []byte("socket:["))
		if !ok {
			continue
		}
		number, err := strconv.ParseUint(string(bytes.TrimSuffix(inode, []byte("]"))), 10, 64)
		if l, listens := table[number]; err == nil && listens {
			found = append(found, l)
		}
	}
	slices.SortFunc(found, compareListeners)
	return slices.Compact(found)
}

func compareListeners(a, b Listener) int {
	if c := strings.Compare(a.Network, b.Network); c != 0 {
		return c
	}
	return a.Address.Compare(b.Address)
}
