package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// render writes a decoded tree as text that needs nothing else: paths are
// absolute, variables have their values, but for that of replicas, and what came
// from other files stands in it. Parse makes the same manifest of it.
func (r *reading) render(root *node) ([]byte, error) {
	w := &renderer{final: r.d.final}
	w.out.WriteString(sourceMark)
	for _, path := range r.names {
		w.out.WriteString(namedMark + yamlString(path) + "\n")
	}
	w.block(place{}, root, 0)
	if w.out.Len() > MaxSize || w.values > maxValues || w.entries > maxEntries {
		return nil, Errors{r.d.src.errorAt(newPos(1, 1), fmt.Sprintf("the manifest with all its files comes to more than %d bytes, %d values, or %d keys in one mapping", MaxSize, maxValues, maxEntries), "")}
	}
	return []byte(w.out.String()), nil
}

// sourceMark begins a source that is not the text of a file. Below it stands
// from which files it was read, each after a namedMark.
const (
	sourceMark = "# What the manifest came to when it was read, with all its files and variables.\n"
	namedMark  = "# from: "
)

// SourceFiles are the files that were named when a manifest was read, as its
// source tells: those to read when it is to be read again. It is nil for a source
// that is the text of the one file, Manifest.Path.
func SourceFiles(source []byte) []string {
	rest, ok := strings.CutPrefix(string(source), sourceMark)
	if !ok {
		return nil
	}
	var files []string
	for line := range strings.Lines(rest) {
		quoted, ok := strings.CutPrefix(line, namedMark)
		if !ok {
			break
		}
		if s, e := newSource("", []byte(quoted)); e == nil {
			if n, e := parseTree(s); e == nil && n.kind == kindString {
				files = append(files, n.text)
			}
		}
	}
	return files
}

// renderer writes YAML.
type renderer struct {
	out strings.Builder
	// final has what the decoder made of a value where that is not what the text
	// says: paths, and strings with a dollar.
	final   map[string]*node
	values  int
	entries int // of the largest mapping
}

// blockDepth is how deep mappings are written in lines: services, and their
// keys. Below that they are written in braces.
const blockDepth = 2

func (w *renderer) block(p place, n *node, depth int) {
	w.entries = max(w.entries, len(n.pairs))
	for _, e := range n.pairs {
		if depth == 0 && strings.HasPrefix(e.key, "x-") {
			continue
		}
		w.values++
		fmt.Fprintf(&w.out, "%s%s:", strings.Repeat("  ", depth), yamlKey(e.key))
		c := p.key(e.key)
		if v := e.value; depth < blockDepth && v.kind == kindMapping && len(v.pairs) > 0 {
			w.values++
			w.out.WriteString("\n")
			w.block(c, v, depth+1)
			continue
		}
		w.out.WriteString(" ")
		w.flow(c, e.value)
		w.out.WriteString("\n")
	}
}

// flow writes a value in one line.
func (w *renderer) flow(p place, n *node) {
	if final := w.final[p.path]; final != nil {
		n = final
	}
	w.values++
	if w.out.Len() > MaxSize || w.values > maxValues {
		return // it is refused
	}
	switch n.kind {
	case kindMapping:
		w.out.WriteString("{")
		for i, e := range n.pairs {
			if i > 0 {
				w.out.WriteString(", ")
			}
			w.out.WriteString(yamlString(e.key) + ": ")
			w.flow(p.key(e.key), e.value)
		}
		w.out.WriteString("}")
	case kindList:
		w.out.WriteString("[")
		for i, item := range n.items {
			if i > 0 {
				w.out.WriteString(", ")
			}
			w.flow(p.item(i), item)
		}
		w.out.WriteString("]")
	case kindNull:
		w.out.WriteString("null")
	case kindBool, kindNumber:
		w.out.WriteString(n.text)
	default:
		w.out.WriteString(yamlString(n.text))
	}
}

var (
	plainKeyRE    = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
	notPlainWords = regexp.MustCompile(`^(y|n|yes|no|on|off|true|false|null)$`)
)

func yamlKey(key string) string {
	if plainKeyRE.MatchString(key) && !notPlainWords.MatchString(key) {
		return key
	}
	return yamlString(key)
}

// yamlString writes a string in double quotes, with an escape for all that is
// not printable everywhere (YAML 1.2, 5.7).
func yamlString(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x10000 && !strconv.IsPrint(c):
			fmt.Fprintf(&b, `\u%04x`, c)
		case !strconv.IsPrint(c):
			fmt.Fprintf(&b, `\U%08x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
