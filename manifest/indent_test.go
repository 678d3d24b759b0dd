package manifest

import "testing"

// TestIndentation: however blocks are indented, their values are the same.
func TestIndentation(t *testing.T) {
	const want = `{"services":{"a":{"command":["x","y"],"env":{"A":"b","C":"d"}}},"x-l":[["1",{"k":"v","l":"w"}],{"m":"n","o":["p"]}]}`
	for _, src := range []string{
		"services: {a: {command: [x, y], env: {A: b, C: d}}}\nx-l: [['1', {k: v, l: w}], {m: n, o: [p]}]",
		"services:\n  a:\n    command:\n    - x\n    - y\n    env:\n      A: b\n      C: d\nx-l:\n- - '1'\n  - k: v\n    l: w\n- m: n\n  o:\n  - p\n",
		"services:\n   a:\n        command:\n          -   x\n          -   y\n        env:   &e\n         A:   b\n         C:   d\nx-l:\n    -   -   '1'\n        -   k:   v\n            l: w\n    -     m:   n\n          o:\n          -    p\n",
		"# c\nservices: # c\n  # c\n  a: # c\n    command: # c\n    # c\n    - x # c\n# c\n    - y\n    env: {A: b, # c\n  C: d}\nx-l: &l # c\n  - &m\n    - '1'\n    - &n\n      k: v\n      l: w\n  - &o\n    m: n\n    o: [p\n]\n",
	} {
		s, e := newSource("", []byte(src))
		if e != nil {
			t.Fatal(e)
		}
		root, e := parseTree(s)
		if e != nil {
			t.Errorf("%s\n%v", src, e)
			continue
		}
		if got := asJSON(t, root); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", src, got, want)
		}
	}
}
