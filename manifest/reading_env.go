package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"
	"unicode/utf8"
)

// dotEnv is the environment file that is read unasked.
const dotEnv = ".env"

// readDotEnv reads the .env beside the manifest, if there is one. A folder of
// that name is something else.
func (r *reading) readDotEnv(shown, path string) error {
	r.dotEnv = map[string]string{}
	file := filepath.Join(filepath.Dir(path), dotEnv)
	text, err := r.readFile(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EISDIR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read %q: %w", filepath.Join(filepath.Dir(shown), dotEnv), reason(err))
	}
	r.own = r.parseEnv(filepath.Join(filepath.Dir(shown), dotEnv), text)
	for _, v := range r.own {
		r.dotEnv[v.name] = v.value
	}
	r.envs[file] = r.own
	return nil
}

// parseEnv reads an environment file's text. Their mistakes stand after those
// of all manifests.
func (r *reading) parseEnv(shown string, text []byte) []envVar {
	s, e := newSource(shown, text)
	s.order = maxFiles + 1 + len(r.envs)
	if e != nil {
		r.d.add(newPosIn(s, e.Line, e.Column), e.Msg, e.Hint)
		return nil
	}
	return parseEnvFile(s, r.d.add)
}

// withDotEnv puts what .env sets below the manifest's own environment. What is
// set outside already is as it is there.
func (r *reading) withDotEnv(root *node) *node {
	for path := range r.envs {
		if !slices.Contains(r.files, path) {
			r.files = append(r.files, path)
		}
	}
	slices.Sort(r.files[len(r.seen):])
	if len(r.own) == 0 {
		return root
	}
	r.apart = true
	vars := slices.Clone(r.own)
	for i, v := range vars {
		if outside, ok := r.lookup(v.name); ok {
			vars[i].value = outside
		}
		if !utf8.ValidString(vars[i].value) {
			r.d.add(v.at, fmt.Sprintf("the variable %s of the environment is not UTF-8", v.name), "")
		}
	}
	return root.withEnv(vars, root.at)
}

// inlineEnvFiles puts the variables of environment files where a layer names
// them, below the variables that stand there themselves.
func (r *reading) inlineEnvFiles(root *node) *node {
	for _, key := range []string{"services", "hooks"} {
		n := root.get(key)
		if n == nil || n.kind != kindMapping {
			continue
		}
		c := *n
		c.pairs = slices.Clone(n.pairs)
		for i, p := range c.pairs {
			owner := servicePlace(p.key)
			if key == "hooks" {
				owner = hookPlace(p.key)
			}
			c.pairs[i].value = r.inlineEnvFile(owner, p.value)
		}
		root = root.with(pair{key: key, value: &c})
	}
	return r.inlineEnvFile(place{}, root)
}

func (r *reading) inlineEnvFile(p place, n *node) *node {
	files := n.get("env_file")
	if files == nil || files.kind == kindNull {
		return n // the decoder reports a key without a value
	}
	r.apart = true
	before := r.d.found
	defer func() { r.hideNone += r.d.found - before }()
	var vars []envVar
	index := map[string]int{}
	for _, f := range r.paths(p.key("env_file"), files) {
		for _, v := range r.envFile(f, files.at.src) {
			if i, again := index[v.name]; again {
				vars[i] = v
				continue
			}
			index[v.name] = len(vars)
			vars = append(vars, v)
		}
	}
	return n.without("env_file").withEnv(vars, files.at)
}

// envFile reads an environment file once.
func (r *reading) envFile(f filePath, by *source) []envVar {
	if vars, ok := r.envs[f.path]; ok {
		return vars
	}
	if len(r.envs) >= maxFiles {
		r.d.add(f.at, fmt.Sprintf("more than %d environment files", maxFiles), "")
		return nil
	}
	text, err := r.readFile(f.path)
	if err != nil {
		r.d.add(f.at, fmt.Sprintf("cannot read %q: %v", f.path, reason(err)), "paths start at the folder of this file")
		return nil
	}
	vars := r.parseEnv(by.show(f.path), text)
	r.envs[f.path] = vars
	return vars
}

// withEnv is a mapping whose env has variables below its own. An env that is
// none is left for the decoder to report.
func (n *node) withEnv(vars []envVar, at pos) *node {
	env := n.get("env")
	if len(vars) == 0 || env != nil && env.kind != kindMapping {
		return n
	}
	low := &node{kind: kindMapping, at: at, size: 1}
	for _, v := range vars {
		text := &node{kind: kindString, at: v.at, text: v.value, literal: true, size: 1}
		low.pairs = append(low.pairs, pair{v.name, v.at, text})
	}
	if env != nil {
		low = mergeWith(low, env, replace)
	}
	return n.with(pair{"env", at, low})
}
