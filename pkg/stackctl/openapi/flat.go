package openapi

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// annotation tells a keyword that says nothing about what is on the wire.
func annotation(key string) bool {
	switch key {
	case "title", "description", "summary", "example", "examples", "externalDocs", "deprecated", "xml", "tags",
		"$comment", "$id", "$schema", "$anchor":
		return true
	}
	return strings.HasPrefix(key, "x-")
}

// Schema flattens one schema by one level: references followed, annotations
// and defaults left out, spellings of the same thing made one. What is below
// it stays as it is. A schema that is true or empty is an empty map; false is
// {"not": {}}.
func (d *Doc) Schema(v any) map[string]any { return d.flatten(v, 0) }

func (d *Doc) flatten(v any, depth int) map[string]any {
	if b, ok := v.(bool); ok {
		if b {
			return d.anything
		}
		return d.nothing
	}
	raw, ok := v.(map[string]any)
	if !ok || depth > 40 {
		return d.anything
	}
	id := reflect.ValueOf(raw).Pointer()
	if m, ok := d.flat[id]; ok {
		return m
	}
	d.flat[id] = map[string]any{} // what a circle of compositions finds
	m := d.dereference(raw, depth)
	if m == nil {
		m = bare(raw)
		d.mapping(m)
		types(m)
		bounds(m)
		d.unwrapNull(m, depth)
		m = single(d.unwrapSingle(m, depth))
		sets(m)
		defaults(m)
	}
	d.flat[id] = m
	return m
}

// dereference follows a reference; nil where raw is none.
func (d *Doc) dereference(raw map[string]any, depth int) map[string]any {
	ref, ok := raw["$ref"].(string)
	if !ok {
		return nil
	}
	target, err := d.target(ref)
	if err != nil {
		return d.anything
	}
	if !d.V31 || !siblings(raw) {
		return d.flatten(target, depth+1)
	}
	rest := map[string]any{}
	for k, v := range raw {
		if k != "$ref" {
			rest[k] = v
		}
	}
	return d.unwrapSingle(map[string]any{"allOf": []any{target, rest}}, depth)
}

func bare(raw map[string]any) map[string]any {
	m := make(map[string]any, len(raw))
	for k, v := range raw {
		if !annotation(k) {
			m[k] = v
		}
	}
	return m
}

// types makes type a sorted list that holds "null" where null is allowed.
func types(m map[string]any) {
	var types []string
	switch t := m["type"].(type) {
	case string:
		types = []string{t}
	case []any:
		for _, e := range t {
			if s, ok := e.(string); ok {
				types = append(types, s)
			}
		}
	}
	if m["nullable"] == true && len(types) > 0 {
		types = append(types, "null")
		delete(m, "nullable")
	}
	if len(types) > 0 {
		slices.Sort(types)
		m["type"] = g2Strings(slices.Compact(types))
	}
	if c, ok := m["const"]; ok && m["enum"] == nil {
		m["enum"] = []any{c}
		delete(m, "const")
	}
}

// bounds gives OpenAPI 3.0's exclusive bounds the spelling of 3.1.
func bounds(m map[string]any) {
	for exclusive, plain := range map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"} {
		b, ok := m[exclusive].(bool)
		if !ok {
			continue
		}
		delete(m, exclusive)
		if limit, has := m[plain]; b && has {
			m[exclusive] = limit
			delete(m, plain)
		}
	}
}

// unwrapNull turns anyOf: [X, {type: null}] into X that may be null.
func (d *Doc) unwrapNull(m map[string]any, depth int) {
	for _, word := range []string{"anyOf", "oneOf"} {
		branches, _ := m[word].([]any)
		if len(branches) != 2 || m["type"] != nil {
			continue
		}
		for i, b := range branches {
			null := d.flatten(b, depth+1)
			if len(null) != 1 || !reflect.DeepEqual(null["type"], []any{"null"}) {
				continue
			}
			other := d.flatten(branches[1-i], depth+1)
			types, ok := other["type"].([]any)
			if !ok || !disjoint(m, other, word) || other["enum"] != nil {
				break
			}
			delete(m, word)
			for k, v := range other {
				m[k] = v
			}
			names := []string{"null"}
			for _, t := range types {
				names = append(names, t.(string))
			}
			slices.Sort(names)
			m["type"] = g2Strings(slices.Compact(names))
			break
		}
	}
}

// unwrapSingle merges a composition of one branch into its schema, where
// nothing stands in both.
func (d *Doc) unwrapSingle(m map[string]any, depth int) map[string]any {
	for _, word := range []string{"allOf", "anyOf", "oneOf"} {
		branches, _ := m[word].([]any)
		if len(branches) != 1 {
			continue
		}
		branch := d.flatten(branches[0], depth+1)
		if !disjoint(m, branch, word) {
			continue
		}
		merged := make(map[string]any, len(m)+len(branch))
		for k, v := range m {
			if k != word {
				merged[k] = v
			}
		}
		for k, v := range branch {
			merged[k] = v
		}
		m = merged
		if types, ok := m["type"].([]any); ok && m["nullable"] == true {
			names := []string{"null"}
			for _, t := range types {
				names = append(names, t.(string))
			}
			slices.Sort(names)
			m["type"] = g2Strings(slices.Compact(names))
			delete(m, "nullable")
		}
	}
	return m
}

func disjoint(m, branch map[string]any, word string) bool {
	for k := range branch {
		if _, both := m[k]; both && k != word {
			return false
		}
	}
	// additionalProperties looks at the properties beside it alone.
	_, inner := branch["additionalProperties"]
	_, outer := m["additionalProperties"]
	return !(inner && m["properties"] != nil) && !(outer && branch["properties"] != nil)
}

// sets sorts what is a set.
func sets(m map[string]any) {
	for _, word := range []string{"required", "enum"} {
		list, ok := m[word].([]any)
		if !ok {
			continue
		}
		list = slices.Clone(list)
		slices.SortFunc(list, func(a, b any) int { return strings.Compare(Text(a), Text(b)) })
		m[word] = slices.CompactFunc(list, func(a, b any) bool { return Text(a) == Text(b) })
	}
}

// defaults leaves out what says no more than its absence.
func defaults(m map[string]any) {
	for k, v := range m {
		switch k {
		case "nullable", "readOnly", "writeOnly", "uniqueItems":
			if v == false {
				delete(m, k)
			}
		case "minLength", "minItems", "minProperties":
			if v == float64(0) {
				delete(m, k)
			}
		case "required", "properties", "patternProperties", "allOf":
			if reflect.ValueOf(v).Kind() == reflect.Slice || reflect.ValueOf(v).Kind() == reflect.Map {
				if reflect.ValueOf(v).Len() == 0 {
					delete(m, k)
				}
			}
		case "additionalProperties", "items", "unevaluatedProperties":
			if e, ok := v.(map[string]any); v == true || ok && len(bare(e)) == 0 {
				delete(m, k)
			}
		}
	}
}

func g2Strings(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// Text is a value as compact JSON with sorted keys.
func Text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return string(b)
}
