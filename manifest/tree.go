package manifest

import (
	"strconv"
	"strings"
)

// kind is what a YAML value is.
type kind int

const (
	kindNull kind = iota
	kindBool
	kindNumber // integers and all that YAML takes for a number
	kindString
	kindList
	kindMapping
)

// node is a YAML value with aliases and merge keys resolved. Aliases share
// their node, so the tree is a graph without cycles.
type node struct {
	kind kind
	at   pos
	text string // of a scalar; of numbers, booleans and null as written
	// literal strings hold no expressions: they are not from YAML.
	literal bool
	items   []*node
	pairs   []pair
	// size counts this value and all below it, aliases expanded.
	size int
}

// pair is one entry of a mapping.
type pair struct {
	key   string
	at    pos // of the key
	value *node
}

// describe says what a value is, for "must be X, not …".
func (n *node) describe() string {
	switch n.kind {
	case kindNull:
		return "nothing"
	case kindBool:
		return "true or false"
	case kindNumber:
		return "the number " + n.text
	case kindString:
		return "a string"
	case kindList:
		return "a list"
	default:
		return "a mapping"
	}
}

// get is the value of a mapping's key, nil if it has none.
func (n *node) get(key string) *node {
	for i := range n.pairs {
		if n.pairs[i].key == key {
			return n.pairs[i].value
		}
	}
	return nil
}

func (n *node) has(key string) bool { return n.get(key) != nil }

func (n *node) isScalar() bool { return n.kind <= kindString }

// place names a value: for a person (owner, rel) and for finding where it
// stands in the text (path).
type place struct {
	path  string // every key from the root on, each after a pathSep
	owner string // `service "db"`; "" for the manifest itself
	rel   string // the keys below the owner, with dots
}

const pathSep = "\x00"

// key is the place of a key's value.
func (p place) key(name string) place {
	c := place{path: p.path + pathSep + name, owner: p.owner, rel: name}
	if p.rel != "" {
		c.rel = p.rel + "." + name
	}
	return c
}

// own is the place of a thing with a name of its own.
func (p place) own(path, owner string) place {
	return place{path: p.path + pathSep + path, owner: owner}
}

// String names the place in a sentence: `"ready.tcp" of service "db"`.
func (p place) String() string {
	switch {
	case p.rel == "" && p.owner == "":
		return "the manifest"
	case p.rel == "":
		return p.owner
	case p.owner == "":
		return strconv.Quote(p.rel)
	default:
		return strconv.Quote(p.rel) + " of " + p.owner
	}
}

// parent is the path one key up, "" at the root.
func parentPath(path string) string {
	i := strings.LastIndex(path, pathSep)
	if i < 0 {
		return ""
	}
	return path[:i]
}
