package manifest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The tables are never written.
var serviceFields = []field[Service]{
	{"command", func(d *decoder, p place, n *node, s *Service) { s.Command = d.command(p, n) }},
	{"workdir", func(d *decoder, p place, n *node, s *Service) { d.file(p, n, &s.Workdir) }},
	{"user", func(d *decoder, p place, n *node, s *Service) { d.account(p, n, &s.User) }},
	{"group", func(d *decoder, p place, n *node, s *Service) { d.account(p, n, &s.Group) }},
	{"env", func(d *decoder, p place, n *node, s *Service) { s.Env = d.environment(p, n) }},
	{"env_file", func(d *decoder, p place, n *node, _ *Service) { d.needsRead(p, n) }},
	{"category", func(d *decoder, p place, n *node, s *Service) { d.name(p, n, &s.Category) }},
	{"priority", func(d *decoder, p place, n *node, s *Service) { d.integer(p, n, &s.Priority) }},
	{"needs", func(d *decoder, p place, n *node, s *Service) { s.Needs = d.needs(p, n) }},
	{"replicas", func(d *decoder, p place, n *node, _ *Service) { d.replicas(p, n) }},
	{"disabled", func(d *decoder, p place, n *node, s *Service) { d.boolean(p, n, &s.Disabled) }},
	{"detached", func(d *decoder, p place, n *node, s *Service) { d.boolean(p, n, &s.Detached) }},
	{"terminal", func(d *decoder, p place, n *node, s *Service) { d.boolean(p, n, &s.Terminal) }},
	{"stdin", func(d *decoder, p place, n *node, s *Service) { d.stdin(p, n, &s.Stdin) }},
	{"umask", func(d *decoder, p place, n *node, s *Service) { s.Umask = d.umask(p, n) }},
	{"nice", func(d *decoder, p place, n *node, s *Service) { s.Nice = d.nice(p, n) }},
	{"limits", func(d *decoder, p place, n *node, s *Service) { s.Limits = d.limits(p, n) }},
	{"ready", func(d *decoder, p place, n *node, s *Service) { s.Ready = d.ready(p, n) }},
	{"probe", func(d *decoder, p place, n *node, s *Service) { s.Probe = d.probe(p, n) }},
	{"restart", func(d *decoder, p place, n *node, s *Service) { d.restart(p, n, &s.Restart) }},
	{"shutdown", func(d *decoder, p place, n *node, s *Service) { d.shutdown(p, n, &s.Shutdown) }},
	{"log", func(d *decoder, p place, n *node, s *Service) { d.log(p, n, &s.Log) }},
}

var hookFields = []field[Hook]{
	{"startup", func(d *decoder, p place, n *node, h *Hook) { h.Startup = d.command(p, n) }},
	{"shutdown", func(d *decoder, p place, n *node, h *Hook) { h.Shutdown = d.command(p, n) }},
	{"workdir", func(d *decoder, p place, n *node, h *Hook) { d.file(p, n, &h.Workdir) }},
	{"env", func(d *decoder, p place, n *node, h *Hook) { h.Env = d.environment(p, n) }},
	{"env_file", func(d *decoder, p place, n *node, _ *Hook) { d.needsRead(p, n) }},
	{"category", func(d *decoder, p place, n *node, h *Hook) { d.name(p, n, &h.Category) }},
	{"priority", func(d *decoder, p place, n *node, h *Hook) { d.integer(p, n, &h.Priority) }},
	{"timeout", func(d *decoder, p place, n *node, h *Hook) { d.duration(p, n, &h.Timeout) }},
}

var restartFields = []field[Restart]{
	{"policy", func(d *decoder, p place, n *node, r *Restart) { d.policy(p, n, &r.Policy) }},
	{"delay", func(d *decoder, p place, n *node, r *Restart) { d.duration(p, n, &r.Delay) }},
	{"max_delay", func(d *decoder, p place, n *node, r *Restart) { d.duration(p, n, &r.MaxDelay) }},
	{"reset_after", func(d *decoder, p place, n *node, r *Restart) { d.duration(p, n, &r.ResetAfter) }},
	{"limit", func(d *decoder, p place, n *node, r *Restart) { d.integer(p, n, &r.Limit) }},
	{"within", func(d *decoder, p place, n *node, r *Restart) { d.duration(p, n, &r.Within) }},
}

var shutdownFields = []field[Shutdown]{
	{"command", func(d *decoder, p place, n *node, s *Shutdown) { s.Command = d.command(p, n) }},
	{"signal", func(d *decoder, p place, n *node, s *Shutdown) { d.signal(p, n, &s.Signal) }},
	{"grace", func(d *decoder, p place, n *node, s *Shutdown) { d.duration(p, n, &s.Grace) }},
}

// serviceOrReplicas is one service of the file, or as many as it has replicas.
// Each is decoded by itself: they differ in ${SEANCE_REPLICA}.
func (d *decoder) serviceOrReplicas(p place, name string, n *node) []Service {
	count := d.replicaCount(n)
	if count == 0 {
		return []Service{d.service(p, name, n)}
	}
	list := make([]Service, 0, count)
	before := d.found
	for i := 1; i <= count && d.found == before; i++ {
		d.replica = i
		s := d.service(p, fmt.Sprintf("%s-%d", name, i), n)
		s.Of, s.Replica = name, i
		list = append(list, s)
	}
	d.replica = 0
	return list
}

func (d *decoder) service(p place, name string, n *node) Service {
	s := Service{
		Name:     name,
		Workdir:  n.at.src.resolve("."),
		Category: DefaultCategory,
		Priority: DefaultPriority,
		Stdin:    StdinNull,
		Restart:  defaultRestart(),
		Shutdown: Shutdown{Signal: "TERM", Grace: DefaultGrace},
		Log:      defaultLog(),
	}
	decodeFields(d, p, n, "", serviceFields, &s)
	if s.Ready != nil && s.Ready.Exit && !givesPolicy(n.get("restart")) {
		s.Restart.Policy = RestartNo // what a one-shot did by half is not done again unasked
	}
	return s
}

func givesPolicy(restart *node) bool {
	return restart != nil && (restart.kind != kindMapping || restart.has("policy"))
}

func (d *decoder) hook(p place, name string, n *node) Hook {
	h := Hook{
		Name:     name,
		Workdir:  n.at.src.resolve("."),
		Category: DefaultCategory,
		Priority: DefaultPriority,
		Timeout:  DefaultHookTimeout,
	}
	decodeFields(d, p, n, "", hookFields, &h)
	return h
}

// replicaCount is how many replicas a service has, 0 when it has no such key or
// none that is right: that is reported when the key's turn comes.
func (d *decoder) replicaCount(n *node) int {
	value := n.get("replicas")
	if value == nil || !value.isScalar() {
		return 0
	}
	text := value.text
	if value.kind == kindString && !value.literal {
		x := &expander{lookup: d.variable}
		text, _ = x.expand(text)
	}
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 || count > maxReplicas {
		return 0
	}
	return count
}

func (d *decoder) replicas(p place, n *node) {
	before, count := d.found, 0
	d.integer(p, n, &count)
	switch {
	case d.found > before:
	case count == 0:
		d.fail(p, d.position(p, n), "write disabled: true to have none run", "%s must be from 1 to %d, not 0", p, maxReplicas)
	case count < 1 || count > maxReplicas:
		d.fail(p, d.position(p, n), "", "%s must be from 1 to %d, not %d", p, maxReplicas, count)
	}
}

func (d *decoder) needs(p place, n *node) []string {
	if n.kind != kindList {
		hint := ""
		if n.kind == kindString {
			hint = fmt.Sprintf("write [%s]", n.text)
		}
		d.wrongType(p, n, "a list of services", hint)
		return nil
	}
	list := make([]string, 0, len(n.items))
	for i, item := range n.items {
		var name string
		c := p.item(i)
		d.at[c.path] = item.at
		if d.name(c, item, &name); name != "" {
			list = append(list, name)
			d.at[needPlace(p, name).path] = item.at
		}
	}
	return list
}

func defaultRestart() Restart {
	return Restart{
		Policy:     RestartOnFailure,
		Delay:      DefaultRestartDelay,
		MaxDelay:   DefaultRestartMaxDelay,
		ResetAfter: DefaultRestartResetAfter,
		Within:     DefaultRestartWithin,
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
		if text, ok := d.expand(p, n); ok {
			*v = RestartPolicy(text)
		}
	case n.kind == kindBool && strings.EqualFold(n.text, "false"):
		d.wrongType(p, n, "no, on-failure or always", "write no")
	case n.kind == kindBool:
		d.wrongType(p, n, "no, on-failure or always", "write always")
	default:
		d.wrongType(p, n, "no, on-failure or always", "or a mapping with policy, delay, max_delay and more")
	}
}

func (d *decoder) shutdown(p place, n *node, v *Shutdown) {
	hint := "write {signal: TERM, grace: 10s}"
	if n.kind == kindString || n.kind == kindList {
		hint = "write {signal: TERM, grace: 10s}, or {command: …}"
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

func (d *decoder) onFailure(p place, n *node, v *OnFailure) {
	if text, ok := d.text(p, n); ok {
		*v = OnFailure(text)
	}
}
