package manifest

import (
	"strings"
	"testing"
)

// expressions has some wherever the schema has more to say than "a string".
const expressions = `
name: ${X-shop}
categories: [{name: "${X-c}", after: "${X-gui}"}]
services:
  a:
    command: x
    category: ${X-c}
    priority: ${X-5}
    user: ${X-www-data}
    replicas: ${X-2}
    disabled: ${X-true}
    terminal: ${X-false}
    umask: ${X-022}
    nice: ${X-5}
    limits: {nofile: "${X-5}", core: {soft: "${X-5}", hard: "${X-unlimited}"}}
    ready: {tcp: "${X-localhost:80}", timeout: "${X-5s}"}
    probe: {http: "${X-http://localhost}", status: ["${X-200}"], failures: "${X-5}"}
    restart: ${X-no}
    shutdown: {signal: "${X-INT}", grace: "${X-5s}"}
    log: {size: "${X-5}", format: "${X-json}", file: "log.${SEANCE_REPLICA}"}
  b: {command: x, category: gui, ready: {exit: "${X-true}"}, restart: {policy: "${X-no}", limit: "${X-5}"}}
on_failure: ${X-go-on}
`

func TestExpressionsEverywhere(t *testing.T) {
	m := mustParse(t, "/srv/x/seance.yaml", expressions)
	a := m.Services[1]
	if m.Name != "shop" || a.Category != "c" || a.Priority != 5 || a.User != "www-data" || a.Name != "a-2" || !a.Disabled ||
		*a.Umask != 0o22 || *a.Nice != 5 || a.Limits["core"] != (Limit{5, Unlimited}) || a.Ready.TCP != "localhost:80" ||
		a.Probe.Status[0] != 200 || a.Restart.Policy != RestartNo || a.Shutdown.Signal != "INT" || a.Log.File != "/srv/x/log.2" || a.Log.Size != 5 {
		t.Errorf("got %+v", a)
	}
}

func TestExpand(t *testing.T) {
	vars := map[string]string{"A": "a", "EMPTY": "", "DOLLAR": "${A}$", "_x1": "y"}
	lookup := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	for text, want := range map[string]string{
		"":                        "",
		"plain":                   "plain",
		"${A}":                    "a",
		"x${A}${_x1}z":            "xayz",
		"${EMPTY}":                "",
		"${EMPTY-d}":              "",
		"${EMPTY:-d}":             "d",
		"${NONE:-d}":              "d",
		"${NONE-d}":               "d",
		"${NONE-}":                "",
		"${NONE:-${A}b}":          "ab",
		"${NONE:-${NONE2-${A}}}c": "ac",
		"${NONE-a:-b}":            "a:-b",
		"${NONE:-$${A}}":          "${A}",
		"${NONE:-$$}":             "$",
		"${A:?must}":              "a",
		"${EMPTY?must}":           "",
		"${DOLLAR}":               "${A}$", // a value is not looked into
		"$$":                      "$",
		"$${A}":                   "${A}",
		"$$$$":                    "$$",
		"$A $HOME ^x$ $(id) $1":   "$A $HOME ^x$ $(id) $1",
		"é${A}é":                  "éaé",
		"${NONE:-a}b}":            "ab}",
	} {
		x := &expander{lookup: lookup}
		got, wrong := x.expand(text)
		if wrong != nil || got != want {
			t.Errorf("%q: got %q, %+v, want %q", text, got, wrong, want)
		}
	}
	for text, want := range map[string]string{
		"${NONE}":           "needs the variable NONE, which is not set",
		"${EMPTY:?}":        "needs the variable EMPTY, which is not set, or empty",
		"${NONE:?say why}":  "needs the variable NONE: say why",
		"${EMPTY:?say why}": "needs the variable EMPTY: say why",
		"${NONE?say}":       "needs the variable NONE: say",
		"${}":               `has an expression that is none: "${}"`,
		"${1}":              `has an expression that is none: "${1}"`,
		"${A+b}":            `has an expression that is none: "${A+b}"`,
		"${A b}":            `has an expression that is none: "${A b}"`,
		"x ${A":             `has a "${" without its "}"`,
		"${NONE:-${A}":      `has a "${" without its "}"`,
		strings.Repeat("${N-", 50) + strings.Repeat("}", 50): "has variables that nest deeper than 32",
		strings.Repeat("${BIG}", 5000):                       "becomes longer than 1048576 bytes",
	} {
		vars["BIG"] = strings.Repeat("x", 1000)
		x := &expander{lookup: lookup}
		if got, wrong := x.expand(text); wrong == nil || wrong.msg != want {
			t.Errorf("%q: got %q, %+v, want %q", text, got, wrong, want)
		}
	}
}

// TestCommandsOfTheShellStay: the shell has the same syntax, and more
// variables.
func TestCommandsOfTheShellStay(t *testing.T) {
	const text = `a $HOME ${X:-$Y} $$ $(id) \$ ${`
	m := mustParse(t, "", `
services:
  a:
    command: '`+text+`'
    ready: {command: '`+text+`'}
    shutdown: {command: '`+text+`'}
    probe: {command: '`+text+`'}
hooks: {b: {startup: '`+text+`', shutdown: '`+text+`'}}`)
	s, h := m.Services[0], m.Hooks[0]
	for i, argv := range [][]string{s.Command, s.Ready.Command, s.Shutdown.Command, s.Probe.Command, h.Startup, h.Shutdown} {
		if argv[2] != text {
			t.Errorf("%d: got %q, want %q", i, argv[2], text)
		}
	}
}

// FuzzExpand: what is escaped expands to itself, and an expansion that keeps a
// variable can be expanded later to the same.
func FuzzExpand(f *testing.F) {
	for _, text := range []string{"${A}", "$$${A:-${B}}", "${B:-x$}$", "${A", "${R}${A}", "${B-${R}}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lookup := func(name string) (string, bool) { return "v$" + name + "${", name == "A" }
		now := &expander{lookup: func(name string) (string, bool) {
			if name == "R" {
				return "7", true
			}
			return lookup(name)
		}}
		want, wrong := now.expand(text)
		if wrong != nil && !strings.Contains(text, wrong.at) {
			t.Fatalf("%q is not in %q", wrong.at, text)
		}
		again := &expander{lookup: lookup}
		if got, wrong := again.expand(escapeDollars(text)); wrong != nil || got != text {
			t.Fatalf("escaped: got %q, %+v, want %q", got, wrong, text)
		}
		if wrong != nil {
			return
		}
		keep := &expander{lookup: lookup, keep: "R", escape: true}
		kept, wrong := keep.expand(text)
		if wrong != nil {
			t.Fatalf("%q: %+v", text, wrong)
		}
		if got, wrong := now.expand(kept); wrong != nil || got != want {
			t.Fatalf("%q kept as %q: got %q, %+v, want %q", text, kept, got, wrong, want)
		}
	})
}
