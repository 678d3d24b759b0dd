package supervise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/manifest"
)

// notifier is the socket on which one instance of a service speaks up, as
// sd_notify(3) has it. It is a datagram socket with a name in the file system:
// one in the abstract name space would be the same in two copies of an image
// that share a network. Who has sent a message is told by the kernel
// (SCM_CREDENTIALS, unix(7)), so that no other service speaks for this one.
type notifier struct {
	s    *service
	n    int // of the instance
	path string
	file *os.File
	raw  syscall.RawConn
	done chan struct{} // closed when the loop has ended; nil: there is none

	ready chan struct{} // closed by READY=1
	once  sync.Once     // for that
	shut  sync.Once

	mu sync.Mutex // held while a message is taken; guards nothing: it keeps their order

	// Guarded by service.mu.
	limit     *limit // of the readiness that is waited for
	reloading bool
	refused   bool          // the log tells of a message that was not heeded
	triggered bool          // WATCHDOG=trigger came before the service was up
	interval  time.Duration // of its watchdog, if it has asked for another, or 0
	mainPID   int           // what is the main process once the program has ended, 0: nothing
}

// wantsNotifier says that a service is told of a socket.
func wantsNotifier(spec *manifest.Service) bool {
	return spec.Ready != nil && spec.Ready.Notify || spec.Probe != nil && spec.Probe.Notify
}

// maxSocketPath is how long the path of a unix socket may be, see unix(7).
const maxSocketPath = 107

// newNotifier makes the socket of an instance, nil for a service that needs
// none. as is what its program runs as. Nothing is read from it before listen.
func (s *service) newNotifier(spec *manifest.Service, n int, as *syscall.Credential) (*notifier, error) {
	if !wantsNotifier(spec) {
		return nil, nil
	}
	other := as != nil && int(as.Uid) != os.Geteuid()
	dir, err := s.sup.socketDir(other)
	if err != nil {
		return nil, fmt.Errorf("cannot make its NOTIFY_SOCKET: %w", err)
	}
	path := filepath.Join(dir, fmt.Sprintf("notify-%d", s.sup.sockets.Add(1)))
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("cannot make its NOTIFY_SOCKET: a socket's path may have %d bytes, and %s has %d", maxSocketPath, path, len(path))
	}
	fd, err := bindDatagrams(path)
	if err != nil {
		return nil, fmt.Errorf("cannot make its NOTIFY_SOCKET %s: %w", path, err)
	}
	nt := &notifier{s: s, n: n, path: path, file: os.NewFile(uintptr(fd), path), ready: make(chan struct{})}
	nt.raw, err = nt.file.SyscallConn()
	if err == nil && other {
		err = os.Chown(path, int(as.Uid), -1)
	}
	if err != nil {
		nt.close()
		return nil, fmt.Errorf("cannot make its NOTIFY_SOCKET: %w", err)
	}
	return nt, nil
}

func bindDatagrams(path string) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	_ = os.Remove(path) // of one that was killed
	err = errors.Join(
		os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)),
		os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrUnix{Name: path})),
		os.Chmod(path, 0o600),
	)
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// marks are the variables that tell a program of the socket.
func (nt *notifier) marks(spec *manifest.Service) []string {
	if nt == nil {
		return nil
	}
	marks := []string{envNotify + "=" + nt.path}
	if spec.Probe != nil && spec.Probe.Notify {
		marks = append(marks, fmt.Sprintf("%s=%d", envWatchdog, spec.Probe.Interval.Microseconds()))
	}
	return marks
}

// listen begins to take messages, those that came before it first.
func (nt *notifier) listen() {
	if nt == nil {
		return
	}
	nt.done = make(chan struct{})
	go nt.run()
}

func (nt *notifier) run() {
	defer close(nt.done)
	for {
		err := nt.raw.Read(func(fd uintptr) bool {
			return !errors.Is(nt.take(int(fd)), unix.EAGAIN)
		})
		if err != nil {
			return // it was closed
		}
	}
}

// drain takes all messages that have come.
func (nt *notifier) drain() {
	if nt == nil {
		return
	}
	// Control, unlike Read, does not wait for the goroutine that waits in Read.
	_ = nt.raw.Control(func(fd uintptr) {
		for nt.take(int(fd)) == nil {
		}
	})
}

// maxMessage is how long a message may be.
const maxMessage = 4 << 10

// take takes one message. It returns EAGAIN when there is none.
func (nt *notifier) take(fd int) error {
	nt.mu.Lock()
	defer nt.mu.Unlock()
	// There is room for the credentials alone: descriptors that come with a
	// message are closed by the kernel, which is what BARRIER=1 waits for.
	var text [maxMessage]byte
	oob := make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	n, oobn, flags, _, err := unix.Recvmsg(fd, text[:], oob, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return err
	}
	if flags&unix.MSG_TRUNC != 0 {
		nt.refuse("a notification of more than %d bytes", maxMessage)
		return nil
	}
	nt.hear(senderOf(oob[:oobn]), parseMessage(string(text[:n])))
	return nil
}

// senderOf is the PID of who sent a message, 0 when it is not known.
func senderOf(oob []byte) int {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for i := range messages {
		if cred, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			return int(cred.Pid)
		}
	}
	return 0
}

// close ends it and waits for its goroutine. The socket is gone then.
func (nt *notifier) close() {
	if nt == nil {
		return
	}
	nt.shut.Do(func() {
		nt.file.Close()
		_ = os.Remove(nt.path)
	})
	if nt.done != nil {
		<-nt.done
	}
}

// socketDir is where the sockets are: a folder that others can pass too, if that
// is wanted.
func (sup *Supervisor) socketDir(others bool) (string, error) {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	switch {
	case sup.run == "" || others && !passable(filepath.Dir(sup.run)):
		if sup.ownRun == "" {
			dir, err := makeFolder(sup.otherRun)
			if err != nil {
				return "", err
			}
			sup.ownRun = dir
		}
		return sup.ownRun, letPass(sup.ownRun, others)
	default:
		return sup.run, letPass(sup.run, others)
	}
}

func makeFolder(path string) (string, error) {
	if path == "" {
		return os.MkdirTemp("", "seance-")
	}
	return path, os.Mkdir(path, 0o700)
}

// letPass lets everybody pass a folder, and not list it.
func letPass(dir string, others bool) error {
	if !others {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode()&0o001 != 0 {
		return err
	}
	return os.Chmod(dir, info.Mode().Perm()|0o011)
}

// passable says that everybody can pass a folder, and those it is in.
func passable(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// removeSocketDir removes the folder that was made for sockets.
func (sup *Supervisor) removeSocketDir() {
	sup.mu.Lock()
	defer sup.mu.Unlock()
	if sup.ownRun != "" {
		_ = os.RemoveAll(sup.ownRun)
	}
}

// limit is a time limit that the program itself may move on.
type limit struct {
	timer *time.Timer
	at    time.Time
}

// extend lets it end after d from now, if that is later than it would.
func (l *limit) extend(d time.Duration) {
	if at := time.Now().Add(d); at.After(l.at) {
		l.at = at
		l.timer.Reset(d)
	}
}
