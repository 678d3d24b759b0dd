package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// jsonSchema checks values against the part of JSON Schema that schema.json
// uses. A keyword that it does not know is an error of the test.
type jsonSchema struct {
	t        testing.TB
	defs     map[string]any
	compiled map[string]*regexp.Regexp
}

func newSchema(t testing.TB) (jsonSchema, map[string]any) {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	return jsonSchema{t, root["$defs"].(map[string]any), map[string]*regexp.Regexp{}}, root
}

// refuses says what is wrong with v, "" if nothing is.
func (s jsonSchema) refuses(schema map[string]any, v any) string {
	for _, keyword := range slices.Sorted(maps.Keys(schema)) {
		if why := s.keyword(schema, keyword, schema[keyword], v); why != "" {
			return why
		}
	}
	return ""
}

func (s jsonSchema) keyword(schema map[string]any, keyword string, arg, v any) string {
	switch keyword {
	case "$schema", "$id", "$defs", "title", "description", "patternProperties":
		return ""
	case "$ref":
		name := strings.TrimPrefix(arg.(string), "#/$defs/")
		def, ok := s.defs[name].(map[string]any)
		if !ok {
			s.t.Fatalf("no definition %q", arg)
		}
		return s.refuses(def, v)
	case "type":
		return s.hasType(arg, v)
	case "const":
		return unless(v == arg, "%v is not %v", v, arg)
	case "enum":
		return unless(slices.Contains(arg.([]any), v), "%v is not in %v", v, arg)
	case "anyOf", "oneOf", "not":
		return s.combine(keyword, arg, v)
	}
	switch v := v.(type) {
	case string:
		return s.aboutString(keyword, arg, v)
	case float64:
		return s.aboutNumber(keyword, arg, v)
	case []any:
		return s.aboutList(schema, keyword, arg, v)
	case map[string]any:
		return s.aboutMapping(schema, keyword, arg, v)
	}
	return ""
}

func unless(ok bool, format string, args ...any) string {
	if ok {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

func (s jsonSchema) hasType(arg, v any) string {
	names, ok := arg.([]any)
	if !ok {
		names = []any{arg}
	}
	for _, name := range names {
		is := false
		switch v := v.(type) {
		case string:
			is = name == "string"
		case bool:
			is = name == "boolean"
		case float64:
			is = name == "number" || name == "integer" && v == math.Trunc(v)
		case []any:
			is = name == "array"
		case map[string]any:
			is = name == "object"
		case nil:
			is = name == "null"
		}
		if is {
			return ""
		}
	}
	return fmt.Sprintf("%v is not %v", v, arg)
}

func (s jsonSchema) combine(keyword string, arg, v any) string {
	if keyword == "not" {
		return unless(s.refuses(arg.(map[string]any), v) != "", "%v is forbidden", v)
	}
	taken, why := 0, ""
	for _, sub := range arg.([]any) {
		if w := s.refuses(sub.(map[string]any), v); w == "" {
			taken++
		} else {
			why += "; " + w
		}
	}
	return unless(taken == 1 || keyword == "anyOf" && taken > 1, "%s: %d hold%s", keyword, taken, why)
}

func (s jsonSchema) aboutString(keyword string, arg any, v string) string {
	switch keyword {
	case "pattern":
		return unless(s.matches(arg.(string), v), "%q does not match %s", v, arg)
	case "minLength":
		return unless(utf8.RuneCountInString(v) >= int(arg.(float64)), "%q is too short", v)
	case "maxLength":
		return unless(utf8.RuneCountInString(v) <= int(arg.(float64)), "%q is too long", v)
	}
	return s.notFor(keyword)
}

// matches says whether a pattern does, which is one of ECMA-262 that Go knows too.
func (s jsonSchema) matches(pattern, v string) bool {
	if s.compiled[pattern] == nil {
		s.compiled[pattern] = regexp.MustCompile(pattern)
	}
	return s.compiled[pattern].MatchString(v)
}

func (s jsonSchema) aboutNumber(keyword string, arg any, v float64) string {
	switch keyword {
	case "minimum":
		return unless(v >= arg.(float64), "%v is too small", v)
	case "maximum":
		return unless(v <= arg.(float64), "%v is too large", v)
	}
	return s.notFor(keyword)
}

func (s jsonSchema) aboutList(schema map[string]any, keyword string, arg any, v []any) string {
	switch keyword {
	case "minItems":
		return unless(len(v) >= int(arg.(float64)), "too few items")
	case "maxItems":
		return unless(len(v) <= int(arg.(float64)), "too many items")
	case "uniqueItems":
		for i, item := range v {
			if slices.ContainsFunc(v[:i], func(other any) bool { return reflect.DeepEqual(item, other) }) {
				return fmt.Sprintf("%v is there twice", item)
			}
		}
		return ""
	case "prefixItems":
		for i, sub := range arg.([]any)[:min(len(v), len(arg.([]any)))] {
			if why := s.refuses(sub.(map[string]any), v[i]); why != "" {
				return fmt.Sprintf("%d: %s", i, why)
			}
		}
		return ""
	case "items":
		first := 0
		if prefix, ok := schema["prefixItems"].([]any); ok {
			first = min(len(v), len(prefix))
		}
		for i, item := range v[first:] {
			if why := s.refuses(arg.(map[string]any), item); why != "" {
				return fmt.Sprintf("%d: %s", i, why)
			}
		}
		return ""
	}
	return s.notFor(keyword)
}

func (s jsonSchema) aboutMapping(schema map[string]any, keyword string, arg any, v map[string]any) string {
	properties, _ := schema["properties"].(map[string]any)
	patterns, _ := schema["patternProperties"].(map[string]any)
	switch keyword {
	case "required":
		for _, key := range arg.([]any) {
			if _, ok := v[key.(string)]; !ok {
				return fmt.Sprintf("no %v", key)
			}
		}
		return ""
	case "minProperties":
		return unless(len(v) >= int(arg.(float64)), "too few keys")
	case "properties":
		for key, sub := range properties {
			if value, ok := v[key]; ok {
				if why := s.refuses(sub.(map[string]any), value); why != "" {
					return key + ": " + why
				}
			}
		}
		return ""
	case "propertyNames":
		for key := range v {
			if why := s.refuses(arg.(map[string]any), key); why != "" {
				return "key " + why
			}
		}
		return ""
	case "additionalProperties":
		for key, value := range v {
			if _, known := properties[key]; known || matchesAny(patterns, key) {
				continue
			}
			sub, ok := arg.(map[string]any)
			if !ok {
				return fmt.Sprintf("unknown key %q", key)
			}
			if why := s.refuses(sub, value); why != "" {
				return key + ": " + why
			}
		}
		return ""
	}
	return s.notFor(keyword)
}

func matchesAny(patterns map[string]any, key string) bool {
	for p := range patterns {
		if regexp.MustCompile(p).MatchString(key) {
			return true
		}
	}
	return false
}

// notFor accepts keywords that are about values of another type.
func (s jsonSchema) notFor(keyword string) string {
	known := []string{"pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "items", "prefixItems", "uniqueItems",
		"required", "minProperties", "properties", "propertyNames", "additionalProperties"}
	if !slices.Contains(known, keyword) {
		s.t.Fatalf("the test does not know the keyword %q", keyword)
	}
	return ""
}
