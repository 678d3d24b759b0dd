package manifest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const docsFile = "../docs/manifest.md"

func readDocs(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// docRow is a row of a table of keys: | `key` | value | default |.
type docRow struct{ key, fallback string }

// docTables returns the rows of the table below each heading.
func docTables(text string) map[string][]docRow {
	row := regexp.MustCompile("^\\| `([a-z_]+)` \\|.*\\|([^|]*)\\|$")
	tables := map[string][]docRow{}
	heading := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			heading = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
		if m := row.FindStringSubmatch(line); m != nil {
			tables[heading] = append(tables[heading], docRow{m[1], strings.Trim(strings.TrimSpace(m[2]), "`")})
		}
	}
	return tables
}

// TestDocumentedKeys: the page has the keys of the code's tables, in their
// order, and no others.
func TestDocumentedKeys(t *testing.T) {
	tables := docTables(readDocs(t))
	want := map[string][]string{
		"The manifest": fieldKeys(manifestFields),
		"Categories":   fieldKeys(categoryFields),
		"Services":     fieldKeys(serviceFields),
		"Ready":        fieldKeys(readyFields),
		"Restart":      fieldKeys(restartFields),
		"Probe":        fieldKeys(probeFields),
		"Shutdown":     fieldKeys(shutdownFields),
		"Log":          fieldKeys(logFields),
		"Hooks":        fieldKeys(hookFields),
	}
	for heading, keys := range want {
		var got []string
		for _, r := range tables[heading] {
			got = append(got, r.key)
		}
		if !slices.Equal(got, keys) {
			t.Errorf("%s: documented are %v, the code has %v", heading, got, keys)
		}
	}
	for heading := range tables {
		if want[heading] == nil {
			t.Errorf("%s: a table of keys that the code does not have", heading)
		}
	}
}

// TestDocumentedDefaults writes each documented default into a manifest: the
// values stay the same.
func TestDocumentedDefaults(t *testing.T) {
	tables := docTables(readDocs(t))
	value := func(heading, key string) string {
		for _, r := range tables[heading] {
			if r.key == key {
				return key + ": " + r.fallback
			}
		}
		t.Fatalf("%s: no key %s", heading, key)
		return ""
	}
	const plain = `
services:
  web: {command: x, ready: {log: x}, probe: {command: x}}
hooks:
  warm: {startup: x}`
	explicit := `
services:
  web:
    command: x
    ` + value("Services", "workdir") + `
    ` + value("Services", "category") + `
    ` + value("Services", "priority") + `
    ` + value("Services", "terminal") + `
    ` + value("Services", "disabled") + `
    ` + value("Services", "detached") + `
    ` + value("Services", "stdin") + `
    probe: {command: x, ` + value("Probe", "interval") + `, ` + value("Probe", "timeout") + `, ` + value("Probe", "failures") + `}
    log: {` + value("Log", "size") + `, ` + value("Log", "count") + `, ` + value("Log", "format") + `}
    ready: {log: x, ` + value("Ready", "timeout") + `}
    restart: {` + value("Restart", "policy") + `, ` + value("Restart", "delay") + `, ` + value("Restart", "max_delay") + `, ` + value("Restart", "reset_after") + `, ` + value("Restart", "limit") + `, ` + value("Restart", "within") + `}
    shutdown: {` + value("Shutdown", "signal") + `, ` + value("Shutdown", "grace") + `}
hooks:
  warm:
    startup: x
    ` + value("Hooks", "workdir") + `
    ` + value("Hooks", "category") + `
    ` + value("Hooks", "priority") + `
    ` + value("Hooks", "timeout") + `
` + value("The manifest", "on_failure")
	a, b := mustParse(t, "/srv/x/seance.yaml", plain), mustParse(t, "/srv/x/seance.yaml", explicit)
	equalValues(t, b, a)
	if got := value("Services", "restart"); got != "restart: "+string(a.Services[0].Restart.Policy) {
		t.Errorf("documented is %s", got)
	}
}

// docBlocks returns the fenced blocks of a language.
func docBlocks(text, language string) []string {
	var blocks []string
	fence := regexp.MustCompile("(?s)( *)```" + language + "\n(.*?)```")
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, strings.ReplaceAll("\n"+m[2], "\n"+m[1], "\n")[1:])
	}
	return blocks
}

// TestDocumentedExamples: the page's manifests are good, in the schema's eyes
// too, and its mistakes are reported as it says.
func TestDocumentedExamples(t *testing.T) {
	text := readDocs(t)
	good := docBlocks(text, "yaml")
	if len(good) < 2 {
		t.Fatalf("%d examples", len(good))
	}
	for _, src := range good {
		mustParse(t, "/srv/shop/seance.yaml", src)
		if why := schemaRefuses(t, []byte(src)); why != "" {
			t.Errorf("the schema refuses %s: %s", src, why)
		}
	}
	bad, want := docBlocks(text, "yaml-with-mistakes"), docBlocks(text, "text")
	if len(bad) != 1 || len(want) != 1 {
		t.Fatal("no example of mistakes")
	}
	if got := refusal(t, []byte(bad[0])); got != want[0] {
		t.Errorf("got\n%s\ndocumented is\n%s", got, want[0])
	}
}
