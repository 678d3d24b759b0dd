package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// parseTree parses the text into a tree. YAML's own mistakes hide what follows
// them, so there is at most one.
func parseTree(s *source) (root *node, mistake *Error) {
	// The parser is code of others that is fed with anything: should it panic,
	// that is this file's mistake and not the program's.
	defer func() {
		if r := recover(); r != nil {
			root = nil
			mistake = s.errorAt(newPos(1, 1), fmt.Sprintf("the YAML parser failed on this text (%v)", r), "try with parts of it")
		}
	}()
	tokens := lexer.Tokenize(s.text)
	if e := checkTokens(s, tokens); e != nil {
		return nil, e
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxError(s, err)
	}
	body, e := onlyDocument(s, file)
	if e != nil {
		return nil, e
	}
	b := &builder{src: s, anchors: map[string]*anchor{}}
	return b.build(body, 0)
}

// onlyDocument returns what the one document of a text holds.
func onlyDocument(s *source, file *ast.File) (ast.Node, *Error) {
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return nil, s.errorAt(nodePos(doc.Body), "a second YAML document starts here", "a manifest is one document: remove the line ---")
		}
		body = doc.Body
	}
	if body == nil {
		return nil, s.errorAt(newPos(1, 1), "the manifest is empty", exampleHint)
	}
	return body, nil
}

const exampleHint = "a service is the least it needs: services: {web: {command: ./web}}"

// checkTokens refuses what a manifest has no use for, and what would make the
// recursive parser slow or its stack large.
func checkTokens(s *source, tokens token.Tokens) *Error {
	var flow, dashes, anchors, dashLine int
	var blocks blockCounter
	for _, tk := range tokens {
		at := tokenPos(tk)
		switch tk.Type {
		case token.TagType:
			return s.errorAt(at, "YAML tags are not used in a manifest", `to make a value a string, "quote" it`)
		case token.DirectiveType:
			return s.errorAt(at, "YAML directives are not used in a manifest", "remove the line")
		case token.MappingKeyType:
			return s.errorAt(at, `keys written with "?" are not used in a manifest`, "write key: value")
		case token.AnchorType:
			anchors++
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType:
			if flow > 0 {
				return s.errorAt(at, `a list with "-" cannot stand inside brackets or braces`, "write it as [a, b]")
			}
			if at.line != dashLine {
				dashes, dashLine = 0, at.line
			}
			dashes++
			blocks.leave(at.column)
		case token.MappingValueType:
			if flow <= 0 && tk.Prev != nil && blocks.entry(tokenPos(tk.Prev).column) > maxEntries {
				return s.errorAt(at, fmt.Sprintf("more than %d keys in one mapping", maxEntries), "")
			}
		}
		if e := misread(s, tk); e != nil {
			return e
		}
		if flow > maxDepth || dashes > maxDepth {
			return s.errorAt(at, fmt.Sprintf("values nest deeper than %d", maxDepth), "")
		}
		if anchors > maxAnchors {
			return s.errorAt(at, fmt.Sprintf("more than %d anchors", maxAnchors), "")
		}
	}
	return nil
}

// misread tells of a token whose text the parser does not take as YAML has it:
// it drops tabs inside plain scalars (of echo<tab>a it makes "echoa"), takes any
// character for one of an anchor's name, loses the indentation of a block of text
// that starts with a tab, and keeps a comment as text after a line that starts
// with "-" inside a plain scalar.
func misread(s *source, tk *token.Token) *Error {
	before := tk.Prev
	for before != nil && before.Type == token.CommentType {
		before = before.Prev
	}
	switch {
	case tk.Type == token.CommentType, tk.Type == token.SingleQuoteType, tk.Type == token.DoubleQuoteType, tk.Type == token.InvalidType:
		return nil
	case before != nil && (before.Type == token.LiteralType || before.Type == token.FoldedType):
		if strings.HasPrefix(strings.TrimLeft(tk.Origin, " \n"), "\t") {
			return s.errorAt(tokenPos(before), "a block of text that starts with a tab", "start it with another line, such as a comment of the shell")
		}
	case strings.Contains(strings.TrimSpace(tk.Origin), "\t"):
		return s.errorAt(tokenPos(tk), "a tab in a value without quotes", `"quote" the value or use a space`)
	case strings.Contains(tk.Value, " #"):
		return s.errorAt(tokenPos(tk), "a comment inside a text of several lines", `remove it, or "quote" the text`)
	case before != nil && (before.Type == token.AnchorType || before.Type == token.AliasType) && !anchorRE.MatchString(tk.Value):
		return s.errorAt(tokenPos(before), fmt.Sprintf("%q is not a name of an anchor", tk.Value), `use letters, digits, _ and -, or "quote" a text that starts with & or *`)
	}
	return nil
}

var anchorRE = regexp.MustCompile(`^[\pL\pN_-]+$`)

// blockCounter counts the keys of the block mappings that are open at a place,
// told apart by their columns.
type blockCounter []struct{ column, entries int }

func (c *blockCounter) leave(column int) {
	for len(*c) > 0 && (*c)[len(*c)-1].column > column {
		*c = (*c)[:len(*c)-1]
	}
}

func (c *blockCounter) entry(column int) int {
	c.leave(column)
	if n := len(*c); n == 0 || (*c)[n-1].column < column {
		*c = append(*c, struct{ column, entries int }{column, 0})
	}
	top := &(*c)[len(*c)-1]
	top.entries++
	return top.entries
}

// syntaxError puts the parser's mistake in our words where they say more.
func syntaxError(s *source, err error) *Error {
	var e interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &e) || e.GetToken() == nil {
		return s.errorAt(newPos(1, 1), "this is not YAML: "+err.Error(), "")
	}
	at := tokenPos(e.GetToken())
	msg := e.GetMessage()
	for _, w := range syntaxWords {
		if strings.HasPrefix(msg, w.theirs) {
			return s.errorAt(at, w.ours, w.hint)
		}
	}
	return s.errorAt(at, "this is not YAML: "+msg, "")
}

// syntaxWords explains the parser's messages that people meet most. Read only.
var syntaxWords = []struct{ theirs, ours, hint string }{
	{"found character '\t'", "a tab cannot start a value or indent a line", "use spaces"},
	{"tab character cannot", "a tab cannot indent a line", "use spaces"},
	{"mapping value is not allowed", `a second ": " in one value, or a line indented by accident`, `"quote" the value, or mend the indentation`},
	{"value is not allowed in this context", "a value where a key was expected", "check the indentation of this line and the one before"},
	{"non-map value is specified", "this line is not a key with a value", `write "key: value", with a blank after the colon`},
	{"unexpected key name", "this line is not a key with a value", `write "key: value", with a blank after the colon`},
	{"found an invalid key for this map", `a ":" without a key before it`, `"quote" a value with a ":" in it`},
	{"',' or ']' must be specified", `a list in brackets lacks a "," or its "]"`, ""},
	{"',' or '}' must be specified", `a mapping in braces lacks a "," or its "}"`, ""},
	{"sequence end token ']' not found", `this "[" has no "]"`, ""},
	{"could not find flow mapping end token", `this "{" has no "}"`, ""},
	{"could not find '[' character", `this "]" has no "["`, ""},
	{"could not find '{' character", `this "}" has no "{"`, ""},
	{"could not find flow map content", `a mapping in braces lacks a "," or its "}"`, ""},
	{"could not find end character of single-quoted", "this ' has no end", "write the closing '; a ' inside is written ''"},
	{"could not find end character of double-quoted", `this " has no end`, `write the closing "; a " inside is written \"`},
	{"found unknown escape character", `this \ starts no escape that YAML knows`, `write \\ for a backslash, or use 'single quotes'`},
	{"'@' is a reserved character", `a value cannot start with "@"`, `"quote" it`},
	{"'`' is a reserved character", "a value cannot start with \"`\"", `"quote" it`},
}

func tokenPos(tk *token.Token) pos {
	if tk == nil || tk.Position == nil {
		return newPos(1, 1)
	}
	return newPos(tk.Position.Line, tk.Position.Column)
}

// nodePos is where a value starts. A block mapping's own token is its first
// colon, so its first key is taken.
func nodePos(n ast.Node) pos {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return nodePos(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return nodePos(n.Key)
	case *ast.StringNode:
		if n.Token.Type == token.StringType {
			return plainPos(n.Token)
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NanNode, *ast.InfinityNode:
		return plainPos(n.GetToken())
	}
	return tokenPos(n.GetToken())
}

// plainPos is the place of a plain scalar, with what locate needs.
func plainPos(tk *token.Token) pos {
	first, _, _ := strings.Cut(strings.TrimLeft(tk.Origin, " \t\n"), "\n")
	at := tokenPos(tk)
	at.text = strings.TrimRight(first, " \t")
	return at
}
