package manifest

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"
)

// shell runs the commands that are given as a string.
const shell = "/bin/sh"

// command takes a string for the shell, which gets it as it is, or an argument
// vector. It never returns nil: nil is a command that is not given.
func (d *decoder) command(p place, n *node) []string {
	switch n.kind {
	case kindString:
		return []string{shell, "-c", n.text}
	case kindList:
		return d.arguments(p, n)
	default:
		d.wrongType(p, n, "a string or a list", "")
		return []string{}
	}
}

func (d *decoder) arguments(p place, n *node) []string {
	argv := make([]string, 0, len(n.items))
	for i, item := range n.items {
		if !item.isScalar() || item.kind == kindNull {
			d.fail(p, item.at, `an argument is a string; the empty one is written ""`, "argument %d in %s must be a string, not %s", i, p, item.describe())
			continue
		}
		if text, ok := d.scalar(p.item(i), item); ok {
			argv = append(argv, text)
		}
	}
	return argv
}

// environment takes numbers and booleans as they are written: PORT: 8080.
func (d *decoder) environment(p place, n *node) map[string]string {
	entries := d.entries(p, n, "write NAME: value")
	env := make(map[string]string, len(entries))
	for _, e := range entries {
		c := p.key(e.key)
		d.mark(c, e)
		if !e.value.isScalar() || e.value.kind == kindNull {
			hint := ""
			if e.value.kind == kindNull {
				hint = `the empty value is written ""`
			}
			d.fail(c, e.at, hint, "%s must be a string, not %s", c, e.value.describe())
			continue
		}
		if text, ok := d.scalar(c, e.value); ok {
			env[e.key] = text
		}
	}
	return env
}

// commonEnv gives services and hooks the manifest's own variables; theirs win.
func (d *decoder) commonEnv(m *Manifest) {
	if len(d.env) == 0 {
		return
	}
	for i := range m.Services {
		m.Services[i].Env = merged(d.env, m.Services[i].Env)
	}
	for i := range m.Hooks {
		m.Hooks[i].Env = merged(d.env, m.Hooks[i].Env)
	}
}

func merged(base, own map[string]string) map[string]string {
	env := make(map[string]string, len(base)+len(own))
	maps.Copy(env, base)
	maps.Copy(env, own)
	return env
}

// scalar takes any scalar as it is written, but for the expressions of a
// string.
func (d *decoder) scalar(p place, n *node) (string, bool) {
	if n.kind == kindString {
		return d.expand(p, n)
	}
	return n.text, true
}

// durationPattern is what durations look like: a part of what
// time.ParseDuration takes, without signs.
const durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`

var durationRE = regexp.MustCompile(durationPattern)

func (d *decoder) duration(p place, n *node, v *time.Duration) {
	if n.kind == kindNumber {
		d.wrongType(p, n, "a duration with a unit", durationHint(n.text))
		return
	}
	text, ok := d.text(p, n)
	if !ok {
		return
	}
	if !durationRE.MatchString(text) {
		d.fail(p, n.at, durationHint(text), "%s is not a duration: %q", p, text)
		return
	}
	t, err := time.ParseDuration(text)
	if err != nil {
		d.fail(p, n.at, "the longest is about 290 years", "%s is too long: %q", p, text)
		return
	}
	*v = t
}

var (
	bareNumberRE = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	longUnitRE   = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?(sec|secs|second|seconds|min|mins|minute|minutes|hour|hours)$`)
)

func durationHint(text string) string {
	if bareNumberRE.MatchString(text) {
		return fmt.Sprintf("write %ss for seconds or %sms for milliseconds", text, text)
	}
	if m := longUnitRE.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("write %s%s", m[1], m[2][:1])
	}
	if strings.HasSuffix(text, "d") {
		return "a day is 24h"
	}
	return "write a number and ms, s, m or h, such as 10s or 1m30s"
}
