package image

import (
	"errors"
	"strings"
	"testing"
)

func TestParseRef(t *testing.T) {
	long := strings.Repeat("a", 128)
	good := map[string]Ref{
		"shop":                     {"shop", "latest"},
		"shop:before-migration":    {"shop", "before-migration"},
		"a.b_c__d--e9:V1.0_x-":     {"a.b_c__d--e9", "V1.0_x-"},
		"0:_":                      {"0", "_"},
		long + ":" + long:          {long, long},
		"shop:latest":              {"shop", "latest"},
		"deadbeef":                 {"deadbeef", "latest"},
		"sha256x:" + long[:64]:     {"sha256x", long[:64]},
		"my-app:2026-01-02T10.00Z": {"my-app", "2026-01-02T10.00Z"},
	}
	for text, want := range good {
		got, err := ParseRef(text)
		if err != nil || got != want {
			t.Errorf("ParseRef(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	bad := map[string]string{
		"": "empty", ":x": "empty", "shop:": "empty", "Shop": `"shop"`, "shop:a b": "a tag is", "shop:-x": "a tag is",
		"shop:.x": "a tag is", "shop:a:b": "a tag is", "-shop": "a name is", "shop-": "a name is", "a..b": "a name is",
		"a___b": "a name is", "a/b": "a name is", "../x": "a name is", "é": "a name is", "a\x00": "a name is", "a\n": "a name is",
		long + "a": "more than 128", "shop:" + long + "a": "more than 128", "sha256:" + long[:64]: "digest algorithm",
	}
	for text, why := range bad {
		_, err := ParseRef(text)
		var refErr *RefError
		if !errors.As(err, &refErr) || !strings.Contains(err.Error(), why) {
			t.Errorf("ParseRef(%q): %v; want %q", text, err, why)
		}
	}
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"shop", "shop:tag", "a.b:1", "sha256:00", "A:b", "a__b:_", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseRef(s)
		if err != nil {
			return
		}
		again, err := ParseRef(ref.String())
		if err != nil || again != ref {
			t.Fatalf("%q: %v again is %v, %v", s, ref, again, err)
		}
		if strings.ContainsAny(ref.String(), "/\\ \x00\n") {
			t.Fatalf("%q is accepted", s)
		}
	})
}

func TestNearNames(t *testing.T) {
	s := openStore(t)
	dump := dumpFolder(t, noise(1, 100))
	for _, ref := range []string{"shop:one", "shop:two", "warehouse", "ship"} {
		mustSave(t, s, ref, dump, "")
	}
	for text, want := range map[string]string{
		"shpo":       "ship:latest",
		"shop":       "did you mean shop:one or shop:two or ship:latest?",
		"shop:tow":   "did you mean shop:two",
		"warehose":   "did you mean warehouse:latest?",
		"unlike-all": `no image "unlike-all": see "seance images"`,
	} {
		_, err := s.Get(t.Context(), text)
		if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), want) {
			t.Errorf("Get(%q): %v; want %q", text, err, want)
		}
	}
}
