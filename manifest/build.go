package manifest

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// builder turns the parser's nodes into ours.
type builder struct {
	src     *source
	anchors map[string]*anchor
	values  int // all so far, aliases expanded
}

// anchor is a named value; value is nil while it is being built.
type anchor struct{ value *node }

// build stops at the first mistake: what an alias or a merge key means is
// needed to understand the rest.
func (b *builder) build(n ast.Node, depth int) (*node, *Error) {
	at := b.pos(n)
	if depth > maxDepth {
		return nil, b.src.errorAt(at, fmt.Sprintf("values nest deeper than %d", maxDepth), "")
	}
	if e := b.count(1, at); e != nil {
		return nil, e
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		return b.anchor(n, depth)
	case *ast.AliasNode:
		return b.alias(n)
	case *ast.MappingNode:
		return b.mapping(at, n, depth)
	case *ast.SequenceNode:
		return b.list(at, n, depth)
	case *ast.LiteralNode:
		return scalar(kindString, at, n.Value.Value), nil
	case *ast.StringNode:
		return scalar(kindString, at, n.Value), nil
	case *ast.NullNode:
		return null(at, n), nil
	case *ast.BoolNode:
		return scalar(kindBool, at, n.Token.Value), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return scalar(kindNumber, at, n.GetToken().Value), nil
	default:
		return nil, b.src.errorAt(at, fmt.Sprintf("a YAML %s is not used in a manifest", n.Type().YAMLName()), "")
	}
}

// pos is where a value starts, and in which file.
func (b *builder) pos(n ast.Node) pos {
	at := nodePos(n)
	at.src = b.src
	return at
}

func scalar(k kind, at pos, text string) *node {
	return &node{kind: k, at: at, text: text, size: 1}
}

// null is nothing: its text is "null" where that is written, or "~".
func null(at pos, n *ast.NullNode) *node {
	text := ""
	if n.Token.Type == token.NullType {
		text = n.Token.Value
	}
	return scalar(kindNull, at, text)
}

func (b *builder) count(n int, at pos) *Error {
	b.values += n
	if b.values > maxValues {
		return b.src.errorAt(at, fmt.Sprintf("more than %d values, aliases (*name) counted with all they stand for", maxValues), "")
	}
	return nil
}

func (b *builder) anchor(n *ast.AnchorNode, depth int) (*node, *Error) {
	a := &anchor{}
	b.anchors[n.Name.String()] = a
	v, e := b.build(n.Value, depth+1)
	a.value = v
	return v, e
}

func (b *builder) alias(n *ast.AliasNode) (*node, *Error) {
	name := n.Value.String()
	at := nodePos(n)
	a, ok := b.anchors[name]
	if !ok {
		return nil, b.src.errorAt(at, fmt.Sprintf("alias %q has no anchor before it", "*"+name), fmt.Sprintf(`mark the value it stands for with "&%s", or "quote" a text that starts with *`, name))
	}
	if a.value == nil {
		return nil, b.src.errorAt(at, fmt.Sprintf("alias %q stands inside the value it stands for", "*"+name), "")
	}
	if e := b.count(a.value.size, at); e != nil {
		return nil, e
	}
	return a.value, nil
}

func (b *builder) list(at pos, n *ast.SequenceNode, depth int) (*node, *Error) {
	list := &node{kind: kindList, at: at, size: 1}
	for _, v := range n.Values {
		if !n.IsFlowStyle && blockColumn(v) <= at.column {
			return nil, b.src.errorAt(nodePos(withoutAnchor(v)), notIndented, indentHint)
		}
		item, e := b.build(v, depth+1)
		if e != nil {
			return nil, e
		}
		list.items = append(list.items, item)
		list.size += item.size
	}
	return list, nil
}

// The parser lets a key or a "-" without a value swallow the lines that follow
// it, though they are indented no deeper and belong to what is above it.
const (
	notIndented = "this line is not indented deeper than what it would belong to"
	indentHint  = "the line before lacks a value, or mend the indentation"
)

// blockColumn is the column of a list or mapping that is written in lines;
// great for other values, which may stand anywhere.
func blockColumn(n ast.Node) int {
	switch n := withoutAnchor(n).(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle {
			return nodePos(n).column
		}
	case *ast.SequenceNode:
		if !n.IsFlowStyle {
			return nodePos(n).column
		}
	}
	return maxColumn
}

// isIndented: a list may stand right below its key.
func isIndented(key, value ast.Node) bool {
	column, keyColumn := blockColumn(value), nodePos(key).column
	_, isList := withoutAnchor(value).(*ast.SequenceNode)
	return column > keyColumn || isList && column == keyColumn
}

func withoutAnchor(n ast.Node) ast.Node {
	if a, ok := n.(*ast.AnchorNode); ok {
		return a.Value
	}
	return n
}

func (b *builder) mapping(at pos, n *ast.MappingNode, depth int) (*node, *Error) {
	m := &node{kind: kindMapping, at: at, size: 1}
	var merge *mergeKey
	for _, v := range n.Values {
		if !n.IsFlowStyle && !isIndented(v.Key, v.Value) {
			return nil, b.src.errorAt(nodePos(withoutAnchor(v.Value)), notIndented, indentHint)
		}
		if _, ok := v.Key.(*ast.MergeKeyNode); ok {
			if merge != nil {
				return nil, b.src.errorAt(nodePos(v.Key), `a second "<<" in one mapping`, "merge several with one: <<: [*a, *b]")
			}
			from, e := b.build(v.Value, depth+1)
			if e != nil {
				return nil, e
			}
			merge = &mergeKey{from: from, at: b.pos(v.Value), index: len(m.pairs)}
			continue
		}
		p, e := b.pair(v, depth)
		if e != nil {
			return nil, e
		}
		m.pairs = append(m.pairs, p)
		m.size += 1 + p.value.size
	}
	if merge == nil {
		return m, nil
	}
	if e := b.merge(m, merge); e != nil {
		return nil, e
	}
	return m, nil
}

// mergeKey is a "<<" with its value, and where it stands among the own entries.
type mergeKey struct {
	from  *node
	at    pos
	index int
}

func (b *builder) pair(v *ast.MappingValueNode, depth int) (pair, *Error) {
	at := b.pos(v.Key)
	var key string
	switch k := v.Key.(type) {
	case *ast.StringNode:
		key = k.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		key = k.GetToken().Value
	default:
		return pair{}, b.src.errorAt(at, "a key must be a plain word", "")
	}
	value, e := b.build(v.Value, depth+1)
	return pair{key: key, at: at, value: value}, e
}

// merge puts the entries of the merge key's mappings into m: an own entry of
// the same key wins, and the first mapping wins over the later ones
// (https://yaml.org/type/merge.html).
func (b *builder) merge(m *node, key *mergeKey) *Error {
	sources := []*node{key.from}
	if key.from.kind == kindList {
		sources = key.from.items
	}
	seen := make(map[string]bool, len(m.pairs))
	for _, p := range m.pairs {
		seen[p.key] = true
	}
	var merged []pair
	for _, s := range sources {
		if s.kind != kindMapping {
			return b.src.errorAt(key.at, fmt.Sprintf(`"<<" merges mappings, not %s`, s.describe()), "write <<: *name")
		}
		for _, p := range s.pairs {
			if seen[p.key] {
				continue
			}
			seen[p.key] = true
			merged = append(merged, p)
			m.size += 1 + p.value.size
			if e := b.count(1+p.value.size, key.at); e != nil {
				return e
			}
		}
	}
	m.pairs = slices.Insert(m.pairs, key.index, merged...)
	return nil
}
