package manifest

import (
	"slices"
)

// Manifests are made of layers: files given one after the other, and what they
// include below them. Merging is by name, on trees; no node is changed, because
// aliases share theirs.

// mergeManifest puts one layer over another.
func mergeManifest(base, over *node) *node {
	return mergeWith(base, over, func(key string, base, over *node) *node {
		switch key {
		case "services", "hooks":
			return mergeMappings(base, over, mergeHandler)
		case "env":
			return mergeMappings(base, over, replace)
		case "categories":
			return mergeCategories(base, over)
		case "capture":
			return joinLists(base, over)
		}
		return over
	})
}

// mergeHandler puts what a layer says of a service or hook over what a lower
// one says. It stays where the command is: what is relative by default is
// relative to that.
func mergeHandler(_ string, base, over *node) *node {
	if base.kind != kindMapping || over.kind != kindMapping {
		return over
	}
	merged := mergeWith(base, over, func(key string, base, over *node) *node {
		switch key {
		case "env", "limits", "shutdown", "log":
			return mergeMappings(base, over, replace)
		case "restart":
			return mergeMappings(asRestart(base), asRestart(over), replace)
		}
		return over
	})
	if !base.has("command") && !base.has("startup") {
		merged.at = over.at
	}
	return merged
}

// asRestart writes a policy by itself as the mapping that it stands for.
func asRestart(n *node) *node {
	if n.kind != kindString {
		return n
	}
	return &node{kind: kindMapping, at: n.at, pairs: []pair{{"policy", n.at, n}}, size: n.size + 2}
}

func replace(_ string, _, over *node) *node { return over }

// mergeMappings merges two mappings key by key; of anything else, the upper
// one is taken.
func mergeMappings(base, over *node, both func(key string, base, over *node) *node) *node {
	if base.kind != kindMapping || over.kind != kindMapping {
		return over
	}
	return mergeWith(base, over, both)
}

// mergeWith merges two mappings: both tells what becomes of a key that both
// have. Those of the upper one that are new come last. A key that one file has
// twice stays there twice, for the decoder to report.
func mergeWith(base, over *node, both func(key string, base, over *node) *node) *node {
	merged := &node{kind: kindMapping, at: base.at, pairs: slices.Clone(base.pairs), size: base.size + over.size}
	index := make(map[string]int, len(base.pairs))
	for i := range base.pairs {
		index[base.pairs[i].key] = i
	}
	for _, p := range over.pairs {
		i, ok := index[p.key]
		delete(index, p.key)
		if !ok {
			merged.pairs = append(merged.pairs, p)
			continue
		}
		below := merged.pairs[i]
		merged.pairs[i] = pair{key: p.key, at: p.at, value: both(p.key, below.value, p.value)}
	}
	return merged
}

func joinLists(base, over *node) *node {
	if base.kind != kindList || over.kind != kindList {
		return over
	}
	return &node{kind: kindList, at: base.at, items: append(slices.Clone(base.items), over.items...), size: base.size + over.size}
}

// mergeCategories takes the categories of both; of one that both have, what
// the upper one says.
func mergeCategories(base, over *node) *node {
	merged := joinLists(base, over)
	if merged == over {
		return over
	}
	items := merged.items[:len(base.items)]
	for _, item := range over.items {
		name := categoryName(item)
		i := slices.IndexFunc(base.items, func(n *node) bool { return name != "" && categoryName(n) == name })
		if i < 0 {
			items = append(items, item)
			continue
		}
		items[i] = item
	}
	merged.items = items
	return merged
}

// without is a mapping that lacks some keys.
func (n *node) without(keys ...string) *node {
	if !slices.ContainsFunc(keys, n.has) {
		return n
	}
	c := *n
	c.pairs = slices.DeleteFunc(slices.Clone(n.pairs), func(p pair) bool { return slices.Contains(keys, p.key) })
	return &c
}

// with is a mapping in which a key has another value.
func (n *node) with(p pair) *node {
	c := *n
	c.pairs = slices.Clone(n.pairs)
	for i := range c.pairs {
		if c.pairs[i].key == p.key {
			c.pairs[i].value = p.value
			return &c
		}
	}
	c.pairs = append(c.pairs, p)
	return &c
}
