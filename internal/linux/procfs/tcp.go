package procfs

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// TCP is one TCP socket, of /proc/net/tcp or tcp6 (proc_net_tcp(5)).
type TCP struct {
	// Local and Remote are address and port as the kernel writes them, in
	// hexadecimal; an IPv4 address in an IPv6 socket is written as IPv4.
	Local, Remote string
	State         TCPState
	// Inode is the socket's; 0 when no descriptor refers to it any more.
	Inode uint64
}

// LocalAddress is Local as others write it.
func (t TCP) LocalAddress() (netip.AddrPort, error) { return parseEnd(t.Local) }

// RemoteAddress is Remote as others write it.
func (t TCP) RemoteAddress() (netip.AddrPort, error) { return parseEnd(t.Remote) }

func parseEnd(end string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(end, ":")
	raw, err := hex.DecodeString(address)
	if err != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, fmt.Errorf("cannot read address %q", end)
	}
	// Each 32 bits are a number in the machine's own order of bytes.
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	ip, ok := netip.AddrFromSlice(raw)
	n, err := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil {
		return netip.AddrPort{}, fmt.Errorf("cannot read address %q", end)
	}
	return netip.AddrPortFrom(ip, uint16(n)), nil
}

// TCPState is a state of TCP, with the kernel's number (tcp_states.h).
type TCPState uint8

// The states that matter here.
const (
	TCPEstablished TCPState = 1
	TCPTimeWait    TCPState = 6
	TCPListen      TCPState = 10
)

// TCP lists the TCP sockets of the network namespace that a process is in.
func (f *FS) TCP(pid int) ([]TCP, error) {
	var all []TCP
	for _, name := range []string{"tcp", "tcp6"} {
		file, err := os.Open(filepath.Join(f.root, strconv.Itoa(pid), "net", name))
		if os.IsNotExist(err) && name == "tcp6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, describe(pid, "net/"+name, err)
		}
		some, err := parseTCP(file)
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", file.Name(), err)
		}
		all = append(all, some...)
	}
	return all, nil
}

func parseTCP(r io.Reader) ([]TCP, error) {
	var all []TCP
	lines := bufio.NewScanner(r)
	lines.Scan() // the names of the columns
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 10 {
			return nil, fmt.Errorf("line %q has fewer than 10 fields", lines.Text())
		}
		state, err := strconv.ParseUint(f[3], 16, 8)
		if err != nil {
			return nil, fmt.Errorf("state of line %q: %w", lines.Text(), err)
		}
		inode, err := strconv.ParseUint(f[9], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("inode of line %q: %w", lines.Text(), err)
		}
		all = append(all, TCP{short(f[1]), short(f[2]), TCPState(state), inode})
	}
	return all, lines.Err()
}

// short writes an IPv4 address in an IPv6 socket as IPv4: the two ends of one
// connection may be sockets of either kind.
func short(address string) string { return strings.TrimPrefix(address, "0000000000000000FFFF0000") }
