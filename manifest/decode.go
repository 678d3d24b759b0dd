package manifest

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// field is one key of a mapping: its name and how its value gets into v. The
// tables of fields are all that the code knows of keys; the schema and the
// documentation are tested against them.
type field[T any] struct {
	key    string
	decode func(d *decoder, p place, n *node, v *T)
}

// decoder turns the tree into values and remembers where they stood.
type decoder struct {
	src  *source // of what has no other
	errs Errors
	// found counts the mistakes; errs keeps the first of them, and shown tells
	// which they are: an alias, or a replica, has a place decoded more than once.
	found int
	shown map[Error]bool
	// lookup gives the variables of ${…}.
	lookup func(name string) (string, bool)
	// env is what the manifest gives every service and hook.
	env map[string]string
	// final has what must be written in the place of a value that depends on
	// where it was read; nil where nobody asks.
	final map[string]*node
	// replica is the one that is decoded, 0 where there are none.
	replica int
	// at holds where the value of a path stands; for mappings, lists and missing
	// values where its key does.
	at map[string]pos
	// faulty holds the paths of values that were refused, and all above them:
	// that such a value is missing is no news.
	faulty map[string]bool
}

// fail reports a mistake in the value of p, at a place of its own.
func (d *decoder) fail(p place, at pos, hint, format string, args ...any) {
	d.add(at, fmt.Sprintf(format, args...), hint)
	d.spoil(p.path)
}

func (d *decoder) spoil(path string) {
	for ; path != "" && !d.faulty[path]; path = parentPath(path) {
		d.faulty[path] = true
	}
	d.faulty[""] = true
}

// report is what the checks call: it finds the place's position.
func (d *decoder) report(p place, msg, hint string) {
	if d.faulty[p.path] {
		return
	}
	path := p.path
	at, ok := d.at[path]
	for !ok && path != "" {
		path = parentPath(path)
		at, ok = d.at[path]
	}
	d.add(at, msg, hint)
}

// add keeps a mistake, unless it is known or there are enough to show.
func (d *decoder) add(at pos, msg, hint string) {
	src := d.src
	if at.src != nil {
		src = at.src
	}
	key := Error{order: src.order, Line: at.line, Column: at.column, Msg: msg}
	if d.shown[key] {
		return
	}
	if d.shown == nil {
		d.shown = map[Error]bool{}
	}
	d.shown[key] = true
	d.found++
	if len(d.errs) < maxMistakes {
		d.errs = append(d.errs, src.errorAt(at, msg, hint))
	}
}

// mistakes is what was found, nil for nothing.
func (d *decoder) mistakes() error {
	errs := d.errs.sorted()
	if more := d.found - len(d.errs); more > 0 {
		last := *errs[len(errs)-1]
		last.Msg, last.Hint = fmt.Sprintf("%d more mistakes are not shown", more), ""
		errs = append(errs, &last)
	}
	return errs.asError()
}

// needsRead refuses a key that names other files. Read has put what is in them
// in its place before anything is decoded, Parse reads none.
func (d *decoder) needsRead(p place, n *node) {
	d.fail(p, d.position(p, n), "name the manifest's file itself", "%s names files, and a text by itself has none", p)
}

// wrongType reports that the value is not what it must be.
func (d *decoder) wrongType(p place, n *node, want, hint string) {
	d.fail(p, d.position(p, n), hint, "%s must be %s, not %s", p, want, n.describe())
}

// position is where a mistake in a value is shown.
func (d *decoder) position(p place, n *node) pos {
	if at, ok := d.at[p.path]; ok {
		return at
	}
	return n.at
}

// entries returns the entries of a mapping and reports what is no mapping,
// keys given twice and keys without a value.
func (d *decoder) entries(p place, n *node, hint string) []pair {
	if n.kind != kindMapping {
		d.wrongType(p, n, "a mapping", hint)
		return nil
	}
	if !n.hasDuplicates() {
		return n.pairs
	}
	first := make(map[string]pos, len(n.pairs))
	list := make([]pair, 0, len(n.pairs))
	for _, e := range n.pairs {
		if before, twice := first[e.key]; twice {
			d.fail(p, e.at, fmt.Sprintf("it is on line %d already", before.line), "duplicate key %q in %s", e.key, p)
			continue
		}
		first[e.key] = e.at
		list = append(list, e)
	}
	return list
}

// hasDuplicates is fast for the few keys that most mappings have.
func (n *node) hasDuplicates() bool {
	const few = 16
	if len(n.pairs) > few {
		keys := make(map[string]bool, len(n.pairs))
		for i := range n.pairs {
			keys[n.pairs[i].key] = true
		}
		return len(keys) < len(n.pairs)
	}
	for i := range n.pairs {
		for j := range i {
			if n.pairs[i].key == n.pairs[j].key {
				return true
			}
		}
	}
	return false
}

// mark remembers where a value stands.
func (d *decoder) mark(p place, e pair) {
	d.at[p.path] = e.at
	if e.value.isScalar() && e.value.kind != kindNull {
		d.at[p.path] = e.value.at
	}
}

// missing reports a key that has no value. "stdin: null" has one: it says what
// it means.
func (d *decoder) missing(p place, e pair) bool {
	if e.value.kind != kindNull || e.key == "stdin" && e.value.text == StdinNull {
		return false
	}
	d.fail(p, e.at, "give it one, or remove the key", "%s has no value", p)
	return true
}

// decodeFields decodes a mapping whose keys are known.
func decodeFields[T any](d *decoder, p place, n *node, hint string, fields []field[T], v *T) {
	for _, e := range d.entries(p, n, hint) {
		f := findField(fields, e.key)
		if f == nil {
			d.unknownKey(p, e, fieldKeys(fields))
			continue
		}
		c := p.key(e.key)
		d.mark(c, e)
		if !d.missing(c, e) {
			f.decode(d, c, e.value, v)
		}
	}
}

func findField[T any](fields []field[T], key string) *field[T] {
	for i := range fields {
		if fields[i].key == key {
			return &fields[i]
		}
	}
	return nil
}

func fieldKeys[T any](fields []field[T]) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

// unknownKey reports a key with the one that was meant, if that can be told.
// The key that was meant then counts as given.
func (d *decoder) unknownKey(p place, e pair, known []string) {
	if p.path == "" && strings.HasPrefix(e.key, "x-") {
		return // the user's own: a place for anchors
	}
	hint, meant := "known are "+strings.Join(known, ", "), e.key
	if near := closest(e.key, known); near != "" {
		hint, meant = fmt.Sprintf("did you mean %q?", near), near
	} else if near, why := foreignKey(e.key, known); near != "" {
		hint, meant = why, near
	}
	if p.path == "" {
		d.fail(p.key(meant), e.at, hint, "unknown key %q", e.key)
		return
	}
	d.fail(p.key(meant), e.at, hint, "unknown key %q in %s", e.key, p)
}

func (d *decoder) text(p place, n *node) (string, bool) {
	switch n.kind {
	case kindString:
		return d.expand(p, n)
	case kindNumber, kindBool:
		d.wrongType(p, n, "a string", fmt.Sprintf("write %q", n.text))
	default:
		d.wrongType(p, n, "a string", "")
	}
	return "", false
}

func (d *decoder) boolean(p place, n *node, v *bool) {
	n, ok := d.expanded(p, n)
	switch {
	case !ok:
	case n.kind == kindBool:
		*v = strings.EqualFold(n.text, "true")
	case n.kind == kindString && (n.text == "yes" || n.text == "on"):
		d.wrongType(p, n, "true or false", "write true")
	case n.kind == kindString && (n.text == "no" || n.text == "off"):
		d.wrongType(p, n, "true or false", "write false")
	default:
		d.wrongType(p, n, "true or false", "")
	}
}

// integer takes plain decimals only: what 010 or 1_000 is depends on the
// version of YAML.
func (d *decoder) integer(p place, n *node, v *int) {
	n, ok := d.expanded(p, n)
	if !ok {
		return
	}
	if n.kind != kindNumber {
		hint := ""
		if _, err := strconv.Atoi(n.text); err == nil {
			hint = "remove the quotes"
		} else if errors.Is(err, strconv.ErrRange) {
			hint = fmt.Sprintf("%s is too large", n.text)
		}
		d.wrongType(p, n, "a whole number", hint)
		return
	}
	i, err := strconv.Atoi(n.text)
	if err != nil || strconv.Itoa(i) != n.text {
		d.fail(p, d.position(p, n), "write plain decimal digits", "%s must be a whole number, not %s", p, n.text)
		return
	}
	*v = i
}

// resolve makes a path of a file one that does not depend on where seance was
// started.
func (s *source) resolve(path string) string {
	if filepath.IsAbs(path) || s.dir == "" {
		return filepath.Clean(path)
	}
	return filepath.Join(s.dir, path)
}

func (d *decoder) path(p place, n *node) (string, bool) {
	text, ok := d.text(p, n)
	if !ok {
		return "", false
	}
	switch {
	case text == "":
		d.fail(p, d.position(p, n), "the manifest's own folder is .", "%s is empty", p)
	case text == "~" || strings.HasPrefix(text, "~/"):
		d.fail(p, d.position(p, n), "~ is not expanded: write ${HOME} or the whole path", "%s starts with ~", p)
	default:
		d.becamePath(p, n)
		return n.at.src.resolve(text), true
	}
	return "", false
}
