package manifest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Validate checks a manifest that was built in memory by the rules of Parse:
// names, categories, commands, readiness, durations, signals and what
// contradicts what. Values must be filled in: it sets no defaults. What it
// finds is one Errors, whose parts have no line and column.
//
// A manifest from Parse or Read is valid.
func (m *Manifest) Validate() error {
	var errs Errors
	check(m, func(_ place, msg, hint string) {
		errs = append(errs, &Error{File: m.Path, Msg: msg, Hint: hint})
	})
	return errs.asError()
}

// checker holds what the rules need. report takes a mistake with its place.
type checker struct {
	m      *Manifest
	report func(p place, msg, hint string)
}

// check applies every rule that is not about how the text is written.
func check(m *Manifest, report func(p place, msg, hint string)) {
	c := &checker{m, report}
	root := place{}
	c.name(root.key("name"), m.Name)
	if len(m.Services)+len(m.Hooks) == 0 {
		c.add(root, exampleHint, "the manifest has neither services nor hooks")
	}
	c.categories()
	c.handlers()
	for i := range m.Services {
		c.service(&m.Services[i])
	}
	for i := range m.Hooks {
		c.hook(&m.Hooks[i])
	}
	c.needs()
	c.logFiles()
	c.capture()
	c.onFailure(root.key("on_failure"), m.OnFailure)
}

func (c *checker) add(p place, hint, format string, args ...any) {
	c.report(p, fmt.Sprintf(format, args...), hint)
}

func (c *checker) name(p place, name string) {
	if !validName(name) {
		c.add(p, nameRule, "%s is not a valid name: %q", p, name)
	}
}

// handlers checks the one namespace of services and hooks. A name's place has a
// key that no text has, so that it is reported whatever else is wrong with what
// it names.
func (c *checker) handlers() {
	owners := map[string]string{}
	handler := func(p place, owner, name string) {
		at := p.own(pathSep, "")
		switch {
		case isReserved(name):
			c.add(at, "choose another name", "%s has the name of a part of seance itself", owner)
		case owners[name] != "":
			c.add(at, "services and hooks share their names", "%s has the name of %s", owner, owners[name])
		case !validName(name):
			c.add(at, nameRule, "%s has no valid name", owner)
		}
		owners[name] = owner
	}
	if n := len(c.m.Services); n > maxServices {
		c.add(place{}.key("services"), "", "%d services, with all replicas; there can be %d", n, maxServices)
		return
	}
	for i := range c.m.Services {
		s := &c.m.Services[i]
		p := placeOf(s)
		owner := p.String()
		if s.Replica == 1 { // the name stands for all of them
			handler(p, owner, s.Of)
		}
		if s.Of != "" {
			owner = fmt.Sprintf("replica %d of %s", s.Replica, owner)
		}
		handler(p, owner, s.Name)
	}
	for _, h := range c.m.Hooks {
		p := hookPlace(h.Name)
		handler(p, p.String(), h.Name)
	}
}

func (c *checker) categories() {
	if n := len(c.m.Categories); n > maxListed {
		c.add(place{}.key("categories"), "", "%d categories; there can be %d", n, maxListed)
		return
	}
	after := make(map[string]string, len(c.m.Categories))
	for i, category := range c.m.Categories {
		p := categoryPlace(i, category.Name)
		name := p.key("name")
		_, twice := after[category.Name]
		switch {
		case category.Name == "":
			c.add(name, "write - name: …", "%s has no name", p)
		case isDefaultCategory(category.Name):
			c.add(name, "choose another name", "category %q is there already: every image has it", category.Name)
		case twice:
			c.add(name, "choose another name", "category %q is there already", category.Name)
		default:
			c.name(name, category.Name)
			after[category.Name] = category.After
		}
	}
	for i, category := range c.m.Categories {
		c.after(categoryPlace(i, category.Name).key("after"), category, after)
	}
}

// after checks what a category follows; a circle is reported at the first of
// its categories.
func (c *checker) after(p place, category Category, after map[string]string) {
	switch {
	case category.After == "":
		return
	case category.After == category.Name:
		c.add(p, "", "category %q cannot follow itself", category.Name)
		return
	case !c.hasCategory(category.After):
		c.add(p, c.categoryHint(category.After), "%s is not a category: %q", p, category.After)
		return
	}
	circle := []string{category.Name}
	for next := category.After; next != "" && !isDefaultCategory(next); next = after[next] {
		if next == category.Name {
			if c.firstOf(circle) == category.Name {
				c.add(p, "", "these categories follow each other in a circle: %s → %s", strings.Join(circle, " → "), next)
			}
			return
		}
		if slices.Contains(circle, next) {
			return // leads into a circle that is reported at one of its own
		}
		circle = append(circle, next)
	}
}

// firstOf is the category of names that stands first in the manifest.
func (c *checker) firstOf(names []string) string {
	for _, category := range c.m.Categories {
		if slices.Contains(names, category.Name) {
			return category.Name
		}
	}
	return ""
}

func (c *checker) hasCategory(name string) bool {
	return isDefaultCategory(name) || slices.ContainsFunc(c.m.Categories, func(own Category) bool { return own.Name == name })
}

func (c *checker) categoryHint(name string) string {
	known := defaultCategories()
	for _, own := range c.m.Categories {
		if own.Name != "" && !slices.Contains(known, own.Name) {
			known = append(known, own.Name)
		}
	}
	if near := closest(name, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(known) > maxHinted {
		return `add it to "categories"`
	}
	return "there are " + strings.Join(known, ", ")
}

// maxHinted is how many names a hint lists at most.
const maxHinted = 20

// capture refuses what would be saved twice, and the whole machine.
func (c *checker) capture() {
	if n := len(c.m.Capture); n > maxListed {
		c.add(place{}.key("capture"), "name a folder that holds several", "%d folders in \"capture\"; there can be %d", n, maxListed)
		return
	}
	for i, path := range c.m.Capture {
		p := capturePlace(i)
		switch {
		case path == "" || strings.ContainsRune(path, 0):
			c.add(p, "", "%s is not a path: %q", p, path)
		case filepath.Clean(path) == "/":
			c.add(p, "name the folders whose files belong to the image", "%s is the whole machine: %q", p, path)
		default:
			c.captured(p, path, c.m.Capture[:i])
		}
	}
}

func (c *checker) captured(p place, path string, before []string) {
	for _, other := range before {
		switch {
		case path == other:
			c.add(p, "remove one", "%s is there twice: %q", p, path)
			return
		case isBelow(path, other):
			c.add(p, "remove it: the other is saved with all that is in it", "%s is inside another: %q in %q", p, path, other)
			return
		case isBelow(other, path):
			c.add(p, "remove the other: this one is saved with all that is in it", "%s holds another: %q in %q", p, other, path)
			return
		}
	}
}

// isBelow reports whether the path is inside the folder.
func isBelow(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != "." && rel != ".." && !strings.HasPrefix(rel, "../")
}
