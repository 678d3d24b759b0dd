package manifest

// CategoryOrder returns all categories in the order of the start-up list: the
// five that every image has, each followed by the manifest's own that name it
// as After (and those by theirs), then the manifest's own without After. Several
// that follow the same one stand in the order of the file.
//
// An own category may name one that stands later in the file, so whoever creates
// them goes by this order: each right after the one before it.
//
// It is for valid manifests; of others, categories in a circle are left out, and
// a name that is there twice stands once.
func (m *Manifest) CategoryOrder() []string {
	followers := make(map[string][]string)
	for _, c := range m.Categories {
		followers[c.After] = append(followers[c.After], c.Name)
	}
	var order []string
	known := map[string]bool{"": true}
	var add func(names []string)
	add = func(names []string) {
		for _, name := range names {
			if known[name] {
				continue
			}
			known[name] = true
			order = append(order, name)
			add(followers[name])
		}
	}
	add(defaultCategories())
	add(followers[""])
	return order
}
