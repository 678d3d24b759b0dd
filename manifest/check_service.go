package manifest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

func (c *checker) service(s *Service) {
	p := placeOf(s)
	if s.Command == nil {
		c.add(p.key("command"), `write command: and the program to run`, "%s has no command", p)
	} else {
		c.command(p.key("command"), s.Command)
	}
	c.common(p, s.Workdir, s.Env, s.Category, s.Priority)
	if s.Ready != nil {
		c.ready(p.key("ready"), s.Ready)
	}
	c.supervision(p, s)
	c.restart(p.key("restart"), s)
	c.shutdown(p.key("shutdown"), s.Shutdown)
}

// placeOf is where a service stands in the file: replicas stand in one place.
func placeOf(s *Service) place {
	if s.Of != "" {
		return servicePlace(s.Of)
	}
	return servicePlace(s.Name)
}

func (c *checker) hook(h *Hook) {
	p := hookPlace(h.Name)
	if h.Startup == nil && h.Shutdown == nil {
		c.add(p.key("startup"), `write startup: or shutdown: and the command to run`, "%s has neither a startup nor a shutdown command", p)
	}
	if h.Startup != nil {
		c.command(p.key("startup"), h.Startup)
	}
	if h.Shutdown != nil {
		c.command(p.key("shutdown"), h.Shutdown)
	}
	c.common(p, h.Workdir, h.Env, h.Category, h.Priority)
	c.positive(p.key("timeout"), h.Timeout)
}

// common checks what services and hooks both have.
func (c *checker) common(p place, workdir string, env map[string]string, category string, priority int) {
	if workdir == "" || strings.ContainsRune(workdir, 0) {
		c.add(p.key("workdir"), "", "%s is not a path: %q", p.key("workdir"), workdir)
	}
	if !c.hasCategory(category) {
		c.add(p.key("category"), c.categoryHint(category), "%s is not a category: %q", p.key("category"), category)
	}
	if priority < -MaxPriority || priority > MaxPriority {
		c.add(p.key("priority"), "", "%s must be from %d to %d, not %d", p.key("priority"), -MaxPriority, MaxPriority, priority)
	}
	c.environment(p.key("env"), env)
}

// environment checks what execve(2) cannot pass on: its strings are NAME=value,
// ended by a NUL.
func (c *checker) environment(p place, env map[string]string) {
	names := make([]string, 0, len(env))
	for name := range env {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		switch at := p.key(name); {
		case name == "" || strings.ContainsAny(name, "=\x00"):
			c.add(at, "a name is not empty and has no =", "%s has no valid name: %q", p, name)
		case isReservedEnv(name):
			c.add(at, "remove it", "%s is set by seance itself", at)
		case strings.ContainsRune(env[name], 0):
			c.add(at, "", "%s holds a NUL character, which no program can be given", at)
		}
	}
}

func (c *checker) command(p place, argv []string) {
	switch {
	case len(argv) == 0, argv[0] == "":
		c.add(p, "name the program to run", "%s is empty", p)
	case len(argv) == 3 && argv[0] == shell && argv[1] == "-c" && strings.TrimSpace(argv[2]) == "":
		c.add(p, "name the program to run", "%s is empty", p)
	case slices.ContainsFunc(argv, func(arg string) bool { return strings.ContainsRune(arg, 0) }):
		c.add(p, "", "%s holds a NUL character, which no program can be given", p)
	}
}

func (c *checker) ready(p place, r *Ready) {
	c.oneKind(p, "a service is ready in one way", []kindCheck{
		{"tcp", r.TCP != "", func(p place) { c.address(p, r.TCP) }},
		{"http", r.HTTP != "", func(p place) { c.url(p, r.HTTP) }},
		{"command", r.Command != nil, func(p place) { c.command(p, r.Command) }},
		{"log", r.Log != "", func(p place) { c.expression(p, r.Log) }},
		{"notify", r.Notify, func(place) {}},
		{"exit", r.Exit, func(place) {}},
	})
	c.status(p, r.Status, r.HTTP)
	c.positive(p.key("timeout"), r.Timeout)
}

// kindCheck is one of several keys of which one is to be given.
type kindCheck struct {
	key   string
	given bool
	check func(place)
}

// oneKind checks that one of the kinds is given, and that it is well formed. A
// second one is reported where it stands.
func (c *checker) oneKind(p place, why string, kinds []kindCheck) {
	first, keys := "", make([]string, len(kinds))
	for i, k := range kinds {
		keys[i] = k.key
		if !k.given {
			continue
		}
		k.check(p.key(k.key))
		if first != "" {
			c.add(p.key(k.key).own(pathSep, ""), "keep one: "+why, "%s stands beside %q", p.key(k.key), first)
			continue
		}
		first = k.key
	}
	if first == "" {
		c.add(p, "write one of "+strings.Join(keys, ", "), "%s does not say how", p)
	}
}

// address takes host:port with a numeric port that one can connect to.
func (c *checker) address(p place, address string) {
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil:
		c.add(p, "write it as 127.0.0.1:7001, [::1]:7001 or localhost:7001", "%s is not host:port: %q", p, address)
	case !validHost(host):
		c.add(p, "write it as 127.0.0.1:7001, [::1]:7001 or localhost:7001", "%s has no valid host: %q", p, address)
	case !validPort(port):
		c.add(p, "a port is a number from 1 to 65535", "%s has no valid port: %q", p, address)
	}
}

var hostRE = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$`)

func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return len(host) <= 253 && hostRE.MatchString(host)
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

func (c *checker) url(p place, text string) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Opaque != "":
		c.add(p, "write it as http://127.0.0.1:8080/path", "%s is not a URL: %q", p, text)
	case !validHost(u.Hostname()):
		c.add(p, "write it as http://127.0.0.1:8080/path", "%s has no valid host: %q", p, text)
	case u.Port() != "" && !validPort(u.Port()), strings.HasSuffix(u.Host, ":"):
		c.add(p, "a port is a number from 1 to 65535", "%s has no valid port: %q", p, text)
	}
}

func (c *checker) expression(p place, text string) {
	if strings.Contains(text, "\n") {
		c.add(p, "after a | or > in YAML, write |- or >-", "%s holds a line end, which no line of output matches", p)
		return
	}
	_, err := regexp.Compile(text)
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		c.add(p, "", "%s is not a regular expression: %s: %q", p, wrong.Code, wrong.Expr)
	}
}

func (c *checker) restart(p place, s *Service) {
	r := s.Restart
	switch r.Policy {
	case RestartNo, RestartOnFailure:
	case RestartAlways:
		if s.Ready != nil && s.Ready.Exit {
			c.add(p.own(pathSep, ""), "a one-shot is done when it ends: write on-failure or no", "%s is a one-shot (ready: exit) and cannot be restarted always", servicePlace(s.Name))
		}
	default:
		at := p.key("policy")
		c.add(at, "", "%s must be no, on-failure or always, not %q", p, string(r.Policy))
	}
	c.notNegative(p.key("delay"), r.Delay)
	c.notNegative(p.key("max_delay"), r.MaxDelay)
	c.notNegative(p.key("reset_after"), r.ResetAfter)
	c.atLeast(p.key("limit"), r.Limit, 0)
	if r.Limit > 0 {
		c.positive(p.key("within"), r.Within)
	}
	if r.MaxDelay >= 0 && r.MaxDelay < r.Delay {
		c.add(p.key("max_delay"), "", "%s is shorter than the delay: %s < %s", p.key("max_delay"), r.MaxDelay, r.Delay)
	}
}

func (c *checker) shutdown(p place, s Shutdown) {
	if s.Command != nil {
		c.command(p.key("command"), s.Command)
	}
	if at := p.key("signal"); !slices.Contains(signalNames(), s.Signal) {
		c.add(at, signalHint(s.Signal), "%s is not a signal that ends a program: %q", at, s.Signal)
	}
	c.notNegative(p.key("grace"), s.Grace)
}

func signalHint(name string) string {
	upper := strings.TrimPrefix(strings.ToUpper(name), "SIG")
	if slices.Contains(signalNames(), upper) {
		return "write " + upper
	}
	return "write a name of signal(7), such as TERM, INT, QUIT or HUP"
}

func (c *checker) positive(p place, t time.Duration) {
	if t <= 0 {
		c.add(p, "", "%s must be longer than zero, not %s", p, t)
	}
}

func (c *checker) notNegative(p place, t time.Duration) {
	if t < 0 {
		c.add(p, "", "%s cannot be negative: %s", p, fmt.Sprint(t))
	}
}
