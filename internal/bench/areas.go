package bench

import (
	"fmt"
	"slices"
	"strings"
)

// Programs are the paths of what is measured, and of what it is compared with.
type Programs struct {
	Seance string
	CRIU   string // "" when there is none that works
}

// Areas lists what can be measured.
func Areas(p Programs) []Area {
	return []Area{
		goBenchmarks("hierarchy", "./process", axprocess),
		goBenchmarks("lifetime", "./session", nil),
		supervision(p),
		besidePeers(p),
		orphans(p),
		images(p),
	}
}

// Select returns the areas with these names, all areas when there is no name.
func Select(areas []Area, names []string) ([]Area, error) {
	if len(names) == 0 {
		return areas, nil
	}
	var selected []Area
	for _, name := range names {
		i := slices.IndexFunc(areas, func(a Area) bool { return a.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no area %q; there are: %s", name, strings.Join(namesOf(areas), ", "))
		}
		selected = append(selected, areas[i])
	}
	return selected, nil
}

func namesOf(areas []Area) []string {
	var names []string
	for _, a := range areas {
		names = append(names, a.Name)
	}
	return names
}
