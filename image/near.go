package image

import (
	"cmp"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxNear is how many references an error proposes.
const maxNear = 3

// near lists the references of the index that a person who typed text may
// have meant: the same name with another tag, or few letters apart.
func near(idx *v1.Index, text string) []string {
	type candidate struct {
		ref      string
		distance int
	}
	var all []candidate
	name, _, _ := strings.Cut(text, ":")
	for _, d := range idx.Manifests {
		ref, ok := refOf(d)
		if !ok {
			continue
		}
		dist := min(distance(text, ref.String()), distance(text, ref.Name))
		if ref.Name == name || dist <= 1+len(text)/3 {
			all = append(all, candidate{ref.String(), dist})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.ref, b.ref))
	})
	var refs []string
	for _, c := range all[:min(len(all), maxNear)] {
		refs = append(refs, c.ref)
	}
	return refs
}

// distance is Levenshtein's, in bytes. Both texts are cut to what a reference
// can be, which bounds the work.
func distance(a, b string) int {
	a, b = a[:min(len(a), maxNameLen)], b[:min(len(b), maxNameLen)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
