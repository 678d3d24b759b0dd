package manifest

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestLineEndsAndByteOrderMark(t *testing.T) {
	const text = "services:\n  web:\n    command: |\n      one\n      two\n    env: {É: ü}\n"
	want := mustParse(t, "", text)
	for name, src := range map[string]string{
		"CRLF":     strings.ReplaceAll(text, "\n", "\r\n"),
		"CR":       strings.ReplaceAll(text, "\n", "\r"),
		"BOM":      "\ufeff" + text,
		"BOM+CRLF": "\ufeff" + strings.ReplaceAll(text, "\n", "\r\n"),
		"no end":   strings.TrimSuffix(text, "\n"),
	} {
		got := mustParse(t, "", src)
		if !reflect.DeepEqual(got.Services, want.Services) {
			t.Errorf("%s: got %+v, want %+v", name, got.Services, want.Services)
		}
	}
}

// TestBadText: what cannot stand in a golden file.
func TestBadText(t *testing.T) {
	const shown = "\n   2 | "
	for name, c := range map[string]struct{ src, want string }{
		"empty":           {"", "s.yaml:1:1: the manifest is empty; a service is"},
		"blank":           {" \n\n", "s.yaml:1:1: the manifest is empty; a service is"},
		"only a BOM":      {"\ufeff", "s.yaml:1:1: the manifest is empty; a service is"},
		"not UTF-8":       {"a: é\nb: é\xff\n", "s.yaml:2:5: byte 0xff is not UTF-8; save the file as UTF-8" + shown + "b: é�\n     |     ^"},
		"latin-1":         {"# caf\xe9\n", "s.yaml:1:6: byte 0xe9 is not UTF-8"},
		"UTF-16":          {"\xff\xfea\x00", "s.yaml:1:1: the file is UTF-16; save it as UTF-8"},
		"UTF-16 BE":       {"\xfe\xff\x00a", "s.yaml:1:1: the file is UTF-16; save it as UTF-8"},
		"NUL":             {"a: b\nc: \x00\n", "s.yaml:2:4: control character 0x00"},
		"escape":          {"a: b\n# \x1b[2J\n", "s.yaml:2:3: control character 0x1b; in a \"quoted\" string, write it as \\x and two digits" + shown + "# �[2J\n     |   ^"},
		"DEL":             {"\x7f", "s.yaml:1:1: control character 0x7f"},
		"BOM inside":      {"a: b\n\ufeff", "s.yaml:2:1: a byte order mark"},
		"too large":       {strings.Repeat("#", MaxSize+1), "s.yaml:1:1: the file is larger than 1048576 bytes"},
		"CRLF, BOM, line": {"\ufeffname: x\r\nnam: y\r\n", "s.yaml:2:1: unknown key \"nam\"; did you mean \"name\"?" + shown + "nam: y\n     | ^"},
	} {
		_, err := Parse("s.yaml", []byte(c.src))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, c.want)
		}
	}
}

func TestLargestManifest(t *testing.T) {
	src := []byte("services: {a: {command: x}}\n#")
	src = append(src, bytes.Repeat([]byte("x"), MaxSize-len(src))...)
	if _, err := Parse("", src); err != nil {
		t.Error(err)
	}
}

func TestErrorIsTyped(t *testing.T) {
	_, err := Parse("dir/s.yaml", []byte("services:\n  web:\n    comand: ./web\n    zzzzzz: 1\n"))
	var list Errors
	if !errors.As(err, &list) || len(list) != 2 {
		t.Fatalf("got %v", err)
	}
	var first *Error
	if !errors.As(err, &first) {
		t.Fatal("no *Error")
	}
	want := Error{
		File: "dir/s.yaml", Line: 3, Column: 5,
		Msg: `unknown key "comand" in service "web"`, Hint: `did you mean "command"?`,
		Source: "    comand: ./web",
	}
	if *first != want {
		t.Errorf("got %+v, want %+v", *first, want)
	}
	if !errors.Is(err, list[1]) {
		t.Error("the second is not in the tree")
	}
}

func TestErrorShowsALine(t *testing.T) {
	long := strings.Repeat("x", 500)
	for name, c := range map[string]struct {
		e    Error
		want string
	}{
		"no place":       {Error{Msg: "m"}, "manifest: m"},
		"file, no place": {Error{File: "f", Msg: "m", Hint: "h"}, "f: m; h"},
		"no file":        {Error{Line: 1, Column: 2, Msg: "m", Source: "ab"}, "manifest:1:2: m\n   1 | ab\n     |  ^"},
		"tabs":           {Error{File: "f", Line: 9, Column: 3, Msg: "m", Source: "\ta\tb"}, "f:9:3: m\n   9 | \ta\tb\n     | \t ^"},
		"past the end":   {Error{File: "f", Line: 1, Column: 99, Msg: "m", Source: "ab"}, "f:1:99: m\n   1 | ab\n     |   ^"},
		"five digits":    {Error{File: "f", Line: 12345, Column: 1, Msg: "m", Source: "ab"}, "f:12345:1: m\n12345 | ab\n      | ^"},
		"bidi":           {Error{File: "f", Line: 1, Column: 1, Msg: "m", Source: "a\u202eb"}, "f:1:1: m\n   1 | a�b\n     | ^"},
		"long, start":    {Error{File: "f", Line: 1, Column: 2, Msg: "m", Source: long}, "f:1:2: m\n   1 | " + long[:120] + "…\n     |  ^"},
		"long, middle":   {Error{File: "f", Line: 1, Column: 201, Msg: "m", Source: long}, "f:1:201: m\n   1 | …" + long[:120] + "…\n     | " + strings.Repeat(" ", 61) + "^"},
		"long, end":      {Error{File: "f", Line: 1, Column: 501, Msg: "m", Source: long}, "f:1:501: m\n   1 | …" + long[:120] + "\n     | " + strings.Repeat(" ", 121) + "^"},
	} {
		if got := c.e.Error(); got != c.want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
