package serve_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/process"
)

// comments are what the source says of types, their fields and the values of
// named strings, by "package.Type" and "package.Type.Field".
type comments struct {
	of     map[string]string
	values map[string][]string
}

func readComments(folders ...string) (*comments, error) {
	c := &comments{map[string]string{}, map[string][]string{}}
	for _, folder := range folders {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				return nil, err
			}
			c.read(file)
		}
	}
	return c, nil
}

func (c *comments) read(file *ast.File) {
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range group.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				c.readType(file.Name.Name+"."+spec.Name.Name, group, spec)
			case *ast.ValueSpec:
				c.readValue(file.Name.Name, spec)
			}
		}
	}
}

func (c *comments) readType(name string, group *ast.GenDecl, spec *ast.TypeSpec) {
	c.of[name] = sentence(group.Doc, spec.Doc)
	fields, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range fields.Fields.List {
		for _, id := range f.Names {
			c.of[name+"."+id.Name] = sentence(f.Doc, f.Comment)
		}
	}
}

func (c *comments) readValue(pkg string, spec *ast.ValueSpec) {
	typ, ok := spec.Type.(*ast.Ident)
	if !ok || len(spec.Values) != 1 {
		return
	}
	if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
		text, _ := strconv.Unquote(lit.Value)
		c.values[pkg+"."+typ.Name] = append(c.values[pkg+"."+typ.Name], text)
	}
}

// sentence is the first comment that there is, in one line.
func sentence(docs ...*ast.CommentGroup) string {
	for _, doc := range docs {
		if text := strings.Join(strings.Fields(doc.Text()), " "); text != "" {
			return strings.ToUpper(text[:1]) + text[1:]
		}
	}
	return ""
}

// schemas are those of all types that have a name.
type schemas struct {
	words *comments
	all   object
}

// undecoded are the fields that one package leaves undecoded, and what is in
// them.
var undecoded = map[string]any{
	"api.HierarchyChange.Hierarchy": process.State{},
	"api.HierarchyChange.Event":     process.Event{},
}

var (
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	rawMessage    = reflect.TypeFor[json.RawMessage]()
	moment        = reflect.TypeFor[time.Time]()
)

// of is the schema of a value's type.
func (s *schemas) of(v any) object { return s.ofType(reflect.TypeOf(v)) }

func (s *schemas) ofType(t reflect.Type) object {
	switch {
	case t == moment:
		return object{"type": "string", "format": "date-time"}
	case t == rawMessage:
		return object{}
	case t.Implements(textMarshaler):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.ofType(t.Elem())
	case reflect.Struct:
		return s.named(t)
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "contentEncoding": "base64"}
		}
		return object{"type": "array", "items": s.ofType(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.ofType(t.Elem())}
	case reflect.String:
		if values := s.words.values[t.String()]; len(values) > 0 && t.PkgPath() != "" {
			return object{"type": "string", "enum": values}
		}
		return object{"type": "string"}
	case reflect.Interface:
		return object{}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}
	}
	panic(fmt.Sprintf("the API has no form for %v", t))
}

// named refers to the schema of a struct.
func (s *schemas) named(t reflect.Type) object {
	name := t.Name()
	if t.PkgPath() != reflect.TypeFor[api.Image]().PkgPath() {
		name = "Hierarchy" + name
	}
	ref := object{"$ref": "#/components/schemas/" + name}
	if s.all[name] != nil {
		return ref
	}
	schema := object{"type": "object"}
	s.all[name] = schema // before its fields: a type may hold itself
	properties, required := object{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key == "-" || !f.IsExported() {
			continue
		}
		properties[key] = s.field(t, f)
		if !strings.Contains(options, "omit") {
			required = append(required, key)
		}
	}
	schema["properties"] = properties
	if len(required) > 0 {
		schema["required"] = required
	}
	if says := s.words.of[t.String()]; says != "" {
		schema["description"] = says
	}
	return ref
}

func (s *schemas) field(t reflect.Type, f reflect.StructField) object {
	name := t.String() + "." + f.Name
	schema := s.ofType(f.Type)
	if v := undecoded[name]; v != nil {
		schema = s.of(v)
	}
	if says := s.words.of[name]; says != "" {
		schema["description"] = says
	}
	return schema
}
