package openapi

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Bounds of two documents together, where compositions in them are compared.
const (
	MaxSchemas = 20_000 // schemas
	MaxLevels  = 200    // schemas below each other, until the first difference
)

// classes sorts schemas of two documents into classes of equal ones: what
// stands in a schema itself at first, then with the classes of those below it,
// until no class falls apart any more. So schemas that lead back to themselves
// end, and branches that multiply with every level cost no more than others.
type classes struct {
	nodes []node
	index map[uintptr]int // of flattened schemas
	class []int           // of each node; nil: to be made
}

// node is a flattened schema: what it says itself, and where its parts are.
type node struct {
	text  string
	parts []part
}

// part is one or several schemas below a node; their order does not count where it has several.
type part struct {
	label string
	nodes []int
}

func newClasses(docs ...*Doc) *classes {
	k := &classes{index: map[uintptr]int{}}
	for _, d := range docs {
		k.within(d, d.Root, false)
	}
	return k
}

// within adds every schema below v. names reports that the keys of v are names.
func (k *classes) within(d *Doc, v any, names bool) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range Keys(v) {
			switch below, _ := v[key].(map[string]any); {
			case !names && key == "schema":
				k.add(d, v[key])
			case !names && key == "schemas":
				for _, name := range Keys(below) {
					k.add(d, below[name])
				}
			default:
				k.within(d, v[key], !names && nameMap(key))
			}
		}
	case []any:
		for _, e := range v {
			k.within(d, e, false)
		}
	}
}

// add is the number of a schema.
func (k *classes) add(d *Doc, v any) int {
	flat := d.Schema(v)
	id := reflect.ValueOf(flat).Pointer()
	if n, ok := k.index[id]; ok {
		return n
	}
	n := len(k.nodes)
	if n >= MaxSchemas {
		panic(ErrComplex)
	}
	k.index[id], k.class = n, nil
	k.nodes = append(k.nodes, node{})
	var made node
	for _, key := range Keys(flat) {
		k.keyword(d, &made, key, flat[key])
	}
	k.nodes[n] = made
	return n
}

// keyword adds one keyword to a node, as Comparer.keyword compares it.
func (k *classes) keyword(d *Doc, n *node, key string, v any) {
	one := func(label string, v any) { n.parts = append(n.parts, part{label, []int{k.add(d, v)}}) }
	switch key {
	case "properties", "patternProperties", "dependentSchemas":
		below, _ := v.(map[string]any)
		for _, name := range Keys(below) {
			one(key+"/"+strconv.Quote(name), below[name])
		}
	case "items", "not", "additionalProperties", "propertyNames", "contains", "if", "then", "else",
		"unevaluatedProperties", "unevaluatedItems":
		one(key, v)
	case "allOf", "anyOf", "oneOf":
		list, _ := v.([]any)
		some := part{label: key}
		for _, e := range list {
			some.nodes = append(some.nodes, k.add(d, e))
		}
		n.parts = append(n.parts, some)
	case "prefixItems":
		list, _ := v.([]any)
		for i, e := range list {
			one(fmt.Sprintf("%s/%d", key, i), e)
		}
	case "discriminator":
		m, _ := v.(map[string]any)
		n.text += "discriminator " + Text(m["propertyName"]) + "\n"
		mapping, _ := m["mapping"].(map[string]any)
		for _, name := range Keys(mapping) {
			one("mapping/"+strconv.Quote(name), mapping[name])
		}
	case "$defs", "definitions":
	default:
		n.text += key + " " + Text(v) + "\n"
	}
}

// refine makes the classes.
func (k *classes) refine() {
	k.class = make([]int, len(k.nodes))
	for level, count := 0, 0; ; level++ {
		if level > MaxLevels {
			panic(ErrComplex)
		}
		known := map[string]int{}
		next := make([]int, len(k.nodes))
		for i, n := range k.nodes {
			key := k.key(n, k.class[i])
			if _, ok := known[key]; !ok {
				known[key] = len(known)
			}
			next[i] = known[key]
		}
		k.class = next
		if len(known) == count {
			return
		}
		count = len(known)
	}
}

func (k *classes) key(n node, class int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n%s", class, n.text)
	for _, p := range n.parts {
		below := make([]int, len(p.nodes))
		for i, at := range p.nodes {
			below[i] = k.class[at]
		}
		slices.Sort(below)
		fmt.Fprintf(&b, "%s %v\n", p.label, below)
	}
	return b.String()
}

// equal reports whether two schemas are of one class.
func (c *Comparer) equal(a, b any) bool {
	if c.classes == nil {
		c.classes = newClasses(c.Want, c.Got)
	}
	x, y := c.classes.add(c.Want, a), c.classes.add(c.Got, b)
	if c.classes.class == nil {
		c.classes.refine()
	}
	return c.classes.class[x] == c.classes.class[y]
}

// branches pairs the branches of a composition in any order.
func (c *Comparer) branches(where string, a, b any) {
	x, _ := a.([]any)
	y, _ := b.([]any)
	x, rest := c.unpaired(x, y)
	if len(x) == 1 && len(rest) == 1 {
		c.schema(where, x[0], rest[0])
		return
	}
	for _, branch := range x {
		c.say(where, "branch missing", c.Want.Schema(branch), "not there")
	}
	for _, other := range rest {
		c.say(where, "branch not in the contract", "not there", c.Got.Schema(other))
	}
}

// unpaired are the branches of both that have no equal one on the other side.
func (c *Comparer) unpaired(x, y []any) (left, right []any) {
	right = slices.Clone(y)
	for _, branch := range x {
		at := slices.IndexFunc(right, func(other any) bool { return c.equal(branch, other) })
		if at < 0 {
			left = append(left, branch)
			continue
		}
		right = slices.Delete(right, at, at+1)
	}
	return left, right
}

// discriminator compares which values lead to which schema.
func (c *Comparer) discriminator(where string, a, b any) {
	x, _ := a.(map[string]any)
	y, _ := b.(map[string]any)
	c.value(where+"/propertyName", x["propertyName"], y["propertyName"])
	p, _ := x["mapping"].(map[string]any)
	q, _ := y["mapping"].(map[string]any)
	c.names(where+"/mapping", p, q, c.schema)
}

// mapping writes out which values of a discriminator lead where: what the
// document maps, and the names of the branches that it does not map.
func (d *Doc) mapping(m map[string]any) {
	discriminator, ok := m["discriminator"].(map[string]any)
	if !ok {
		return
	}
	mapping := map[string]any{}
	mapped := map[string]bool{}
	given, _ := discriminator["mapping"].(map[string]any)
	for value, v := range given {
		ref, _ := v.(string)
		if !strings.HasPrefix(ref, "#/") {
			ref = "#/components/schemas/" + ref
		}
		mapped[ref] = true
		mapping[value] = map[string]any{"$ref": ref}
	}
	for _, word := range []string{"oneOf", "anyOf"} {
		list, _ := m[word].([]any)
		for _, e := range list {
			branch, _ := e.(map[string]any)
			if ref, _ := branch["$ref"].(string); ref != "" && !mapped[ref] {
				mapping[ref[strings.LastIndex(ref, "/")+1:]] = map[string]any{"$ref": ref}
			}
		}
	}
	m["discriminator"] = map[string]any{"propertyName": discriminator["propertyName"], "mapping": mapping}
}
