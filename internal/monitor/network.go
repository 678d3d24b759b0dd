package monitor

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/seancehq/seance/internal/linux/netlock"
	"github.com/seancehq/seance/internal/linux/procfs"
)

// connections are the TCP connections of the image's programs. outside says
// whether one of them has its other end outside: packets on such a connection
// must not get through while it is frozen; those on others cannot.
func (m *Monitor) connections() (all []netlock.Connection, outside bool, err error) {
	own, err := m.sockets()
	if err != nil {
		return nil, false, err
	}
	ends := map[[2]string]bool{}
	for _, s := range own {
		ends[[2]string{s.Local, s.Remote}] = true
	}
	for _, s := range own {
		if s.State == procfs.TCPListen || s.State == procfs.TCPTimeWait {
			continue
		}
		c, err := connection(s)
		if err != nil {
			return nil, false, err
		}
		all = append(all, c)
		outside = outside || !ends[[2]string{s.Remote, s.Local}]
	}
	return all, outside, nil
}

func connection(s procfs.TCP) (c netlock.Connection, err error) {
	if c.Local, err = s.LocalAddress(); err != nil {
		return c, err
	}
	c.Remote, err = s.RemoteAddress()
	return c, err
}

// listeners are the addresses that programs of the image listen on.
func (m *Monitor) listeners() ([]string, error) {
	own, err := m.sockets()
	if err != nil {
		return nil, err
	}
	var all []string
	for _, s := range own {
		if s.State != procfs.TCPListen {
			continue
		}
		at, err := s.LocalAddress()
		if err != nil {
			return nil, err
		}
		all = append(all, at.String())
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// sockets are the TCP sockets that the image's processes have open.
func (m *Monitor) sockets() ([]procfs.TCP, error) {
	fs := m.inside()
	own, err := socketInodes(fs)
	if err != nil {
		return nil, fmt.Errorf("cannot see which connections the image has: %w", err)
	}
	all, err := fs.TCP(1)
	if err != nil {
		return nil, fmt.Errorf("cannot see which connections the image has: %w", err)
	}
	return slices.DeleteFunc(all, func(s procfs.TCP) bool { return !own[s.Inode] }), nil
}

func socketInodes(fs *procfs.FS) (map[uint64]bool, error) {
	pids, err := fs.PIDs()
	if err != nil {
		return nil, err
	}
	own := map[uint64]bool{}
	for _, pid := range pids {
		open, err := fs.Descriptors(pid)
		if err != nil && !errors.Is(err, procfs.ErrGone) {
			return nil, err
		}
		for _, d := range open {
			if d.Kind == procfs.KindSocket {
				own[d.Inode] = true
			}
		}
	}
	return own, nil
}

// checkPorts says whether the addresses that a saved image listens on are
// free. CRIU does not: it lets two copies of an image listen on one port, and
// one of them gets all connections.
func checkPorts(listeners []string) error {
	if len(listeners) == 0 {
		return nil
	}
	fs := procfs.New("/proc")
	all, err := fs.TCP(os.Getpid()) // the image will be in the same network
	if err != nil {
		return fmt.Errorf("cannot see which ports are taken: %w", err)
	}
	for _, l := range listeners {
		want, err := netip.ParseAddrPort(l)
		if err != nil {
			return err
		}
		for _, s := range all {
			at, err := s.LocalAddress()
			if err == nil && s.State == procfs.TCPListen && collide(want, at) {
				return fmt.Errorf("its port %s is taken by %s: stop that, or the other copy of the image", l, owner(fs, s.Inode))
			}
		}
	}
	return nil
}

// collide says whether two sockets cannot both listen: on one port, and one
// address or any. Any address of IPv6 takes in those of IPv4.
func collide(a, b netip.AddrPort) bool {
	return a.Port() == b.Port() && (a.Addr() == b.Addr() || covers(a.Addr(), b.Addr()) || covers(b.Addr(), a.Addr()))
}

func covers(any, one netip.Addr) bool {
	return any.IsUnspecified() && (any.Is6() || one.Is4())
}

// owner names the process that has a socket.
func owner(fs *procfs.FS, inode uint64) string {
	pids, _ := fs.PIDs()
	for _, pid := range pids {
		open, _ := fs.Descriptors(pid)
		if !slices.ContainsFunc(open, func(d procfs.Descriptor) bool { return d.Kind == procfs.KindSocket && d.Inode == inode }) {
			continue
		}
		if stat, err := fs.Stat(pid); err == nil {
			return fmt.Sprintf("%s (pid %d)", stat.Comm, pid)
		}
	}
	return "another program"
}
