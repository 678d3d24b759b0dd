package manifest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestHostileTexts: each is refused, none takes long or overflows the stack.
func TestHostileTexts(t *testing.T) {
	r := strings.Repeat
	lines := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(format, "N", fmt.Sprint(i)))
		}
		return b.String()
	}
	deep := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(r(" ", i) + "a:\n")
		}
		return b.String()
	}
	for name, c := range map[string]struct{ src, want string }{
		"billion laughs": {
			"x-0: &a0 [ha]\n" + laughs(30) + "services: {a: {command: *a30}}",
			"more than 200000 values, aliases (*name) counted with all they stand for",
		},
		"merge bomb": {
			"x-a: &a {" + lines(1000, "kN: v, ") + "}\n" + lines(1000, "x-N: {<<: *a}\n"),
			"more than 200000 values",
		},
		"categories":        {"categories: [" + lines(5_000, "{name: cN, after: d},") + "]\nservices: {a: {command: x}}", "5000 categories; there can be 256"},
		"folders":           {"capture: [" + lines(50_000, "aN,") + "]\nservices: {a: {command: x}}", `50000 folders in "capture"; there can be 256`},
		"mistakes":          {"services: {a: {command: x}}\ncapture: [" + r("~,", 50_000) + "]", "49800 more mistakes are not shown"},
		"values":            {"capture: [" + r("a,", 300_000) + "a]", "more than 200000 values"},
		"block keys":        {lines(5000, "x-N: v\n"), "more than 4096 keys in one mapping"},
		"nested block keys": {"services:\n  a:\n    env:\n" + lines(5000, "      xN: v\n"), "more than 4096 keys in one mapping"},
		"quoted keys":       {lines(5000, "\"x-N\" : v\n"), "more than 4096 keys in one mapping"},
		"brackets":          {r("[", MaxSize/8), "values nest deeper than 32"},
		"braces":            {r("{a: ", MaxSize/32), "values nest deeper than 32"},
		"dashes":            {r("- ", MaxSize/16), "values nest deeper than 32"},
		"indented":          {deep(1000), "values nest deeper than 32"},
		"tags":              {r("!!str ", MaxSize/6), "YAML tags are not used"},
		"anchors":           {r("&a ", MaxSize/24), "more than 1000 anchors"},
		"question marks":    {r("? ", MaxSize/16), `keys written with "?"`},
		"documents":         {r("---\n", MaxSize/32), "is empty"},
		"colons":            {r("a: ", MaxSize/24), `a second ": "`},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := Parse("", []byte(c.src))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.300v, want %s", err, c.want)
			}
			if d := time.Since(start); d > time.Minute {
				t.Errorf("took %v", d)
			}
		})
	}
}

// laughs doubles n times.
func laughs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "x-%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	return b.String()
}

// manyServices is a manifest of n services as people write them.
func manyServices(n int) []byte {
	var b strings.Builder
	b.WriteString("services:\n")
	for i := range n {
		fmt.Fprintf(&b, "  svc%d:\n    command: [sleep, \"1000\"]\n    category: system\n    env: {A: b, C: d}\n    ready: {tcp: 127.0.0.1:7001}\n    restart: {policy: always, delay: 1s}\n    shutdown: {signal: TERM, grace: 10s}\n", i)
	}
	return []byte(b.String())
}

func TestManyServices(t *testing.T) {
	m, err := Parse("", manyServices(2000))
	if err != nil || len(m.Services) != 2000 {
		t.Fatal(err)
	}
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			src := manyServices(n)
			b.ReportAllocs()
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				if _, err := Parse("", src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
