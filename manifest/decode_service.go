package manifest

import (
	"fmt"
	"strings"
	"time"
)

// The tables are never written.
var serviceFields = []field[Service]{
	{"command", func(d *decoder, p place, n *node, s *Service) { s.Command = d.command(p, n) }},
	{"workdir", func(d *decoder, p place, n *node, s *Service) { d.workdir(p, n, &s.Workdir) }},
	{"env", func(d *decoder, p place, n *node, s *Service) { s.Env = d.environment(p, n) }},
	{"category", func(d *decoder, p place, n *node, s *Service) { d.name(p, n, &s.Category) }},
	{"priority", func(d *decoder, p place, n *node, s *Service) { d.integer(p, n, &s.Priority) }},
	{"terminal", func(d *decoder, p place, n *node, s *Service) { d.boolean(p, n, &s.Terminal) }},
	{"ready", func(d *decoder, p place, n *node, s *Service) { s.Ready = d.ready(p, n) }},
	{"restart", func(d *decoder, p place, n *node, s *Service) { d.restart(p, n, &s.Restart) }},
	{"shutdown", func(d *decoder, p place, n *node, s *Service) { d.shutdown(p, n, &s.Shutdown) }},
}

var hookFields = []field[Hook]{
	{"startup", func(d *decoder, p place, n *node, h *Hook) { h.Startup = d.command(p, n) }},
	{"shutdown", func(d *decoder, p place, n *node, h *Hook) { h.Shutdown = d.command(p, n) }},
	{"workdir", func(d *decoder, p place, n *node, h *Hook) { d.workdir(p, n, &h.Workdir) }},
	{"env", func(d *decoder, p place, n *node, h *Hook) { h.Env = d.environment(p, n) }},
	{"category", func(d *decoder, p place, n *node, h *Hook) { d.name(p, n, &h.Category) }},
	{"priority", func(d *decoder, p place, n *node, h *Hook) { d.integer(p, n, &h.Priority) }},
	{"timeout", func(d *decoder, p place, n *node, h *Hook) { d.duration(p, n, &h.Timeout) }},
}

var readyFields = []field[Ready]{
	{"tcp", func(d *decoder, p place, n *node, r *Ready) { d.tcp(p, n, &r.TCP) }},
	{"http", func(d *decoder, p place, n *node, r *Ready) { d.nonEmpty(p, n, &r.HTTP) }},
	{"command", func(d *decoder, p place, n *node, r *Ready) { r.Command = d.command(p, n) }},
	{"log", func(d *decoder, p place, n *node, r *Ready) { d.nonEmpty(p, n, &r.Log) }},
	{"exit", func(d *decoder, p place, n *node, r *Ready) { d.exit(p, n, &r.Exit) }},
	{"timeout", func(d *decoder, p place, n *node, r *Ready) { d.duration(p, n, &r.Timeout) }},
}

var restartFields = []field[Restart]{
	{"policy", func(d *decoder, p place, n *node, r *Restart) { d.policy(p, n, &r.Policy) }},
	{"delay", func(d *decoder, p place, n *node, r *Restart) { d.duration(p, n, &r.Delay) }},
	{"max_delay", func(d *decoder, p place, n *node, r *Restart) { d.duration(p, n, &r.MaxDelay) }},
	{"reset_after", func(d *decoder, p place, n *node, r *Restart) { d.duration(p, n, &r.ResetAfter) }},
}

var shutdownFields = []field[Shutdown]{
	{"signal", func(d *decoder, p place, n *node, s *Shutdown) { d.signal(p, n, &s.Signal) }},
	{"grace", func(d *decoder, p place, n *node, s *Shutdown) { d.duration(p, n, &s.Grace) }},
}

func (d *decoder) service(p place, name string, n *node) Service {
	s := Service{
		Name:     name,
		Workdir:  d.resolve("."),
		Category: DefaultCategory,
		Priority: DefaultPriority,
		Restart:  defaultRestart(),
		Shutdown: Shutdown{Signal: "TERM", Grace: DefaultGrace},
	}
	decodeFields(d, p, n, "", serviceFields, &s)
	return s
}

func (d *decoder) hook(p place, name string, n *node) Hook {
	h := Hook{
		Name:     name,
		Workdir:  d.resolve("."),
		Category: DefaultCategory,
		Priority: DefaultPriority,
		Timeout:  DefaultHookTimeout,
	}
	decodeFields(d, p, n, "", hookFields, &h)
	return h
}

func (d *decoder) workdir(p place, n *node, v *string) {
	if path, ok := d.path(p, n); ok {
		*v = path
	}
}

func (d *decoder) ready(p place, n *node) *Ready {
	r := &Ready{Timeout: DefaultReadyTimeout}
	decodeFields(d, p, n, "write {tcp: 127.0.0.1:PORT}, or one of http, command, log, exit", readyFields, r)
	return r
}

// refused stands for a value that was reported already: that it is given counts
// in what contradicts what.
const refused = "refused"

func (d *decoder) nonEmpty(p place, n *node, v *string) {
	*v = refused
	switch text, ok := d.text(p, n); {
	case !ok:
	case text == "":
		d.fail(p, n.at, "", "%s is empty", p)
	default:
		*v = text
	}
}

func (d *decoder) tcp(p place, n *node, v *string) {
	*v = refused
	switch n.kind {
	case kindNumber:
		d.wrongType(p, n, "host:port", "write 127.0.0.1:"+n.text)
	case kindList:
		d.wrongType(p, n, "host:port", `"quote" an address in brackets`)
	default:
		d.nonEmpty(p, n, v)
	}
}

func (d *decoder) exit(p place, n *node, v *bool) {
	faults := len(d.errs)
	d.boolean(p, n, v)
	if len(d.errs) == faults && !*v {
		d.fail(p, n.at, "remove the key", "%s can only be true", p)
	}
	*v = true
}

func defaultRestart() Restart {
	return Restart{
		Policy:     RestartOnFailure,
		Delay:      DefaultRestartDelay,
		MaxDelay:   DefaultRestartMaxDelay,
		ResetAfter: DefaultRestartResetAfter,
	}
}

// restart takes a policy or a mapping. Of the two delays, a default gives way
// to the one that is given.
func (d *decoder) restart(p place, n *node, v *Restart) {
	if n.kind != kindMapping {
		d.policy(p, n, &v.Policy)
		return
	}
	const unset = time.Duration(-1)
	v.Delay, v.MaxDelay = unset, unset
	decodeFields(d, p, n, "", restartFields, v)
	if v.Delay == unset {
		v.Delay = DefaultRestartDelay
		if v.MaxDelay != unset {
			v.Delay = min(v.Delay, v.MaxDelay)
		}
	}
	if v.MaxDelay == unset {
		v.MaxDelay = max(DefaultRestartMaxDelay, v.Delay)
	}
}

func (d *decoder) policy(p place, n *node, v *RestartPolicy) {
	switch {
	case n.kind == kindString:
		*v = RestartPolicy(n.text)
	case n.kind == kindBool && strings.EqualFold(n.text, "false"):
		d.wrongType(p, n, "no, on-failure or always", "write no")
	case n.kind == kindBool:
		d.wrongType(p, n, "no, on-failure or always", "write always")
	default:
		d.wrongType(p, n, "no, on-failure or always", "or a mapping with policy, delay, max_delay, reset_after")
	}
}

func (d *decoder) shutdown(p place, n *node, v *Shutdown) {
	hint := "write {signal: TERM, grace: 10s}"
	if n.kind == kindString || n.kind == kindList {
		hint += "; a command to run at shut-down is a hook"
	}
	decodeFields(d, p, n, hint, shutdownFields, v)
}

// signal takes a name with or without SIG and keeps it without.
func (d *decoder) signal(p place, n *node, v *string) {
	if n.kind == kindNumber {
		d.wrongType(p, n, "a signal's name", fmt.Sprintf("kill -l %s tells it", n.text))
		return
	}
	if text, ok := d.text(p, n); ok {
		*v = strings.TrimPrefix(text, "SIG")
	}
}
