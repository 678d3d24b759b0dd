package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// plain is the tree as encoding/json has values. A key given twice is there
// once.
func (n *node) plain() any {
	switch n.kind {
	case kindBool:
		return strings.EqualFold(n.text, "true")
	case kindNumber:
		if f, err := strconv.ParseFloat(n.text, 64); err == nil {
			return f
		}
		if i, err := strconv.ParseInt(n.text, 0, 64); err == nil { // 0x10, 0o17
			return float64(i)
		}
		return 0.5 // .nan and the like: numbers, whatever they are
	case kindString:
		return n.text
	case kindList:
		list := []any{}
		for _, item := range n.items {
			list = append(list, item.plain())
		}
		return list
	case kindMapping:
		m := map[string]any{}
		for _, p := range n.pairs {
			m[p.key] = p.value.plain()
		}
		return m
	}
	return nil
}

// schemaRefuses says what the schema has against a text, "" for nothing.
func schemaRefuses(t testing.TB, src []byte) string {
	t.Helper()
	schema, top := newSchema(t)
	return treeRefused(schema, top, string(src))
}

// TestSchemaRefuses: mistakes of structure are seen by editors, too.
func TestSchemaRefuses(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/errors/structure.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if strings.HasSuffix(f.Name, ".yaml") && schemaRefuses(t, f.Data) == "" {
			t.Errorf("%s: the schema takes it", f.Name)
		}
	}
}

// TestSchemaRefusesEach breaks one thing at a time, so that each rule of the
// schema is seen to work; Parse refuses the same.
func TestSchemaRefusesEach(t *testing.T) {
	const service = "services: {a: {command: x, %s}}"
	for _, src := range []string{
		"{}", "[]", "name: x", "nam: x\nservices: {a: {command: x}}",
		"name: X\nservices: {a: {command: x}}", "name: 5\nservices: {a: {command: x}}",
		"name: " + strings.Repeat("a", 65) + "\nservices: {a: {command: x}}",
		"services: {A: {command: x}}", "services: {link: {command: x}}", "services: {a: x}",
		"services: {a: {command: ''}}", "services: {a: {command: []}}", "services: {a: {command: [[]]}}", "services: {a: {command: 5}}",
		fmt.Sprintf(service, "comand: x"), fmt.Sprintf(service, "workdir: ''"), fmt.Sprintf(service, "workdir: ~/x"),
		fmt.Sprintf(service, "env: []"), fmt.Sprintf(service, "env: {A: []}"), fmt.Sprintf(service, "env: {A: null}"), fmt.Sprintf(service, "env: {'': x}"),
		fmt.Sprintf(service, "env: {SEANCE_QUITTING: 1}"), fmt.Sprintf(service, "category: 1"), fmt.Sprintf(service, "priority: '1'"),
		fmt.Sprintf(service, "priority: 1.5"), fmt.Sprintf(service, "priority: 1000001"), fmt.Sprintf(service, "terminal: yes"),
		fmt.Sprintf(service, "ready: {}"), fmt.Sprintf(service, "ready: {exit: false}"), fmt.Sprintf(service, "ready: {exit: true, log: x}"),
		fmt.Sprintf(service, "ready: {tcp: 80}"), fmt.Sprintf(service, "ready: {tcp: localhost}"), fmt.Sprintf(service, "ready: {http: localhost}"),
		fmt.Sprintf(service, "ready: {log: ''}"), fmt.Sprintf(service, "ready: {exit: true, timeout: 5}"), fmt.Sprintf(service, "ready: {exit: true, tiemout: 5s}"),
		fmt.Sprintf(service, "restart: never"), fmt.Sprintf(service, "restart: {policy: never}"), fmt.Sprintf(service, "restart: {delay: 5}"),
		fmt.Sprintf(service, "restart: {max_delay: 5 s}"), fmt.Sprintf(service, "restart: {reset_after: -5s}"), fmt.Sprintf(service, "restart: {limit: -5}"), fmt.Sprintf(service, "restart: {within: 5}"),
		fmt.Sprintf(service, "shutdown: TERM"), fmt.Sprintf(service, "shutdown: {signal: STOP}"), fmt.Sprintf(service, "shutdown: {grace: 1d}"), fmt.Sprintf(service, "shutdown: {command: ''}"),
		fmt.Sprintf(service, "user: ''"), fmt.Sprintf(service, "user: 'a:b'"), fmt.Sprintf(service, "group: [a]"), fmt.Sprintf(service, "group: 4294967295"),
		fmt.Sprintf(service, "needs: b"), fmt.Sprintf(service, "needs: [B]"), fmt.Sprintf(service, "replicas: 0"), fmt.Sprintf(service, "replicas: 1001"), fmt.Sprintf(service, "replicas: '2'"),
		fmt.Sprintf(service, "disabled: yes"), fmt.Sprintf(service, "detached: 1"), fmt.Sprintf(service, "stdin: ''"), fmt.Sprintf(service, "stdin: 0"),
		fmt.Sprintf(service, "umask: '22'"), fmt.Sprintf(service, "umask: '088'"), fmt.Sprintf(service, "umask: []"), fmt.Sprintf(service, "nice: 20"), fmt.Sprintf(service, "nice: '5'"),
		fmt.Sprintf(service, "limits: []"), fmt.Sprintf(service, "limits: {files: 5}"), fmt.Sprintf(service, "limits: {nofile: many}"), fmt.Sprintf(service, "limits: {nofile: -1}"),
		fmt.Sprintf(service, "limits: {nofile: {soft: 1}}"), fmt.Sprintf(service, "limits: {nofile: {soft: 1, hard: 2, max: 3}}"),
		fmt.Sprintf(service, "ready: {notify: false}"), fmt.Sprintf(service, "ready: {http: 'http://x', status: 99}"), fmt.Sprintf(service, "ready: {http: 'http://x', status: []}"),
		fmt.Sprintf(service, "probe: {}"), fmt.Sprintf(service, "probe: x"), fmt.Sprintf(service, "probe: {tcp: 'x:1', command: x}"), fmt.Sprintf(service, "probe: {log: x}"),
		fmt.Sprintf(service, "probe: {command: x, failures: 0}"), fmt.Sprintf(service, "probe: {command: x, interval: 5}"), fmt.Sprintf(service, "probe: {http: 'http://x', status: [600]}"),
		fmt.Sprintf(service, "ready: {tcp: 'x:0'}"), fmt.Sprintf(service, "ready: {tcp: 'x:100000'}"), fmt.Sprintf(service, "ready: {exit: true, timeout: 0s}"), fmt.Sprintf(service, "ready: {tcp: 'x:1', status: 200}"),
		fmt.Sprintf(service, "probe: {tcp: 'x:1', http: 'http://x', status: 200}"), fmt.Sprintf(service, "probe: {notify: true, status: 200}"), fmt.Sprintf(service, "probe: {command: x, interval: 0s}"), fmt.Sprintf(service, "probe: {command: x, timeout: 0m0.0s}"),
		fmt.Sprintf(service, "restart: {limit: 1, within: 0s}"), "hooks: {a: {startup: x, timeout: 0h}}",
		fmt.Sprintf(service, "log: x.log"), fmt.Sprintf(service, "log: {file: ''}"), fmt.Sprintf(service, "log: {size: 10kB}"), fmt.Sprintf(service, "log: {size: 0}"), fmt.Sprintf(service, "log: {count: 0}"), fmt.Sprintf(service, "log: {format: xml}"),
		fmt.Sprintf(service, "env: {SEANCE_REPLICA: 1}"), fmt.Sprintf(service, "env_file: ''"), fmt.Sprintf(service, "env_file: {}"),
		"include: ''\nservices: {a: {command: x}}", "env: []\nservices: {a: {command: x}}", "env_file: [5]\nservices: {a: {command: x}}", "on_failure: stop\nservices: {a: {command: x}}",
		"hooks: {a: {}}", "hooks: {a: {startup: ''}}", "hooks: {a: {startup: x, timeout: 5}}", "hooks: {a: {startup: x, ready: {exit: true}}}",
		"hooks: {logs: {startup: x}}", "hooks: {a: {startup: x, workdir: ''}}", "hooks: {a: {startup: x, env: 5}}", "hooks: {a: {startup: x, category: A}}", "hooks: {a: {startup: x, priority: x}}",
		"categories: {}\nservices: {a: {command: x}}", "categories: [{after: gui}]\nservices: {a: {command: x}}", "categories: [{name: user}]\nservices: {a: {command: x}}",
		"categories: [{name: a, before: gui}]\nservices: {a: {command: x}}", "categories: [{name: a, after: 5}]\nservices: {a: {command: x}}",
		"capture: data\nservices: {a: {command: x}}", "capture: ['']\nservices: {a: {command: x}}",
	} {
		if _, err := Parse("", []byte(src)); err == nil {
			t.Errorf("Parse takes %s", src)
		}
		if schemaRefuses(t, []byte(src)) == "" {
			t.Errorf("the schema takes %s", src)
		}
	}
}

// TestSchemaTakesALayer: what a file leaves out may be in another one.
func TestSchemaTakesALayer(t *testing.T) {
	if why := schemaRefuses(t, []byte("services: {a: {env: {MODE: test}}}")); why != "" {
		t.Errorf("the schema refuses a service that another file has the command of: %s", why)
	}
}

func TestSchemaTakesWhatParseTakes(t *testing.T) {
	const zeros = "services: {a: {command: x, restart: {delay: 0s, reset_after: 0s}, shutdown: {grace: 0s}, probe: {http: 'http://x', status: 200, timeout: 0.5s, interval: 10m}, ready: {tcp: 'x:080'}, log: {size: 010KiB}}}"
	for _, src := range []string{shop, everything, string(manyServices(3)), "x-y: [1]\nhooks: {a: {shutdown: x}}", expressions, zeros} {
		mustParse(t, "", src)
		if why := schemaRefuses(t, []byte(src)); why != "" {
			t.Errorf("the schema refuses %s: %s", src, why)
		}
	}
}

// TestSchemaKeys: the schema has the keys of the code's tables, no others.
func TestSchemaKeys(t *testing.T) {
	_, root := newSchema(t)
	defs := root["$defs"].(map[string]any)
	restart := defs["restart"].(map[string]any)["anyOf"].([]any)[1]
	for name, c := range map[string]struct {
		schema any
		keys   []string
	}{
		"manifest": {root, fieldKeys(manifestFields)},
		"category": {defs["category"], fieldKeys(categoryFields)},
		"service":  {defs["service"], fieldKeys(serviceFields)},
		"hook":     {defs["hook"], fieldKeys(hookFields)},
		"ready":    {defs["ready"], fieldKeys(readyFields)},
		"restart":  {restart, fieldKeys(restartFields)},
		"shutdown": {defs["shutdown"], fieldKeys(shutdownFields)},
		"probe":    {defs["probe"], fieldKeys(probeFields)},
		"log":      {defs["log"], fieldKeys(logFields)},
		"limit":    {defs["limit"].(map[string]any)["anyOf"].([]any)[1], fieldKeys(limitFields)},
	} {
		got := slices.Sorted(maps.Keys(c.schema.(map[string]any)["properties"].(map[string]any)))
		if want := slices.Sorted(slices.Values(c.keys)); !slices.Equal(got, want) {
			t.Errorf("%s: the schema has %v, the code %v", name, got, want)
		}
	}
}

// TestSchemaConstants: patterns, names and bounds are those of the code.
func TestSchemaConstants(t *testing.T) {
	_, root := newSchema(t)
	at := func(path ...string) any {
		var v any = root
		for _, key := range path {
			if i, err := strconv.Atoi(key); err == nil {
				v = v.([]any)[i]
				continue
			}
			v = v.(map[string]any)[key]
		}
		return v
	}
	words := func(v any) string { return fmt.Sprint(v) }
	for name, c := range map[string]struct{ got, want any }{
		"name":        {at("$defs", "plainName", "pattern"), namePattern},
		"name length": {at("$defs", "plainName", "maxLength"), float64(MaxNameLength)},
		"duration":    {at("$defs", "duration", "anyOf", "0", "pattern"), durationPattern},
		"signal":      {at("$defs", "signal", "pattern"), "^(SIG)?(" + strings.Join(signalNames(), "|") + ")$"},
		"minimum":     {at("$defs", "priority", "anyOf", "0", "minimum"), float64(-MaxPriority)},
		"maximum":     {at("$defs", "priority", "anyOf", "0", "maximum"), float64(MaxPriority)},
		"categories":  {words(at("$defs", "category", "properties", "name", "not", "enum")), words(defaultCategories())},
		"lists":       {at("properties", "categories", "maxItems"), float64(maxListed)},
		"folders":     {at("properties", "capture", "maxItems"), float64(maxListed)},
		"size":        {at("$defs", "size", "anyOf", "1", "pattern"), sizePattern},
		"umask":       {at("$defs", "service", "properties", "umask", "anyOf", "1", "pattern"), umaskPattern},
		"replicas":    {at("$defs", "service", "properties", "replicas", "anyOf", "0", "maximum"), float64(maxReplicas)},
		"limits":      {words(at("$defs", "service", "properties", "limits", "propertyNames", "enum")), words(limitNames())},
		"formats":     {words(at("$defs", "log", "properties", "format", "anyOf", "0", "enum")), words([]LogFormat{LogCRI, LogJSON, LogPlain})},
		"on_failure":  {words(at("properties", "on_failure", "anyOf", "0", "enum")), words([]OnFailure{GoOn, RollBack})},
		"policies":    {words(at("$defs", "restartPolicy", "anyOf", "0", "enum")), words([]RestartPolicy{RestartNo, RestartOnFailure, RestartAlways})},
	} {
		if c.got != c.want {
			t.Errorf("%s: the schema has %v, the code %v", name, c.got, c.want)
		}
	}
}

func asJSON(t *testing.T, n *node) string {
	t.Helper()
	text, err := json.Marshal(n.plain())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
