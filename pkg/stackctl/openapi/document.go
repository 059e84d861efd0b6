// Package openapi owns the reading and comparing of OpenAPI documents: what a
// document declares, whether two declare the same, and what of one breaks the
// clients of the other. It is pure, and must not know where a document came from.
package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// Bounds of a document that is read.
const (
	Limit    = 4 << 20 // bytes of a document
	maxDepth = 120     // nesting of a document
	Nodes    = 300_000 // values of a document
)

// Doc is an OpenAPI document as plain JSON values. It is untrusted: nothing
// outside of it is ever read.
type Doc struct {
	Root map[string]any
	// refs caches resolved references.
	refs map[string]any
	// flat caches flattened schemas by the identity of the source map.
	flat map[uintptr]map[string]any
	// anything and nothing are the flattened schemas true and false: maps that
	// live as long as the document, since schemas are known by their address.
	anything, nothing map[string]any
	// V31 reports whether the document follows OpenAPI 3.1 or later.
	V31 bool
}

// Parse reads a document and refuses what is not a bounded, self-contained
// OpenAPI 3 document with paths. YAML is accepted where asked for.
func Parse(content []byte, allowYAML bool) (*Doc, error) {
	if len(content) > Limit {
		return nil, fmt.Errorf("larger than %d MB", Limit>>20)
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, errors.New("empty")
	}
	root, err := Decode(content, allowYAML)
	if err != nil {
		return nil, err
	}
	if err := bounded(root); err != nil {
		return nil, err
	}
	m, ok := root.(map[string]any)
	if !ok {
		return nil, errors.New("not an object")
	}
	if _, old := m["swagger"]; old {
		return nil, fmt.Errorf("a Swagger %s document, not an OpenAPI 3 one: convert it (swagger2openapi, or the generator that wrote it) and commit that", stack.Short(fmt.Sprint(m["swagger"]), 20))
	}
	version, _ := m["openapi"].(string)
	if !strings.HasPrefix(version, "3.") {
		return nil, fmt.Errorf("not an OpenAPI 3 document (openapi: %q)", stack.Short(version, 20))
	}
	d := newDoc(m)
	paths, ok := m["paths"].(map[string]any)
	if !ok || len(paths) == 0 {
		return nil, errors.New("it has no paths")
	}
	if err := d.closed(m, false); err != nil {
		return nil, err
	}
	if len(d.Operations()) == 0 {
		return nil, errors.New("its paths have no operations")
	}
	return d, nil
}

func newDoc(root map[string]any) *Doc {
	version, _ := root["openapi"].(string)
	return &Doc{
		Root: root, refs: map[string]any{}, flat: map[uintptr]map[string]any{},
		anything: map[string]any{}, nothing: map[string]any{"not": true},
		V31: !strings.HasPrefix(version, "3.0"),
	}
}

// Decode reads a document from JSON or YAML, within bounds.
func Decode(content []byte, allowYAML bool) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(content))
	var root any
	err := dec.Decode(&root)
	if err == nil {
		if _, err := dec.Token(); err != io.EOF {
			return nil, errors.New("something follows the JSON document")
		}
		return root, nil
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends in the middle")
	}
	if !allowYAML {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if bytes.HasPrefix(bytes.TrimSpace(content), []byte("<")) {
		return nil, errors.New("neither JSON nor YAML: it looks like HTML")
	}
	var y any
	if err := yaml.Unmarshal(content, &y); err != nil {
		return nil, fmt.Errorf("neither JSON nor YAML: %w", err)
	}
	nodes := 0
	return fromYAML(y, 0, &nodes)
}

// fromYAML gives YAML values the types that JSON would have. Aliases make
// small texts large, so it counts while it copies.
func fromYAML(v any, depth int, nodes *int) (any, error) {
	if *nodes++; *nodes > Nodes || depth > maxDepth {
		return nil, errors.New("too large or too deep")
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			x, err := fromYAML(e, depth+1, nodes)
			if err != nil {
				return nil, err
			}
			out[k] = x
		}
		return out, nil
	case map[any]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			x, err := fromYAML(e, depth+1, nodes)
			if err != nil {
				return nil, err
			}
			out[fmt.Sprint(k)] = x
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			x, err := fromYAML(e, depth+1, nodes)
			if err != nil {
				return nil, err
			}
			out[i] = x
		}
		return out, nil
	case int:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case uint64:
		return float64(v), nil
	case time.Time:
		return v.Format(time.RFC3339), nil
	}
	return v, nil
}

func bounded(root any) error {
	nodes := 0
	var walk func(v any, depth int) error
	walk = func(v any, depth int) error {
		if nodes++; nodes > Nodes {
			return fmt.Errorf("more than %d values", Nodes)
		}
		if depth > maxDepth {
			return fmt.Errorf("nested deeper than %d", maxDepth)
		}
		switch v := v.(type) {
		case map[string]any:
			for _, e := range v {
				if err := walk(e, depth+1); err != nil {
					return err
				}
			}
		case []any:
			for _, e := range v {
				if err := walk(e, depth+1); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return walk(root, 0)
}

// closed refuses references that leave the document, lead nowhere or lead
// only to themselves. names says that the keys of v are names, not keywords.
func (d *Doc) closed(v any, names bool) error {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && !names {
			if _, err := d.target(ref); err != nil {
				return err
			}
		}
		for _, k := range Keys(v) {
			if !names && (k == "example" || k == "examples" || k == "default" || k == "enum" || k == "const") {
				continue // values, not keywords
			}
			if err := d.closed(v[k], !names && nameMap(k)); err != nil {
				return err
			}
		}
	case []any:
		for _, e := range v {
			if err := d.closed(e, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// nameMap tells a keyword whose object is keyed by names that the author chose.
func nameMap(key string) bool {
	switch key {
	case "properties", "patternProperties", "dependentSchemas", "$defs", "definitions", "schemas", "responses",
		"headers", "requestBodies", "securitySchemes", "links", "callbacks", "paths", "webhooks", "pathItems",
		"content", "mediaTypes", "encoding", "variables", "mapping", "scopes":
		return true
	}
	return false
}

// target follows a reference to something that is none.
func (d *Doc) target(ref string) (any, error) {
	if v, ok := d.refs[ref]; ok {
		return v, nil
	}
	at := ref
	for range 32 {
		v, err := d.pointer(at)
		if err != nil {
			return nil, err
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("the reference %q leads to no object", stack.Short(ref, 80))
		}
		next, ok := m["$ref"].(string)
		if !ok || d.V31 && siblings(m) {
			d.refs[ref] = v
			return v, nil
		}
		at = next
	}
	return nil, fmt.Errorf("the reference %q leads in a circle", stack.Short(ref, 80))
}

// siblings reports whether a reference has keywords beside it that count (3.1).
func siblings(m map[string]any) bool {
	for k := range m {
		if k != "$ref" && !annotation(k) {
			return true
		}
	}
	return false
}

func (d *Doc) pointer(ref string) (any, error) {
	rest, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil, fmt.Errorf("the reference %q leaves the document", stack.Short(ref, 80))
	}
	var v any = d.Root
	for part := range strings.SplitSeq(rest, "/") {
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		switch c := v.(type) {
		case map[string]any:
			next, ok := c[part]
			if !ok {
				return nil, fmt.Errorf("the reference %q leads nowhere", stack.Short(ref, 80))
			}
			v = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(c) {
				return nil, fmt.Errorf("the reference %q leads nowhere", stack.Short(ref, 80))
			}
			v = c[i]
		default:
			return nil, fmt.Errorf("the reference %q leads nowhere", stack.Short(ref, 80))
		}
	}
	return v, nil
}

// Object is v, or what it refers to; nil where that is no object. closed has
// seen every reference before.
func (d *Doc) Object(v any) map[string]any {
	m, _ := v.(map[string]any)
	for range 32 {
		ref, ok := m["$ref"].(string)
		if !ok {
			return m
		}
		t, err := d.target(ref)
		if err != nil {
			return nil
		}
		m, _ = t.(map[string]any)
	}
	return nil
}

// Operation is one operation with what it inherits.
type Operation struct {
	Path, Method string
	Item, Op     map[string]any
}

// Name is the operation as findings call it.
func (o Operation) Name() string { return strings.ToUpper(o.Method) + " " + o.Path }

// key is the operation without the names of its path parameters, which are
// not seen on the wire.
func (o Operation) key() string { return o.Method + " " + PathKey(o.Path) }

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"}

// Operations are all operations, sorted by path and method.
func (d *Doc) Operations() []Operation {
	paths, _ := d.Root["paths"].(map[string]any)
	var list []Operation
	for _, path := range Keys(paths) {
		if !strings.HasPrefix(path, "/") {
			continue
		}
		item := d.Object(paths[path])
		for _, method := range methods {
			if op, ok := item[method].(map[string]any); ok {
				list = append(list, Operation{path, method, item, op})
			}
		}
	}
	return list
}

// PathKey numbers the parameters of a path.
func PathKey(path string) string {
	var b strings.Builder
	n := 0
	for {
		open := strings.IndexByte(path, '{')
		if open < 0 {
			break
		}
		end := strings.IndexByte(path[open:], '}')
		if end < 0 {
			break
		}
		n++
		b.WriteString(path[:open] + "{" + strconv.Itoa(n) + "}")
		path = path[open+end+1:]
	}
	b.WriteString(path)
	return b.String()
}

// Keys are the names in a map, sorted.
func Keys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Needs reports whether an operation has a parameter that must be given.
func (d *Doc) Needs(o Operation) bool {
	for _, p := range d.parameters(o) {
		if m, _ := p.(map[string]any); m["required"] == true {
			return true
		}
	}
	return false
}
