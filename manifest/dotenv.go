package manifest

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// envVar is one assignment of an environment file.
type envVar struct {
	name, value string
	at          pos
}

var envNameRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// parseEnvFile reads an environment file: NAME=value lines with quotes and
// remarks, as docs/manifest.md describes them. Of a name that is set twice, the
// last value is returned. Mistakes go to fail, each with its place; lines after
// one are still read.
func parseEnvFile(s *source, fail func(at pos, msg, hint string)) []envVar {
	p := &envParser{s: s, rest: s.text, line: 1, column: 1, fail: fail}
	var list []envVar
	index := map[string]int{}
	for p.rest != "" {
		v, ok := p.assignment()
		if !ok {
			continue
		}
		if i, again := index[v.name]; again {
			list[i] = v
			continue
		}
		index[v.name] = len(list)
		list = append(list, v)
	}
	return list
}

// envParser stands at one character of the text; line and column are those of
// it.
type envParser struct {
	s            *source
	rest         string
	line, column int
	fail         func(at pos, msg, hint string)
}

func (p *envParser) here() pos { return pos{line: p.line, column: p.column, src: p.s} }

// skip goes on by n bytes.
func (p *envParser) skip(n int) string {
	text := p.rest[:n]
	p.rest = p.rest[n:]
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		p.line += strings.Count(text, "\n")
		p.column = 1
		text = text[i+1:]
		p.column += utf8.RuneCountInString(text)
		return ""
	}
	p.column += utf8.RuneCountInString(text)
	return text
}

func (p *envParser) blanks() {
	p.skip(len(p.rest) - len(strings.TrimLeft(p.rest, " \t")))
}

// toLineEnd is what is left of the line.
func (p *envParser) toLineEnd() string {
	line, _, _ := strings.Cut(p.rest, "\n")
	return line
}

// nextLine leaves the line.
func (p *envParser) nextLine() {
	p.skip(min(len(p.toLineEnd())+1, len(p.rest)))
}

// assignment reads one line, or more where a value in quotes has more. It is
// false for lines that set nothing.
func (p *envParser) assignment() (envVar, bool) {
	defer p.nextLine()
	p.blanks()
	line := p.toLineEnd()
	if line == "" || line[0] == '#' {
		return envVar{}, false
	}
	if after, ok := strings.CutPrefix(line, "export"); ok && strings.TrimLeft(after, " \t") != after {
		p.skip(len("export"))
		p.blanks()
		line = p.toLineEnd()
	}
	at := p.here()
	name, _, ok := strings.Cut(line, "=")
	if !ok {
		p.fail(at, "this line sets no variable", `write NAME=value, or start a remark with "#"`)
		return envVar{}, false
	}
	v := envVar{name: strings.TrimRight(name, " \t"), at: at}
	if !envNameRE.MatchString(v.name) {
		p.fail(at, fmt.Sprintf("%q is not a name of a variable", v.name), "a name has letters, digits, _ and . and does not start with a digit")
		return envVar{}, false
	}
	p.skip(len(name) + 1)
	v.value, ok = p.value()
	return v, ok
}

func (p *envParser) value() (string, bool) {
	before := len(p.rest)
	p.blanks()
	blank := len(p.rest) < before
	line := p.toLineEnd()
	if line == "" || blank && line[0] == '#' {
		return "", true
	}
	switch line[0] {
	case '\'':
		return p.quoted('\'')
	case '"':
		return p.quoted('"')
	}
	return strings.TrimRight(withoutRemark(line), " \t"), true
}

// withoutRemark cuts a line before a "#" that follows a blank.
func withoutRemark(line string) string {
	for i := 1; i < len(line); i++ {
		if line[i] == '#' && (line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i]
		}
	}
	return line
}

// quoted reads a value in quotes and sees that nothing but a remark follows it.
func (p *envParser) quoted(quote byte) (string, bool) {
	at := p.here()
	end := quoteEnd(p.rest, quote)
	if end < 0 {
		p.fail(at, fmt.Sprintf("this %c has no end", quote), fmt.Sprintf("write the closing %c", quote))
		return "", false
	}
	value := p.rest[1:end]
	if quote == '"' {
		value = envEscapes.Replace(value)
	}
	p.skip(end + 1)
	p.blanks()
	if after := p.toLineEnd(); after != "" && after[0] != '#' {
		p.fail(p.here(), "text after the closing quote", "put all of the value in quotes, or none of it")
		return "", false
	}
	return value, true
}

// quoteEnd is where the quote at the start of text is closed.
func quoteEnd(text string, quote byte) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote:
			return i
		}
	}
	return -1
}

// envEscapes are those of a value in double quotes. It is read only.
var envEscapes = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\"`, `"`, `\\`, `\`, `\$`, `$`)
