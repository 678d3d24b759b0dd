package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// reading is one manifest being read from its files.
type reading struct {
	lookup   func(name string) (string, bool)
	readFile func(path string) ([]byte, error)

	d      *decoder
	files  []string            // read so far, absolute
	seen   map[string]bool     // manifests among them
	envs   map[string][]envVar // environment files by their paths
	layers []*node             // the lowest first
	names  []string            // files that were asked for, absolute
	dotEnv map[string]string
	own    []envVar // of .env, in its order
	// hideNone counts the mistakes that hide no others: those of environment
	// files, which give a manifest nothing but more variables, and those of lines of a
	// Procfile that stands alone.
	hideNone int
	alone    bool // there is one file, and it is a Procfile
	// apart is set when the first file's text does not make the manifest by
	// itself.
	apart bool
}

func newReading(lookup func(string) (string, bool), readFile func(string) ([]byte, error)) *reading {
	return &reading{lookup: lookup, readFile: readFile, seen: map[string]bool{}, envs: map[string][]envVar{}}
}

// manifest makes one manifest of files that were found.
func (r *reading) manifest(files []string) (*Manifest, error) {
	path, err := filepath.Abs(files[0])
	if err != nil {
		return nil, fmt.Errorf("cannot read manifest %q: %w", files[0], reason(err))
	}
	main := &source{file: files[0], dir: filepath.Dir(path)}
	r.d = newDecoder(main)
	r.d.lookup = r.variable
	r.d.final = map[string]*node{}
	r.alone = len(files) == 1 && isProcfile(path)
	if err := r.readDotEnv(files[0], path); err != nil {
		return nil, err
	}
	var text []byte
	for i, file := range files {
		src, err := r.named(file)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			text = src
		}
	}
	if r.d.found > r.hideNone {
		return nil, r.d.mistakes()
	}
	root := r.merged(main)
	m, err := r.d.manifest(path, root)
	if err != nil {
		return nil, err
	}
	m.Files = r.files
	m.Source = text
	if r.apart {
		m.Source, err = r.render(root)
	}
	return m, err
}

// variable looks one up in the environment, then in .env.
func (r *reading) variable(name string) (string, bool) {
	value, ok := r.lookup(name)
	if !ok {
		value, ok = r.dotEnv[name]
	}
	r.apart = r.apart || ok
	return value, ok
}

// named reads a file that was asked for by name, with all that it includes, and
// returns its text.
func (r *reading) named(file string) ([]byte, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read manifest %q: %w", file, reason(err))
	}
	r.names = append(r.names, path)
	if r.seen[path] {
		return nil, nil
	}
	text, err := r.open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read manifest %q: %w", file, reason(err))
	}
	r.layer(file, path, text, nil)
	return text, nil
}

// open reads a manifest's file for the first time.
func (r *reading) open(path string) ([]byte, error) {
	text, err := r.readFile(path)
	if err != nil {
		return nil, err
	}
	r.seen[path] = true
	r.files = append(r.files, path)
	return text, nil
}

// layer adds a file as a layer, with those that it includes below it. Those
// are in chain that include it, itself not.
func (r *reading) layer(shown, path string, text []byte, chain []string) {
	s, e := newSource(shown, text)
	s.dir, s.order = filepath.Dir(path), len(r.files)-1
	if e != nil {
		r.d.add(newPosIn(s, e.Line, e.Column), e.Msg, e.Hint)
		return
	}
	root, ok := r.tree(s, path)
	if !ok {
		return
	}
	if len(chain) > 0 || len(r.layers) > 0 {
		r.apart = true
	}
	if include := root.get("include"); include != nil {
		r.apart = true
		r.include(include, s, append(slices.Clone(chain), path))
	}
	root = r.inlineEnvFiles(root.without("include"))
	if len(chain) > 0 {
		root = root.without("name")
	}
	r.layers = append(r.layers, root)
}

// tree parses a file.
func (r *reading) tree(s *source, path string) (*node, bool) {
	if isProcfile(path) {
		r.apart = true
		before := r.d.found
		port, err := procfileBase(r.variable)
		if err != nil {
			r.d.add(newPosIn(s, 1, 1), err.Error(), "services of a Procfile get ports from it on")
		}
		root := parseProcfile(s, port, r.d.add)
		if r.alone && len(root.get("services").pairs) > 0 {
			r.hideNone += r.d.found - before
			return root, true
		}
		return root, r.d.found == before
	}
	root, e := parseTree(s)
	if e != nil {
		r.d.add(newPosIn(s, e.Line, e.Column), e.Msg, e.Hint)
		return nil, false
	}
	if root.kind != kindMapping {
		r.d.at[""] = root.at
		r.d.wrongType(place{}, root, "a mapping", exampleHint)
		return nil, false
	}
	return root, true
}

// include adds the files that a file includes, in their order.
func (r *reading) include(n *node, by *source, chain []string) {
	p := place{}.key("include")
	for _, f := range r.paths(p, n) {
		at := f.at
		switch i := slices.Index(chain, f.path); {
		case i >= 0:
			r.d.add(at, "a file includes itself: "+circleOf(chain[i:], f.path), "remove one of these")
			continue
		case r.seen[f.path]:
			continue // lower than here: what is over it there stays over it
		case len(r.files) >= maxFiles:
			r.d.add(at, fmt.Sprintf("a manifest of more than %d files", maxFiles), "")
			return
		}
		text, err := r.open(f.path)
		if err != nil {
			r.d.add(at, fmt.Sprintf("cannot read %q: %v", f.path, reason(err)), "paths start at the folder of this file")
			continue
		}
		r.layer(by.show(f.path), f.path, text, chain)
	}
}

func circleOf(chain []string, last string) string {
	names := make([]string, 0, len(chain)+1)
	for _, path := range append(slices.Clone(chain), last) {
		names = append(names, filepath.Base(path))
	}
	return strings.Join(names, " → ")
}

// filePath is a file that is named in a manifest.
type filePath struct {
	path string
	at   pos
}

// paths decodes one path or a list of them.
func (r *reading) paths(p place, n *node) []filePath {
	items := []*node{n}
	if n.kind == kindList {
		items = n.items
	}
	var list []filePath
	for i, item := range items {
		c := p
		if n.kind == kindList {
			c = p.item(i)
		}
		r.d.at[c.path] = item.at
		if path, ok := r.d.path(c, item); ok {
			list = append(list, filePath{path, item.at})
		}
	}
	return list
}

// show names a file as the one that names it is named: relative if it is.
func (s *source) show(path string) string {
	if filepath.IsAbs(s.file) {
		return path
	}
	if rel, err := filepath.Rel(s.dir, path); err == nil {
		return filepath.Join(filepath.Dir(s.file), rel)
	}
	return path
}

// merged is the tree of all layers, with what the files have besides.
func (r *reading) merged(main *source) *node {
	root := r.layers[0]
	for _, layer := range r.layers[1:] {
		root = mergeManifest(root, layer)
	}
	for _, key := range []string{"services", "hooks"} {
		if n := root.get(key); n != nil && r.apart {
			root = root.with(pair{key: key, value: withFolders(n, main)})
		}
	}
	return r.withDotEnv(root)
}

// withFolders gives services and hooks that stand in another folder than the
// manifest's that folder to run in.
func withFolders(n *node, main *source) *node {
	c := *n
	c.pairs = slices.Clone(n.pairs)
	for i, p := range c.pairs {
		v := p.value
		if v.kind == kindMapping && v.at.src.dir != main.dir && !v.has("workdir") {
			folder := &node{kind: kindString, at: v.at, text: ".", literal: true, size: 1}
			c.pairs[i].value = v.with(pair{"workdir", v.at, folder})
		}
	}
	return &c
}

// newPosIn is a place in one of several files.
func newPosIn(s *source, line, column int) pos { return pos{line: line, column: column, src: s} }

// reason is what the file system said, without the path.
func reason(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
