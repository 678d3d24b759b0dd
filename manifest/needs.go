package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// expandNeeds puts the replicas in the place of the name that a service with
// replicas has in the file.
func expandNeeds(services []Service) {
	of := map[string][]string{}
	for _, s := range services {
		if s.Of != "" {
			of[s.Of] = append(of[s.Of], s.Name)
		}
	}
	if len(of) == 0 {
		return
	}
	total := 0
	for i := range services {
		s := &services[i]
		var needs []string
		for _, name := range s.Needs {
			if replicas := of[name]; replicas != nil && total < maxNeeds {
				needs = append(needs, replicas...)
				total += len(replicas)
				continue
			}
			needs = append(needs, name)
		}
		s.Needs = needs
	}
}

// needs checks what services need of each other.
func (c *checker) needs() {
	g := newNeedGraph(c.m)
	total := 0
	for i := range c.m.Services {
		s := &c.m.Services[i]
		total += len(s.Needs)
		if total > maxNeeds {
			c.add(placeOf(s).key("needs"), "let fewer need others; services of an earlier category or priority are ready anyway", "the services have more than %d needs, with each replica counted", maxNeeds)
			return
		}
		for j, name := range s.Needs {
			c.need(g, s, j, name)
		}
	}
	for _, circle := range g.circles() {
		c.add(placeOf(circle[0]).key("needs"), "remove one of these needs", "these services need each other in a circle: %s", strings.Join(namesOf(circle), " → "))
	}
}

// need checks one of the needs of a service.
func (c *checker) need(g *needGraph, s *Service, index int, name string) {
	p := needPlace(placeOf(s).key("needs"), name)
	other := g.byName[name]
	switch {
	case other == nil:
		c.add(p, c.needHint(name), "%s names no service: %q", p, name)
	case other == s:
		c.add(p, "remove it", "%s cannot need itself", placeOf(s))
	case slices.Contains(s.Needs[:index], name):
		c.add(p, "remove one", "%s names %q twice", p, name)
	case other.Disabled && !s.Disabled:
		c.add(p, "disable this one too, or remove the need", "%s needs %q, which is disabled and so never ready at start-up", placeOf(s), name)
	case g.rankOf(other).after(g.rankOf(s)):
		c.add(p, "what is needed has the same category and priority or an earlier one", "%s (%s) needs %q, which starts later (%s)",
			placeOf(s), g.rankOf(s), name, g.rankOf(other))
	}
}

// needPlace is where one name in a list of needs stands. Those of replicas
// stand nowhere: the list does.
func needPlace(list place, name string) place {
	return list.part("/" + name)
}

func (c *checker) needHint(name string) string {
	var known []string
	for _, s := range c.m.Services {
		switch s.Replica {
		case 0:
			known = append(known, s.Name)
		case 1:
			known = append(known, s.Of)
		}
	}
	if near := closest(name, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if slices.ContainsFunc(c.m.Hooks, func(h Hook) bool { return h.Name == name }) {
		return "it is a hook: give that an earlier category or priority"
	}
	if len(known) > maxHinted {
		return ""
	}
	return "there are " + strings.Join(known, ", ")
}

func namesOf(services []*Service) []string {
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.Name
	}
	return names
}

// rank is where a handler stands in the start-up list: what has the same rank
// starts together, but for needs.
type rank struct {
	category string
	position int // of the category; -1 when there is no such category
	priority int
}

func (r rank) String() string { return fmt.Sprintf("%s, priority %d", r.category, r.priority) }

func (r rank) after(other rank) bool {
	if r.position < 0 || other.position < 0 {
		return false // reported as a mistake of its own
	}
	if r.position != other.position {
		return r.position > other.position
	}
	return r.priority > other.priority
}

// needGraph is who needs whom.
type needGraph struct {
	services []Service
	byName   map[string]*Service
	position map[string]int // of categories
}

func newNeedGraph(m *Manifest) *needGraph {
	g := &needGraph{services: m.Services, byName: make(map[string]*Service, len(m.Services)), position: map[string]int{}}
	for i := range m.Services {
		if s := &m.Services[i]; g.byName[s.Name] == nil {
			g.byName[s.Name] = s
		}
	}
	for i, category := range m.CategoryOrder() {
		g.position[category] = i
	}
	return g
}

func (g *needGraph) rankOf(s *Service) rank {
	position, ok := g.position[s.Category]
	if !ok {
		position = -1
	}
	return rank{s.Category, position, s.Priority}
}

// needed are those of the same rank that a service needs: only they matter for
// the order.
func (g *needGraph) needed(s *Service) []*Service {
	var list []*Service
	for _, name := range s.Needs {
		other := g.byName[name]
		if other != nil && other != s && other.Category == s.Category && other.Priority == s.Priority {
			list = append(list, other)
		}
	}
	return list
}

// walk visits every service once, after all that it needs, in the order of the
// file as far as that allows. Each circle that it meets is shown to found, the
// first service again at its end.
func (g *needGraph) walk(visit func(*Service), found func(circle []*Service)) {
	const ahead, under, done = 0, 1, 2
	state := make(map[*Service]int, len(g.services))
	var path []*Service
	var enter func(s *Service)
	enter = func(s *Service) {
		state[s] = under
		path = append(path, s)
		for _, other := range g.needed(s) {
			switch state[other] {
			case ahead:
				enter(other)
			case under:
				found(append(slices.Clone(path[slices.Index(path, other):]), other))
			}
		}
		path = path[:len(path)-1]
		state[s] = done
		visit(s)
	}
	for i := range g.services {
		if s := &g.services[i]; state[s] == ahead {
			enter(s)
		}
	}
}

// circles gives each circle from the service that is met first. A service is
// in one of them at most: mending that may mend the others.
func (g *needGraph) circles() [][]*Service {
	var all [][]*Service
	told := map[*Service]bool{}
	g.walk(func(*Service) {}, func(circle []*Service) {
		if slices.ContainsFunc(circle, func(s *Service) bool { return told[s] }) {
			return
		}
		for _, s := range circle {
			told[s] = true
		}
		all = append(all, circle)
	})
	return all
}

// StartOrder gives the services in the order of the start-up list: by category
// and priority, and in one rank as in the file, but each after those that it
// needs. Whoever registers them goes by this order.
//
// It is for valid manifests.
func (m *Manifest) StartOrder() []*Service {
	g := newNeedGraph(m)
	order := make([]*Service, 0, len(m.Services))
	g.walk(func(s *Service) { order = append(order, s) }, func([]*Service) {})
	slices.SortStableFunc(order, func(a, b *Service) int {
		return cmp.Or(g.position[a.Category]-g.position[b.Category], cmp.Compare(a.Priority, b.Priority))
	})
	return order
}
