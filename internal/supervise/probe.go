package supervise

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/seancehq/seance/internal/linux/reap"
	"github.com/seancehq/seance/manifest"
)

// probe asks a service once whether it is ready; nil says yes. It leaves no
// connection and no process behind.
type probe func(ctx context.Context) error

// attemptLimit is how long one probe may take. A service that takes longer to
// answer is asked again.
const attemptLimit = 5 * time.Second

// probeOf is the probe of a service that is asked; nil for one that speaks up by
// itself, with a line of its log or its exit.
func (s *service) probeOf(r *manifest.Ready) (probe, string) {
	switch {
	case r == nil:
		return nil, ""
	case r.TCP != "":
		return func(ctx context.Context) error { return probeTCP(ctx, r.TCP) }, "tcp " + r.TCP
	case r.HTTP != "":
		return func(ctx context.Context) error { return probeHTTP(ctx, r.HTTP) }, "http " + r.HTTP
	case len(r.Command) > 0:
		return func(ctx context.Context) error { return s.probeCommand(ctx, r.Command) }, "command " + r.Command[0]
	}
	return nil, ""
}

// dialer tries the addresses of a name one after the other: of two that are
// tried at once, one would be closed some time after the other has answered.
func dialer() *net.Dialer { return &net.Dialer{FallbackDelay: -1} }

func probeTCP(ctx context.Context, address string) error {
	conn, err := dialer().DialContext(ctx, "tcp", address)
	if err != nil {
		return plain(err)
	}
	return conn.Close()
}

func probeHTTP(ctx context.Context, url string) error {
	var conns connections
	transport := &http.Transport{DisableKeepAlives: true, DialContext: conns.dial}
	// The transport closes connections on goroutines of its own, some time
	// after the answer. None may be open when the probe is over.
	defer conns.close()
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return plain(err)
	}
	response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 399 {
		return fmt.Errorf("answers %s", response.Status)
	}
	return nil
}

// connections are what one probe has open.
type connections struct {
	mu   sync.Mutex
	open []net.Conn
}

func (c *connections) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := dialer().DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, conn)
	return conn, nil
}

func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.open {
		conn.Close()
	}
}

// plain takes the layers off a network error: what was tried is said already.
func plain(err error) error {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer")
	}
	return err
}

// probeCommand runs a command as the service runs: the same folder, environment
// and marks.
func (s *service) probeCommand(ctx context.Context, args []string) error {
	s.mu.Lock()
	n := s.instances
	s.mu.Unlock()
	p, err := s.sup.reaper.Start(reap.Spec{
		Args: args,
		Dir:  s.spec().Workdir,
		Env:  s.environ(s.spec(), n),
	})
	if err != nil {
		return err
	}
	exit, err := p.Wait(ctx)
	if err != nil {
		_ = p.SignalGroup(syscall.SIGKILL)
		<-p.Done()
		return errors.New("no answer")
	}
	if !exit.Success() {
		return errors.New(exit.String())
	}
	return nil
}
