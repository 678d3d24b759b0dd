package manifest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"
)

// valuePlaces are where a value can stand in a manifest: each is a text with %s in
// its place.
func valuePlaces() map[string]string {
	places := map[string]string{}
	in := func(format string) func(key string) string {
		return func(key string) string { return fmt.Sprintf(format, key+": %s") }
	}
	add := func(name string, keys []string, text func(key string) string) {
		for _, key := range keys {
			places[name+"."+key] = text(key)
		}
	}
	add("manifest", []string{"name", "env", "categories", "hooks", "capture", "on_failure"}, in("%s\nservices: {a: {command: x}}"))
	add("category", fieldKeys(categoryFields), func(key string) string {
		if key == "name" {
			return "categories: [{name: %s}]\nservices: {a: {command: x}}"
		}
		return "categories: [{name: own, " + key + ": %s}]\nservices: {a: {command: x}}"
	})
	add("service", parsed(fieldKeys(serviceFields)), func(key string) string {
		if key == "command" {
			return "services: {a: {command: %s}}"
		}
		return "services: {a: {command: x, " + key + ": %s}}"
	})
	add("hook", parsed(fieldKeys(hookFields)), func(key string) string {
		if key == "startup" {
			return "hooks: {a: {startup: %s}}"
		}
		return "hooks: {a: {startup: x, " + key + ": %s}}"
	})
	add("ready", []string{"tcp", "http", "command", "log", "notify", "exit"}, in("services: {a: {command: x, ready: {%s}}}"))
	add("ready", []string{"status", "timeout"}, in("services: {a: {command: x, ready: {http: 'http://x', %s}}}"))
	add("probe", []string{"tcp", "http", "command", "notify"}, in("services: {a: {command: x, probe: {%s}}}"))
	add("probe", []string{"status", "timeout", "interval", "failures"}, in("services: {a: {command: x, probe: {http: 'http://x', %s}}}"))
	add("restart", fieldKeys(restartFields), in("services: {a: {command: x, restart: {%s}}}"))
	add("shutdown", fieldKeys(shutdownFields), in("services: {a: {command: x, shutdown: {%s}}}"))
	add("log", fieldKeys(logFields), in("services: {a: {command: x, log: {%s}}}"))
	places["limits.key"] = "services: {a: {command: x, limits: {%s: 1}}}"
	places["limits.value"] = "services: {a: {command: x, limits: {nofile: %s}}}"
	places["limit.soft"] = "services: {a: {command: x, limits: {nofile: {soft: %s, hard: unlimited}}}}"
	places["limit.hard"] = "services: {a: {command: x, limits: {nofile: {soft: 0, hard: %s}}}}"
	places["env.value"] = "services: {a: {command: x, env: {A: %s}}}"
	places["env.key"] = "services: {a: {command: x, env: {%s: x}}}"
	places["service.key"] = "services: {%s: {command: x}}"
	places["hook.key"] = "hooks: {%s: {startup: x}}"
	places["argument"] = "services: {a: {command: [x, %s]}}"
	places["program"] = "services: {a: {command: [%s]}}"
	return places
}

// parsed leaves out what Parse does not take, which reads no files.
func parsed(keys []string) []string {
	return slices.DeleteFunc(keys, func(key string) bool { return key == "env_file" })
}

// values are those that people write, right and wrong, somewhere in a manifest.
var values = []string{
	"null", "true", "false", "yes", "no", "[]", "{}", "''", "' '", "x", "X", "é", "a b", "~", "~/x", "~x", "/", "/x", "x/y", "./x", "'.'", "'..'", "'-'", "'_'", "a.b-c_d", "-x", ".x",
	"0", "1", "2", "-1", "1.5", "0.0", "1e3", "0x10", "010", "0o17", "017", "'017'", "'0o17'", "'0o'", "'0o8'", "00", "0777", "'0777'", "01000", "'1000'", "022", "22", "'22'", "'0'", "'1'", "'5'", "19", "20", "-20", "-21", "99", "100", "599", "600", "1000", "1001", "65535", "65536", "1000000", "1000001", "-1000000", "-1000001",
	"4294967294", "4294967295", "4294967296", "18446744073709551615", "18446744073709551616", "9223372036854775807", "9223372036854775808", "'4294967295'", "'99999999999'", "'4294967294'", ".nan", ".inf", "1_000", "+1", "'+1'", "'-5'", "'1.5'",
	"root", "'a:b'", "'a/b'", "'a,b'", "'a b'", `"a\tb"`, `"a\nb"`, `"a\0b"`, `"\0"`, "'-a'", "'1a'", "'007'",
	"0s", "1s", "1ms", "1.5h", "1h30m", "1d", "'5'", "'1 s'", "-1s", "+1s", "0.0s", "'.5s'", "1us", "1µs", "1μs", "9999999999h", "0h0m", "1s0",
	"TERM", "SIGTERM", "term", "STOP", "SIGSTOP", "KILL", "SIGKILL", "SIGSIGTERM", "IO", "CONT", "15", "RTMIN",
	"always", "on-failure", "never", "go-on", "roll-back", "stop", "cri", "json", "plain", "xml", "unlimited", "open", "system", "network", "gui", "tools", "user", "link", "logs", "own",
	"'x:1'", "'x:0'", "'x:00'", "'x:65535'", "'x:65536'", "'x:99999'", "'x:100000'", "'x:080'", "'x:000080'", "'x:0065536'", "'x:65535x'", "'x:-1'", "'x:+80'", "'x:http'", "'x:'", "':80'", "'x'", "'127.0.0.1:80'", "'[::1]:80'", "'::1:80'", "'[::1]'", "'[x]:80'", "'[::1%eth0]:80'", "'[::g]:80'", "'a b:80'", "'-x:80'", "'x-:80'", "'x_:80'", "'x.:80'", "'_x:80'", "'é:80'", "'x:80:90'", "'http://x:80'", "'1.2.3:80'", "'999.1.1.1:80'", "'x:80 '", "' x:80'",
	"'http://x'", "'http://'", "'https://x'", "'HTTP://x'", "'hTTps://x'", "'ftp://x'", "'http:x'", "'http:/x'", "'http://x:80'", "'http://x:'", "'http://x:/'", "'http://x:0'", "'http://x:00'", "'http://x:65535'", "'http://x:65536/y'", "'http://x:99999'", "'http://x:123456'", "'http://x:080'", "'http://x:000080/y'", "'http://x:a'", "'http://x/y?z#w'", "'http://[::1]:80/x'", "'http://[::1]'", "'http://[::1'", "'http://[x]'", "'http://a b'", "'http://x/a b'", "'http://u:p@x'", "'http://u@x:80/'", "'http://u:p@'", "'http://-x'", "'http://x-'", "'http://é'", "'http://x_'", "'http://x.'", "'http://.x'", "'http://x?y'", "'http://x#y'", "'http://?y'", "'http:///y'", "'http://x:80?y=:99999'", "'http://x/%zz'", "'http://x/%20'", "'http://x%20'", "' http://x'", "'http://x '", "'http://x:80:90'", "'http://x@y:99999'", "'http://x/:99999'", "'http://1.2.3.4:5'", "'http://a,b'", "'http://a!b'",
	"10", "10KiB", "'10 KiB'", "'10  KiB'", "10kB", "10K", "10MB", "10GiB", "10TiB", "'0KiB'", "'0'", "'00'", "'000 M'", "99999999999GiB", "8589934591GiB", "8589934592GiB", "'9223372036854775808'", "'010KiB'", "10Ki", "10iB", "10B",
	"[x]", "[x, y]", "[1]", "['']", "[' ']", "[null]", "[true]", "[[x]]", "[{}]", "[200]", "[200, 404]", "[99]", "['200']", "[/]", "[/x, /x]", "[own]", "[a]", "[A]", "[x, x]", `["a\0b"]`, "[~/x]", "[//]", "[/.]", "[/../]",
	"{A: b}", "{A: 1}", "{A: null}", "{A: []}", "{'': x}", "{'A=B': x}", "{SEANCE_REPLICA: x}", "{SEANCE_SOCKET: x}", `{"A\0": x}`, `{A: "x\0"}`, "{exit: true}", "{http: 'http://x'}", "{policy: always}", "{soft: 1, hard: 2}", "{soft: 2, hard: 1}", "{file: x}", "{size: 1}", "{nofile: 1}", "{x: 1}", "{b: {startup: x}}", "{b: {}}", "{a: {startup: x}}", "{B: {startup: x}}", "[{name: own}]", "[{name: own}, {name: own}]", "[{name: own, after: own}]", "[{}]", "[{name: own, after: nowhere}]", "{command: x}", "{tcp: 'x:1'}", "{notify: true}", "{delay: 10s}", "{delay: 40s}", "{delay: 10s, max_delay: 1s}", "{limit: 0, within: 0s}", "{limit: 5, within: 0s}", "{within: 0s}",
	"'${X:-y}'", "'${X:-5}'", "'$x'", "'$${'", "'a$'", "'(x'", "'a**'", "'(?=x)'", "'x|y'",
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
}

// unsayable is what JSON Schema cannot say of a value, by what Parse says of it.
var unsayable = []string{
	// It is about another value, or about what it becomes.
	`is not a category`, `names no service`, `cannot need itself`, `cannot follow itself`, `is there already`, `has the name of service`,
	`is shorter than the delay`, `has a soft limit above the hard one`, `is too long`, `is too large`, `is not a regular expression`,
	// To JSON it is the same as one that is right: 010 is 10, and 1 may be 01.
	`must be a whole number, not (\+1|0\.0|00|0[0-7]+|0o17|0x10|1_000|1e3|9223372036854775808|18446744073709551616)$`, `is not a size: "(\+1|1_000|1e3|0x10|0o17)"`,
	`is not an octal number: "(\+1|0\.0|1e3|0x10|[1-9][0-9]*)"`, `"stdin" of service "a" has no value`,
}

// TestSchemaAgreesOnValues: wherever a value stands, the schema refuses it if Parse
// does, but for what no schema can say, and takes it if Parse does.
func TestSchemaAgreesOnValues(t *testing.T) {
	schema, top := newSchema(t)
	unused := map[string]*regexp.Regexp{}
	for _, pattern := range unsayable {
		unused[pattern] = regexp.MustCompile(pattern)
	}
	excuses := slices.Collect(maps.Values(unused))
	expression := regexp.MustCompile(`\$\{X`) // what it becomes nobody knows
	refused := 0
	for place, text := range valuePlaces() {
		for _, value := range values {
			src := fmt.Sprintf(text, value)
			_, err := Parse("/srv/seance.yaml", []byte(src))
			why := treeRefused(schema, top, src)
			switch {
			case err != nil && why != "":
				refused++
			case err == nil && why != "":
				t.Errorf("%s: the schema refuses %s, and Parse takes it: %s", place, value, why)
			case err == nil, expression.MatchString(value):
			default:
				msg := err.(Errors)[0].Msg
				if i := slices.IndexFunc(excuses, func(e *regexp.Regexp) bool { return e.MatchString(msg) }); i >= 0 {
					delete(unused, excuses[i].String())
					continue
				}
				t.Errorf("%s: the schema takes %s: %s", place, value, msg)
			}
		}
	}
	if refused < 10_000 {
		t.Errorf("both refuse %d values", refused)
	}
	for pattern := range unused {
		t.Errorf("nothing is excused by %q", pattern)
	}
}

// treeRefused is schemaRefuses with a schema that was read.
func treeRefused(schema jsonSchema, top map[string]any, src string) string {
	s, e := newSource("", []byte(src))
	if e != nil {
		return e.Msg
	}
	root, e := parseTree(s)
	if e != nil {
		return e.Msg
	}
	return schema.refuses(top, root.plain())
}
