// Package netlock finds and removes the network locks that CRIU leaves.
//
// To freeze a TCP connection whose other end goes on, CRIU has the kernel
// drop its packets by a table of nftables, inet CRIU-ID. A restore removes
// the table, and so does CRIU itself when the frozen programs go on. When it
// is killed in between, or when nobody restores, the table stays, and the
// connection is dead without anybody being told.
package netlock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// prefix is how CRIU calls its tables.
const prefix = "CRIU-"

// Connection is a TCP connection by its two ends.
type Connection struct {
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote"`
}

// turned is the same connection, seen from the other end.
func (c Connection) turned() Connection { return Connection{c.Remote, c.Local} }

// Find names the tables that lock at least one of these connections and no
// others.
func Find(connections []Connection) ([]string, error) {
	if len(connections) == 0 {
		return nil, nil
	}
	c, tables, err := locks()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range tables {
		locked, err := lockedBy(c, t)
		if errors.Is(err, unix.ENOENT) {
			continue // removed by its owner meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read network lock %q: %w", t.Name, err)
		}
		if len(locked) > 0 && subset(locked, connections) {
			names = append(names, t.Name)
		}
	}
	return names, nil
}

// All names the tables of CRIU's that there are.
func All() ([]string, error) {
	_, tables, err := locks()
	var names []string
	for _, t := range tables {
		names = append(names, t.Name)
	}
	return names, err
}

// Remove removes a table by its name. One that is not there is no error.
func Remove(name string) error {
	if !strings.HasPrefix(name, prefix) {
		return fmt.Errorf("cannot remove network lock %q: not a table of CRIU's", name)
	}
	c, err := nftables.New()
	if err == nil {
		c.DelTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: name})
		err = c.Flush()
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("cannot remove network lock %q: %w", name, err)
	}
	return nil
}

// RemoveFor removes the tables that lock these connections and no others.
func RemoveFor(connections []Connection) error {
	names, err := Find(connections)
	for _, name := range names {
		err = errors.Join(err, Remove(name))
	}
	return err
}

// settle is how long a table may be empty while its CRIU lives: it fills it in
// the next step.
const settle = 200 * time.Millisecond

// RemoveEmpty removes the tables that lock nothing, which a CRIU leaves that
// was killed while it made them; all but those named, and those that somebody
// is filling.
func RemoveEmpty(but []string) error {
	empty, err := emptyTables(but)
	if err != nil || len(empty) == 0 {
		return err
	}
	time.Sleep(settle)
	still, err := emptyTables(but)
	for _, name := range still {
		if slices.Contains(empty, name) {
			err = errors.Join(err, Remove(name))
		}
	}
	return err
}

func emptyTables(but []string) ([]string, error) {
	c, tables, err := locks()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range tables {
		if slices.Contains(but, t.Name) {
			continue
		}
		if locked, err := lockedBy(c, t); err == nil && len(locked) == 0 {
			names = append(names, t.Name)
		}
	}
	return names, nil
}

// locks lists the tables of CRIU's, and by what to ask for more of them.
func locks() (*nftables.Conn, []*nftables.Table, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot look for network locks: %w", err)
	}
	all, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot look for network locks: %w", err)
	}
	return c, slices.DeleteFunc(all, func(t *nftables.Table) bool { return !strings.HasPrefix(t.Name, prefix) }), nil
}

// lockedBy lists what a table of CRIU's locks: the elements of its sets.
func lockedBy(c *nftables.Conn, t *nftables.Table) ([]Connection, error) {
	sets, err := c.GetSets(t)
	if err != nil {
		return nil, err
	}
	var locked []Connection
	for _, s := range sets {
		elements, err := c.GetSetElements(s)
		if err != nil {
			return nil, err
		}
		for _, e := range elements {
			if conn, ok := decode(e.Key); ok {
				locked = append(locked, conn)
			}
		}
	}
	return locked, nil
}

// decode reads the key of a set of type addr . service . addr . service: each
// part in network order, padded to a multiple of four bytes.
func decode(key []byte) (Connection, bool) {
	size := (len(key) - 8) / 2 // of one address
	if size != 4 && size != 16 || len(key) != 2*size+8 {
		return Connection{}, false
	}
	return Connection{end(key[:size+4]), end(key[size+4:])}, true
}

func end(part []byte) netip.AddrPort {
	size := len(part) - 4
	ip, _ := netip.AddrFromSlice(part[:size])
	return netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(part[size:]))
}

// subset says whether each locked connection is one of those given, seen from
// either end.
func subset(locked, connections []Connection) bool {
	for _, c := range locked {
		if !slices.Contains(connections, c) && !slices.Contains(connections, c.turned()) {
			return false
		}
	}
	return true
}
