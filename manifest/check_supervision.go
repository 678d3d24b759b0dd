package manifest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// limitNames are the resource limits of getrlimit(2), as prlimit(1) calls them.
func limitNames() []string {
	return []string{
		"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice",
		"nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
	}
}

// supervision checks what a service is given when it is started, and how it is
// watched.
func (c *checker) supervision(p place, s *Service) {
	if s.User != "" {
		c.account(p.key("user"), s.User)
	}
	if s.Group != "" {
		c.account(p.key("group"), s.Group)
	}
	if s.Umask != nil && *s.Umask > 0o777 {
		c.add(p.key("umask"), "", "%s must be from 0 to 0777, not 0%o", p.key("umask"), *s.Umask)
	}
	if s.Nice != nil && (*s.Nice < -20 || *s.Nice > 19) {
		c.add(p.key("nice"), "", "%s must be from -20 to 19, not %d", p.key("nice"), *s.Nice)
	}
	if len(s.Limits) > 0 {
		c.limits(p.key("limits"), s.Limits)
	}
	if s.Stdin != StdinNull {
		c.stdin(p.key("stdin"), s)
	}
	if s.Probe != nil {
		c.probe(p.key("probe"), s)
	}
	if s.Log != defaultLog() {
		c.log(p.key("log"), s.Log)
	}
}

// account takes what can be a name of passwd(5), or a number. Whether there is
// such a user is seen where the service runs.
func (c *checker) account(p place, name string) {
	switch {
	case strings.ContainsAny(name, ": ,/\t\n\x00"), name[0] == '-':
		hint := "write a name or a number"
		if strings.Contains(name, ":") {
			hint = `"user" and "group" are two keys`
		}
		c.add(p, hint, "%s is not a name or a number: %q", p, name)
	case strings.Trim(name, "0123456789") == "":
		// -1 says "leave as it is", see setresuid(2).
		if n, err := strconv.ParseUint(name, 10, 32); err != nil || n == math.MaxUint32 {
			c.add(p, "", "%s must be from 0 to %d, not %s", p, math.MaxUint32-1, name)
		}
	}
}

func (c *checker) limits(p place, limits map[string]Limit) {
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		at, l := p.key(name), limits[name]
		switch {
		case !slices.Contains(limitNames(), name):
			c.add(at.own(pathSep, ""), limitHint(name), "%s has no such limit: %q", p, name)
		case l.Soft > l.Hard:
			c.add(at, "", "%s has a soft limit above the hard one: %s > %s", at, limitText(l.Soft), limitText(l.Hard))
		}
	}
}

func limitHint(name string) string {
	lower := strings.TrimPrefix(strings.ToLower(name), "rlimit_")
	if near := closest(lower, limitNames()); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "there are " + strings.Join(limitNames(), ", ")
}

func limitText(v uint64) string {
	if v == Unlimited {
		return unlimited
	}
	return strconv.FormatUint(v, 10)
}

func (c *checker) stdin(p place, s *Service) {
	switch {
	case s.Stdin == "" || strings.ContainsRune(s.Stdin, 0):
		c.add(p, "", "%s is not a path: %q", p, s.Stdin)
	case s.Terminal:
		c.add(p, "remove one of the two", "%s stands beside a terminal, which the service reads from", p)
	}
}

func (c *checker) probe(p place, s *Service) {
	r := s.Probe
	c.oneKind(p, "a service has one probe", []kindCheck{
		{"tcp", r.TCP != "", func(p place) { c.address(p, r.TCP) }},
		{"http", r.HTTP != "", func(p place) { c.url(p, r.HTTP) }},
		{"command", r.Command != nil, func(p place) { c.command(p, r.Command) }},
		{"notify", r.Notify, func(place) {}},
	})
	c.status(p, r.Status, r.HTTP)
	c.positive(p.key("interval"), r.Interval)
	c.positive(p.key("timeout"), r.Timeout)
	c.atLeast(p.key("failures"), r.Failures, 1)
	if s.Ready != nil && s.Ready.Exit {
		c.add(p.own(pathSep, ""), "remove it", "%s is a one-shot (ready: exit): there is nothing to probe", placeOf(s))
	}
}

// status checks the good answers of an HTTP probe.
func (c *checker) status(p place, codes []int, url string) {
	if codes == nil {
		return
	}
	p = p.key("status")
	switch {
	case url == "":
		c.add(p, "remove it", "%s is for http alone", p)
	case len(codes) == 0:
		c.add(p, "remove it, or name one", "%s is empty", p)
	}
	for i, code := range codes {
		if code < 100 || code > 599 {
			c.add(p.item(i), "", "%s must be from 100 to 599, not %d", p, code)
		}
	}
}

func (c *checker) atLeast(p place, n, least int) {
	if n < least {
		c.add(p, "", "%s must be %d or more, not %d", p, least, n)
	}
}

func (c *checker) log(p place, l Log) {
	if strings.ContainsRune(l.File, 0) {
		c.add(p.key("file"), "", "%s is not a path: %q", p.key("file"), l.File)
	}
	if l.Size < 1 {
		c.add(p.key("size"), "", "%s must be 1 or more, not %d", p.key("size"), l.Size)
	}
	c.atLeast(p.key("count"), l.Count, 1)
	switch l.Format {
	case LogCRI, LogJSON, LogPlain:
	default:
		c.add(p.key("format"), "", "%s must be cri, json or plain, not %q", p.key("format"), string(l.Format))
	}
}

// logFiles refuses what two services would write into.
func (c *checker) logFiles() {
	owner := map[string]*Service{}
	for i := range c.m.Services {
		s := &c.m.Services[i]
		if s.Log.File == "" {
			continue
		}
		if first := owner[s.Log.File]; first != nil {
			p, hint := placeOf(s).key("log").key("file"), "give each a file of its own"
			if first.Of == s.Of && s.Of != "" {
				hint = "write ${" + varReplica + "} in it"
			}
			c.add(p, hint, "%s is that of service %q too: %q", p, first.Name, s.Log.File)
			continue
		}
		owner[s.Log.File] = s
	}
}

// onFailure checks the manifest's own policy.
func (c *checker) onFailure(p place, policy OnFailure) {
	if policy != GoOn && policy != RollBack {
		c.add(p, "", "%s must be go-on or roll-back, not %q", p, string(policy))
	}
}
