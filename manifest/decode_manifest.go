package manifest

import "fmt"

// The tables are never written.
var manifestFields = []field[Manifest]{
	{"name", func(d *decoder, p place, n *node, m *Manifest) { d.name(p, n, &m.Name) }},
	{"include", func(d *decoder, p place, n *node, _ *Manifest) { d.needsRead(p, n) }},
	{"env", func(d *decoder, p place, n *node, _ *Manifest) { d.env = d.environment(p, n) }},
	{"env_file", func(d *decoder, p place, n *node, _ *Manifest) { d.needsRead(p, n) }},
	{"categories", func(d *decoder, p place, n *node, m *Manifest) { m.Categories = d.categories(p, n) }},
	{"services", func(d *decoder, p place, n *node, m *Manifest) { m.Services = d.services(p, n) }},
	{"hooks", func(d *decoder, p place, n *node, m *Manifest) { m.Hooks = d.hooks(p, n) }},
	{"capture", func(d *decoder, p place, n *node, m *Manifest) { m.Capture = d.capture(p, n) }},
	{"on_failure", func(d *decoder, p place, n *node, m *Manifest) { d.onFailure(p, n, &m.OnFailure) }},
}

var categoryFields = []field[Category]{
	{"name", func(d *decoder, p place, n *node, c *Category) { d.name(p, n, &c.Name) }},
	{"after", func(d *decoder, p place, n *node, c *Category) { d.name(p, n, &c.After) }},
}

// name takes a name; whether it is a good one is for the checks to say.
func (d *decoder) name(p place, n *node, v *string) {
	text, ok := d.text(p, n)
	switch {
	case !ok:
	case text == "":
		d.fail(p, n.at, nameRule, "%s is empty", p)
	default:
		*v = text
	}
}

func (d *decoder) services(p place, n *node) []Service {
	var list []Service
	for _, e := range d.entries(p, n, "write name: {command: …}") {
		c := servicePlace(e.key)
		d.mark(c, e)
		if d.isMapping(c, e, "write {command: …}") {
			list = append(list, d.serviceOrReplicas(c, e.key, e.value)...)
		}
	}
	return list
}

func (d *decoder) hooks(p place, n *node) []Hook {
	var list []Hook
	for _, e := range d.entries(p, n, "write name: {startup: …}") {
		c := hookPlace(e.key)
		d.mark(c, e)
		if d.isMapping(c, e, "write {startup: …, shutdown: …}") {
			list = append(list, d.hook(c, e.key, e.value))
		}
	}
	return list
}

// isMapping reports what is no mapping.
func (d *decoder) isMapping(p place, e pair, hint string) bool {
	if d.missing(p, e) {
		return false
	}
	if e.value.kind != kindMapping {
		d.wrongType(p, e.value, "a mapping", hint)
		return false
	}
	return true
}

func (d *decoder) categories(p place, n *node) []Category {
	if n.kind != kindList {
		d.wrongType(p, n, "a list", "write - name: …")
		return nil
	}
	var list []Category
	for _, item := range n.items {
		c := categoryPlace(len(list), categoryName(item))
		d.at[c.path] = item.at
		var category Category
		decodeFields(d, c, item, "write - name: …", categoryFields, &category)
		list = append(list, category)
	}
	return list
}

// categoryName looks ahead for the name to use in messages.
func categoryName(n *node) string {
	for _, e := range n.pairs {
		if e.key == "name" {
			return e.value.text
		}
	}
	return ""
}

func (d *decoder) capture(p place, n *node) []string {
	if n.kind != kindList {
		hint := ""
		if n.kind == kindString {
			hint = fmt.Sprintf("write [%s]", n.text)
		}
		d.wrongType(p, n, "a list of folders", hint)
		return nil
	}
	var list []string
	for _, item := range n.items {
		c := capturePlace(len(list))
		d.at[c.path] = item.at
		if path, ok := d.path(c, item); ok {
			list = append(list, path)
		}
	}
	return list
}

// The places that decoding and checking share.

func servicePlace(name string) place {
	return place{}.own("services"+pathSep+name, fmt.Sprintf("service %q", name))
}

func hookPlace(name string) place {
	return place{}.own("hooks"+pathSep+name, fmt.Sprintf("hook %q", name))
}

func categoryPlace(i int, name string) place {
	owner := fmt.Sprintf("category %d", i+1)
	if name != "" {
		owner = fmt.Sprintf("category %q", name)
	}
	return place{}.own(fmt.Sprint("categories", pathSep, i), owner)
}

func capturePlace(i int) place {
	return place{}.own(fmt.Sprint("capture", pathSep, i), `a folder of "capture"`)
}
