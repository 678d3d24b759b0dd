package live

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Listen listens on a socket, in the place of any other that is there. Only the
// user who runs the caller, and root, may connect to it.
func Listen(path string) (net.Listener, error) {
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	old := unix.Umask(0o177)
	defer unix.Umask(old)
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	// The name may be another's by the time this socket is closed.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return sameUser{l}, nil
}

// sameUser turns away whoever is neither root nor our own user,
// should the socket's mode ever be loosened. See SO_PEERCRED in unix(7).
type sameUser struct{ net.Listener }

func (l sameUser) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || allowed(c.(*net.UnixConn)) {
			return c, err
		}
		c.Close()
	}
}

func allowed(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var who *unix.Ucred
	ctlErr := raw.Control(func(fd uintptr) { who, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return ctlErr == nil && err == nil && (who.Uid == 0 || int(who.Uid) == os.Geteuid())
}
