package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// varReplica is the variable that has a replica's number. It is known in a
// service with replicas and nowhere else, whatever the environment has.
const varReplica = "SEANCE_REPLICA"

// expander replaces the expressions of a text, which are those of POSIX's
// parameter expansion (XCU 2.6.2) that people use in files:
//
//	${NAME}           its value; it must be set
//	${NAME:-default}  the default when it is not set, or empty
//	${NAME-default}   the default when it is not set
//	${NAME:?message}  the message is the mistake when it is not set, or empty
//	${NAME?message}   the message is the mistake when it is not set
//	$$                a dollar
//
// A dollar before anything else is one: regular expressions end with it. A
// default can hold expressions itself.
type expander struct {
	lookup func(name string) (string, bool)
	// byItself says that the text is that of no file, and no variable is set.
	byItself bool
	// keep is a variable whose expressions stay, and escape has every other
	// dollar of the result doubled: what comes out can be expanded again.
	keep   string
	escape bool
	out    strings.Builder
}

// expressionError is what is wrong with one expression.
type expressionError struct {
	at        string // the text of the expression from its dollar on
	msg, hint string
}

// maxExpanded bounds the text that one string can become.
const maxExpanded = MaxSize

// expand gives the text with all expressions replaced.
func (x *expander) expand(text string) (string, *expressionError) {
	x.out.Reset()
	if wrong := x.add(text, 0); wrong != nil {
		return "", wrong
	}
	return x.out.String(), nil
}

func (x *expander) add(text string, depth int) *expressionError {
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			return x.write(text, text)
		}
		if wrong := x.write(text[:i], text); wrong != nil {
			return wrong
		}
		text = text[i:]
		switch {
		case strings.HasPrefix(text, "$$"):
			text = text[2:]
			x.literal("$")
		case strings.HasPrefix(text, "${"):
			length, wrong := x.expression(text, depth)
			if wrong != nil {
				return wrong
			}
			text = text[length:]
		default:
			text = text[1:]
			x.literal("$")
		}
	}
}

// write adds what has no expressions. at is where that came from.
func (x *expander) write(plain, at string) *expressionError {
	if x.out.Len()+len(plain) > maxExpanded {
		return &expressionError{at, fmt.Sprintf("becomes longer than %d bytes", maxExpanded), ""}
	}
	x.literal(plain)
	return nil
}

func (x *expander) literal(plain string) {
	if x.escape {
		plain = escapeDollars(plain)
	}
	x.out.WriteString(plain)
}

// escapeDollars gives what expands to text.
func escapeDollars(text string) string { return strings.ReplaceAll(text, "$", "$$") }

// expression replaces the one that text begins with, and returns its length.
func (x *expander) expression(text string, depth int) (int, *expressionError) {
	end := expressionEnd(text)
	if end < 0 {
		return 0, &expressionError{text, `has a "${" without its "}"`, `write $${ for the characters "${"`}
	}
	if depth > maxDepth {
		return 0, &expressionError{text, fmt.Sprintf("has variables that nest deeper than %d", maxDepth), ""}
	}
	inner := text[2 : end-1]
	name := inner[:nameLength(inner)]
	op, word := operator(inner[len(name):])
	if name == "" || op == "" && word != "" {
		return 0, &expressionError{text, fmt.Sprintf("has an expression that is none: %q", text[:end]), "write ${NAME}, ${NAME:-default} or ${NAME:?message}, and $${ for the characters \"${\""}
	}
	if name == x.keep {
		x.out.WriteString("${" + name + "}")
		return end, nil
	}
	value, set := x.lookup(name)
	if set && (value != "" || op == "" || op[0] != ':') {
		return end, x.write(value, text)
	}
	return end, x.unset(text, name, op, word, depth)
}

// unset takes the default, if there is one.
func (x *expander) unset(text, name, op, word string, depth int) *expressionError {
	where := "set it in the environment or in .env"
	if x.byItself {
		where = "a text by itself has no variables: write its value"
	}
	switch {
	case strings.HasSuffix(op, "-"):
		return x.add(word, depth+1)
	case op != "" && word != "":
		return &expressionError{text, fmt.Sprintf("needs the variable %s: %s", name, word), ""}
	case op == ":?":
		return &expressionError{text, fmt.Sprintf("needs the variable %s, which is not set, or empty", name), where}
	case name == varReplica:
		return &expressionError{text, fmt.Sprintf("needs the variable %s, which only a service with replicas has", name), "add replicas: to the service"}
	default:
		return &expressionError{text, fmt.Sprintf("needs the variable %s, which is not set", name), fmt.Sprintf("%s, or write ${%s:-default}", where, name)}
	}
}

// expressionEnd is where the expression that text begins with ends, -1 when it
// does not. Those inside it have their own ends.
func expressionEnd(text string) int {
	open := 0
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "$$"):
			i++
		case strings.HasPrefix(text[i:], "${"):
			open++
			i++
		case text[i] == '}':
			open--
			if open == 0 {
				return i + 1
			}
		}
	}
	return -1
}

func operator(text string) (op, word string) {
	for _, op := range []string{":-", ":?", "-", "?"} {
		if word, ok := strings.CutPrefix(text, op); ok {
			return op, word
		}
	}
	return "", text
}

// nameLength is the length of the variable's name that text begins with: a
// name as in POSIX, XBD 3.216.
func nameLength(text string) int {
	for i := range len(text) {
		c := text[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(text)
}

// expand gives what the string of a node stands for. Mistakes are shown where
// the expression stands.
func (d *decoder) expand(p place, n *node) (string, bool) {
	if strings.IndexByte(n.text, '$') < 0 {
		return n.text, true
	}
	if n.literal {
		d.became(p, n, escapeDollars(n.text))
		return n.text, true
	}
	x := &expander{lookup: d.variable, byItself: d.lookup == nil}
	text, wrong := x.expand(n.text)
	if wrong == nil && !utf8.ValidString(text) {
		wrong = &expressionError{n.text, "has a variable that is not UTF-8", ""}
	}
	if wrong != nil {
		d.fail(p, n.at.src.find(n.at, wrong.at), wrong.hint, "%s %s", p, wrong.msg)
		return "", false
	}
	d.became(p, n, d.kept(n.text))
	return text, true
}

// kept is the text with all variables replaced but for that of replicas, which
// each of them replaces for itself.
func (d *decoder) kept(text string) string {
	x := &expander{lookup: d.variable, escape: true}
	if d.replica > 0 {
		x.keep = varReplica
	}
	text, _ = x.expand(text)
	return text
}

// became takes note of the text that makes the same of a place where no
// variable is set.
func (d *decoder) became(p place, n *node, text string) {
	if d.final != nil {
		d.final[p.path] = &node{kind: kindString, at: n.at, text: text, size: 1}
	}
}

// becamePath takes note of a path as one that starts at the root.
func (d *decoder) becamePath(p place, n *node) {
	text, src := n.text, n.at.src
	if d.final == nil {
		return
	}
	switch {
	case n.literal:
		text = escapeDollars(text)
	case strings.IndexByte(text, '$') >= 0:
		text = d.kept(text)
	}
	escaped := &source{dir: escapeDollars(src.dir)}
	d.became(p, n, escaped.resolve(text))
}

// expanded gives a node that is no string as it is, and of a string what it
// stands for. What came out of an expression counts as what it looks like: a
// variable cannot be other than text.
func (d *decoder) expanded(p place, n *node) (*node, bool) {
	if n.kind != kindString || n.literal || strings.IndexByte(n.text, '$') < 0 {
		return n, true
	}
	text, ok := d.expand(p, n)
	if final := d.final[p.path]; ok && final != nil {
		final.kind = kindOf(final.text)
	}
	return &node{kind: kindOf(text), at: n.at, text: text, size: n.size}, ok
}

// kindOf is what a plain scalar would be, as far as a manifest goes.
func kindOf(text string) kind {
	switch {
	case numberRE.MatchString(text):
		return kindNumber
	case text == "true", text == "false":
		return kindBool
	}
	return kindString
}

var numberRE = regexp.MustCompile(`^-?[0-9]+$`)

// variable looks a variable up.
func (d *decoder) variable(name string) (string, bool) {
	if name == varReplica {
		return strconv.Itoa(d.replica), d.replica > 0
	}
	if d.lookup == nil {
		return "", false
	}
	return d.lookup(name)
}
