package manifest

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// The tables are never written.
var limitFields = []field[Limit]{
	{"soft", func(d *decoder, p place, n *node, l *Limit) { d.limitValue(p, n, &l.Soft) }},
	{"hard", func(d *decoder, p place, n *node, l *Limit) { d.limitValue(p, n, &l.Hard) }},
}

var logFields = []field[Log]{
	{"file", func(d *decoder, p place, n *node, l *Log) { d.file(p, n, &l.File) }},
	{"size", func(d *decoder, p place, n *node, l *Log) { d.size(p, n, &l.Size) }},
	{"count", func(d *decoder, p place, n *node, l *Log) { d.integer(p, n, &l.Count) }},
	{"format", func(d *decoder, p place, n *node, l *Log) { d.format(p, n, &l.Format) }},
}

const unlimited = "unlimited"

// limits takes resource limits by name. Whether there is such a limit is for
// the checks to say.
func (d *decoder) limits(p place, n *node) map[string]Limit {
	entries := d.entries(p, n, "write {nofile: 65536}, or another limit of getrlimit(2)")
	limits := make(map[string]Limit, len(entries))
	for _, e := range entries {
		c := p.key(e.key)
		d.mark(c, e)
		if !d.missing(c, e) {
			limits[e.key] = d.limit(c, e.value)
		}
	}
	return limits
}

// limit takes one value for both, or a mapping with both.
func (d *decoder) limit(p place, n *node) Limit {
	var l Limit
	if n.kind != kindMapping {
		d.limitValue(p, n, &l.Soft)
		l.Hard = l.Soft
		return l
	}
	decodeFields(d, p, n, "", limitFields, &l)
	for _, key := range fieldKeys(limitFields) {
		if c := p.key(key); !d.faulty[c.path] && !n.has(key) {
			d.fail(c, d.position(p, n), "write {soft: 1024, hard: 4096}, or one number for both", "%s is missing", c)
		}
	}
	return l
}

func (d *decoder) limitValue(p place, n *node, v *uint64) {
	n, ok := d.expanded(p, n)
	if !ok {
		return
	}
	if n.kind == kindString && n.text == unlimited {
		*v = Unlimited
		return
	}
	number, err := strconv.ParseUint(n.text, 10, 64)
	switch {
	case n.kind != kindNumber:
		d.wrongType(p, n, "a whole number or unlimited", "")
	case err != nil, strconv.FormatUint(number, 10) != n.text:
		d.fail(p, d.position(p, n), "write plain decimal digits, or unlimited", "%s must be a whole number, not %s", p, n.text)
	default:
		*v = number
	}
}

// umaskPattern has umasks start with a zero, as C and shells write octal
// numbers. Without one nobody can tell: YAML 1.1 reads 022 as 18, YAML 1.2 as 22,
// and what is read is written back so by tools that know YAML and not us.
const umaskPattern = `^0o?[0-7]{0,3}$`

var umaskRE = regexp.MustCompile(umaskPattern)

func (d *decoder) umask(p place, n *node) *uint32 {
	n, ok := d.expanded(p, n)
	if !ok {
		return nil
	}
	if n.kind != kindNumber && n.kind != kindString {
		d.wrongType(p, n, "an octal number such as 022", "")
		return nil
	}
	if !umaskRE.MatchString(n.text) || n.text == "0o" {
		hint := "write it as 022, from 0 to 0777"
		if regexp.MustCompile(`^[0-7]{1,3}$`).MatchString(n.text) {
			hint = fmt.Sprintf("write 0%s: an octal number starts with a zero", n.text)
		}
		d.fail(p, d.position(p, n), hint, "%s is not an octal number: %q", p, n.text)
		return nil
	}
	mask, _ := strconv.ParseUint(strings.TrimPrefix(n.text, "0o"), 8, 32)
	v := uint32(mask)
	return &v
}

func (d *decoder) nice(p place, n *node) *int {
	v := 0
	d.integer(p, n, &v)
	return &v
}

// account takes a name or a number of a user or a group.
func (d *decoder) account(p place, n *node, v *string) {
	switch {
	case n.kind == kindNumber && !numberRE.MatchString(n.text):
		d.fail(p, n.at, `write plain decimal digits; a name is "quoted"`, "%s must be a whole number, not %s", p, n.text)
		return
	case n.kind == kindNumber:
		*v = n.text
		return
	}
	if text, ok := d.text(p, n); ok && text != "" {
		*v = text
	} else if ok {
		d.fail(p, d.position(p, n), "write a name or a number", "%s is empty", p)
	}
}

// stdin takes a word or a file. YAML's own null is meant as the word.
func (d *decoder) stdin(p place, n *node, v *string) {
	switch text, ok := d.stdinText(p, n); {
	case !ok:
	case text == StdinNull, text == StdinOpen:
		*v = text
	default:
		d.file(p, n, v)
	}
}

func (d *decoder) stdinText(p place, n *node) (string, bool) {
	if n.kind == kindNull {
		return StdinNull, true
	}
	return d.text(p, n)
}

// file takes the path of a file.
func (d *decoder) file(p place, n *node, v *string) {
	if path, ok := d.path(p, n); ok {
		*v = path
	}
}

// sizePattern is what sizes look like.
const sizePattern = `^[0-9]+ ?([KMG](iB)?)?$`

var (
	sizeRE    = regexp.MustCompile(sizePattern)
	sizeUnits = map[byte]int{'K': 10, 'M': 20, 'G': 30}
)

// size takes a number of bytes, or one with a unit.
func (d *decoder) size(p place, n *node, v *int64) {
	n, ok := d.expanded(p, n)
	if !ok {
		return
	}
	if n.kind != kindNumber && n.kind != kindString {
		d.wrongType(p, n, "a size such as 50MiB", "")
		return
	}
	if !sizeRE.MatchString(n.text) {
		d.fail(p, d.position(p, n), "write a number of bytes, or one with KiB, MiB or GiB, such as 50MiB", "%s is not a size: %q", p, n.text)
		return
	}
	digits := strings.TrimRight(n.text, " KMGiB")
	number, err := strconv.ParseInt(digits, 10, 64)
	shift := 0
	if unit := strings.TrimLeft(n.text[len(digits):], " "); unit != "" {
		shift = sizeUnits[unit[0]]
	}
	if err != nil || number > math.MaxInt64>>shift {
		d.fail(p, d.position(p, n), "", "%s is too large: %s", p, n.text)
		return
	}
	*v = number << shift
}

func defaultLog() Log {
	return Log{Size: DefaultLogSize, Count: DefaultLogCount, Format: LogCRI}
}

func (d *decoder) format(p place, n *node, v *LogFormat) {
	if text, ok := d.text(p, n); ok {
		*v = LogFormat(text)
	}
}

// log takes where the output goes, and how.
func (d *decoder) log(p place, n *node, v *Log) {
	if n.kind == kindString {
		d.wrongType(p, n, "a mapping", "write {file: "+n.text+"}")
		return
	}
	decodeFields(d, p, n, "write {file: web.log}, or size, count, format", logFields, v)
}
