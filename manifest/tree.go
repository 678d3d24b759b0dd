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

// place names a value: for a person and for finding where it stands in the
// text.
type place struct {
	path  string // every key from the root on, each after a pathSep
	owner string // `service "db"`; "" for the manifest itself
	// The keys below the owner, which a person is told, are path[from:to].
	from, to int
}

const pathSep = "\x00"

// key is the place of a key's value.
func (p place) key(name string) place {
	c := place{path: p.path + pathSep + name, owner: p.owner, from: p.from}
	if p.from == p.to {
		c.from = len(p.path) + len(pathSep)
	}
	c.to = len(c.path)
	return c
}

// item is the place of a part of a list. In a sentence it is named as the list
// is.
func (p place) item(i int) place { return p.part(strconv.Itoa(i)) }

// part is a place that is named as what it is part of.
func (p place) part(name string) place {
	p.path += pathSep + name
	return p
}

// rel is the keys below the owner, with dots.
func (p place) rel() string { return strings.ReplaceAll(p.path[p.from:p.to], pathSep, ".") }

// own is the place of a thing with a name of its own.
func (p place) own(path, owner string) place {
	return place{path: p.path + pathSep + path, owner: owner}
}

// String names the place in a sentence: `"ready.tcp" of service "db"`.
func (p place) String() string {
	switch rel := p.rel(); {
	case p.from == p.to && p.owner == "":
		return "the manifest"
	case p.from == p.to:
		return p.owner
	case p.owner == "":
		return strconv.Quote(rel)
	default:
		return strconv.Quote(rel) + " of " + p.owner
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
