package openapi

import (
	"errors"
	"fmt"
	"mime"
	"reflect"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// Difference is one place where two documents say different things about
// what is on the wire.
type Difference struct {
	// Rule is the ID of the rule that was broken, where one document alone is judged.
	Rule     string `json:"rule,omitempty"`
	Subject  string `json:"subject"`
	Where    string `json:"where"`
	Problem  string `json:"problem"`
	Expected string `json:"expected"`
	Observed string `json:"observed"`
}

// ErrComplex is the answer where two documents are too entangled to compare.
var ErrComplex = errors.New("the documents are too entangled to compare")

// Comparer walks two documents side by side. Everything counts but what is
// left out on purpose: order, annotations, and whether a thing is inline or a
// reference. So what it does not know is a difference, not a blind spot.
type Comparer struct {
	Want, Got *Doc
	Found     []Difference
	Seen      map[[2]uintptr]bool
	Steps     *int
	op        string
}

const (
	steps    = 150_000
	findings = 200
)

// Compare finds every difference between the document that was promised
// and the one that was got.
func Compare(want, got *Doc) ([]Difference, error) {
	return guard((*Comparer).documents, want, got)
}

// guard compares with a fresh memory, within bounds.
func guard(compare func(*Comparer), want, got *Doc) (list []Difference, err error) {
	steps := 0
	c := &Comparer{Want: want, Got: got, Seen: map[[2]uintptr]bool{}, Steps: &steps}
	defer func() {
		if r := recover(); r != nil {
			if r != ErrComplex { //nolint:errorlint // it is this very value
				panic(r)
			}
			list, err = nil, ErrComplex
		}
	}()
	compare(c)
	return c.Found, nil
}

func (c *Comparer) documents() {
	promised := map[string]Operation{}
	for _, o := range c.Want.Operations() {
		promised[o.key()] = o
	}
	for _, o := range c.Got.Operations() {
		c.op = o.Name()
		p, ok := promised[o.key()]
		if !ok {
			c.say("", "undocumented operation", "only what the contract names", o.Name())
			continue
		}
		delete(promised, o.key())
		c.operation(p, o)
	}
	for _, o := range c.Want.Operations() {
		if _, missing := promised[o.key()]; missing {
			c.op = o.Name()
			c.say("", "operation missing", o.Name(), "not there")
		}
	}
	c.op = "webhooks"
	c.named("webhooks", c.Want.Root["webhooks"], c.Got.Root["webhooks"], c.pathItem)
}

func (c *Comparer) say(where, problem string, expected, observed any) {
	if len(c.Found) < findings {
		c.Found = append(c.Found, Difference{Subject: c.op, Where: where, Problem: problem, Expected: show(expected), Observed: show(observed)})
	}
}

func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return stack.Short(v, 300)
	}
	return stack.Short(Text(v), 300)
}

func (c *Comparer) step() {
	if *c.Steps++; *c.Steps > steps {
		panic(ErrComplex)
	}
}

func (c *Comparer) pathItem(where string, a, b any) {
	x, y := c.Want.Object(a), c.Got.Object(b)
	for _, m := range methods {
		p, okP := x[m].(map[string]any)
		q, okQ := y[m].(map[string]any)
		if okP != okQ {
			c.say(where+"/"+m, "operation differs", okP, okQ)
		} else if okP {
			c.operation(Operation{where, m, x, p}, Operation{where, m, y, q})
		}
	}
}

func (c *Comparer) operation(p, q Operation) {
	c.value("operationId", p.Op["operationId"], q.Op["operationId"])
	if a, b := c.Want.Security(p), c.Got.Security(q); !slices.Equal(a, b) {
		c.say("security", "security differs", strings.Join(a, " or "), strings.Join(b, " or "))
	}
	if a, b := c.Want.Servers(p), c.Got.Servers(q); !slices.Equal(a, b) {
		c.say("servers", "servers differ", strings.Join(a, ", "), strings.Join(b, ", "))
	}
	c.parameters(p, q)
	x, y := c.Want.Object(p.Op["requestBody"]), c.Got.Object(q.Op["requestBody"])
	if (x == nil) != (y == nil) {
		c.say("requestBody", "request body differs", presence(x), presence(y))
	} else if x != nil {
		c.value("requestBody/required", x["required"] == true, y["required"] == true)
		c.Content("requestBody", x["content"], y["content"])
	}
	c.named("responses", p.Op["responses"], q.Op["responses"], c.response)
	c.named("callbacks", p.Op["callbacks"], q.Op["callbacks"], func(where string, a, b any) {
		c.named(where, c.Want.Object(a), c.Got.Object(b), c.pathItem)
	})
}

func presence(m map[string]any) string {
	if m == nil {
		return "none"
	}
	return "one"
}

// named compares two maps of things by name.
func (c *Comparer) named(where string, a, b any, each func(string, any, any)) {
	x, _ := a.(map[string]any)
	y, _ := b.(map[string]any)
	for _, k := range Keys(x) {
		if strings.HasPrefix(k, "x-") {
			continue
		}
		if _, ok := y[k]; !ok {
			c.say(where+"/"+k, "missing", k, "not there")
			continue
		}
		each(where+"/"+k, x[k], y[k])
	}
	for _, k := range Keys(y) {
		if _, ok := x[k]; !ok && !strings.HasPrefix(k, "x-") {
			c.say(where+"/"+k, "not in the contract", "not there", k)
		}
	}
}

func (c *Comparer) response(where string, a, b any) {
	x, y := c.Want.Object(a), c.Got.Object(b)
	c.Content(where, x["content"], y["content"])
	c.named(where+"/headers", lower(x["headers"]), lower(y["headers"]), c.parameter)
}

// lower lowers the names of headers, and leaves out Content-Type, which
// OpenAPI ignores there.
func lower(v any) map[string]any {
	m, _ := v.(map[string]any)
	out := map[string]any{}
	for k, e := range m {
		if k = strings.ToLower(k); k != "content-type" {
			out[k] = e
		}
	}
	return out
}

// Content compares media types and what they carry.
func (c *Comparer) Content(where string, a, b any) {
	c.named(where+"/content", Media(a), Media(b), func(where string, a, b any) {
		x, y := c.Want.Object(a), c.Got.Object(b)
		c.schema(where+"/schema", x["schema"], y["schema"])
		c.value(where+"/encoding", x["encoding"], y["encoding"])
	})
}

// Media are the media types of a content map.
func Media(v any) map[string]any {
	m, _ := v.(map[string]any)
	out := make(map[string]any, len(m))
	for k, e := range m {
		if kind, params, err := mime.ParseMediaType(k); err == nil {
			if k = kind; params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
				k += "; charset=" + params["charset"]
			}
		}
		out[k] = e
	}
	return out
}

func (c *Comparer) parameters(p, q Operation) {
	c.named("parameters", c.Want.parameters(p), c.Got.parameters(q), c.parameter)
}

// parameters are those of the operation and of its path, by place and name.
func (d *Doc) parameters(o Operation) map[string]any {
	out := map[string]any{}
	for _, list := range []any{o.Item["parameters"], o.Op["parameters"]} {
		items, _ := list.([]any)
		for _, v := range items {
			m := d.Object(v)
			in, _ := m["in"].(string)
			name, _ := m["name"].(string)
			switch in {
			case "path":
				name = position(o.Path, name)
			case "header":
				name = strings.ToLower(name)
				if name == "accept" || name == "content-type" || name == "authorization" {
					continue // OpenAPI ignores them
				}
			}
			if m != nil {
				out[in+" "+name] = m
			}
		}
	}
	return out
}

// position is the number of a path parameter in its path.
func position(path, name string) string {
	before, _, ok := strings.Cut(path, "{"+name+"}")
	if !ok {
		return name
	}
	return fmt.Sprint(strings.Count(before, "{") + 1)
}

// parameter compares parameters and headers.
func (c *Comparer) parameter(where string, a, b any) {
	x, y := c.Want.Object(a), c.Got.Object(b)
	c.schema(where+"/schema", x["schema"], y["schema"])
	c.Content(where, x["content"], y["content"])
	for _, k := range []string{"required", "allowEmptyValue", "allowReserved"} {
		c.value(where+"/"+k, x[k] == true, y[k] == true)
	}
	sx, ex := style(x)
	sy, ey := style(y)
	c.value(where+"/style", sx, sy)
	c.value(where+"/explode", ex, ey)
}

// style gives the style and explode of a parameter, defaults filled in.
func style(m map[string]any) (string, bool) {
	style, _ := m["style"].(string)
	if style == "" {
		style = "simple"
		if in := m["in"]; in == "query" || in == "cookie" {
			style = "form"
		}
	}
	if explode, ok := m["explode"].(bool); ok {
		return style, explode
	}
	return style, style == "form"
}

func (c *Comparer) value(where string, a, b any) {
	if !reflect.DeepEqual(a, b) {
		c.say(where, "differs", a, b)
	}
}

// Live compares two schemas, each pair once, so that cycles end.
func (c *Comparer) schema(where string, a, b any) {
	c.step()
	if (a == nil) != (b == nil) {
		a, b = noSchema(a), noSchema(b)
	}
	x, y := c.Want.Schema(a), c.Got.Schema(b)
	pair := [2]uintptr{reflect.ValueOf(x).Pointer(), reflect.ValueOf(y).Pointer()}
	if c.Seen[pair] {
		return
	}
	c.Seen[pair] = true
	for _, k := range union(x, y) {
		c.keyword(where, k, x[k], y[k])
	}
}

// noSchema is the schema of nothing said: anything goes.
func noSchema(v any) any {
	if v == nil {
		return map[string]any{}
	}
	return v
}

func (c *Comparer) keyword(where, k string, a, b any) {
	at := where + "/" + k
	switch k {
	case "properties", "patternProperties", "dependentSchemas":
		x, _ := a.(map[string]any)
		y, _ := b.(map[string]any)
		for _, name := range union(x, y) {
			_, inX := x[name]
			_, inY := y[name]
			switch {
			case !inY:
				c.say(at+"/"+name, "missing", name, "not there")
			case !inX:
				c.say(at+"/"+name, "not in the contract", "not there", name)
			default:
				c.schema(at+"/"+name, x[name], y[name])
			}
		}
	case "items", "not", "additionalProperties", "propertyNames", "contains", "if", "then", "else",
		"unevaluatedProperties", "unevaluatedItems":
		if a == nil || b == nil {
			c.say(at, "differs", a, b)
			return
		}
		c.schema(at, a, b)
	case "allOf", "anyOf", "oneOf":
		c.branches(at, a, b)
	case "prefixItems":
		x, _ := a.([]any)
		y, _ := b.([]any)
		if len(x) != len(y) {
			c.say(at, "differs", len(x), len(y))
			return
		}
		for i := range x {
			c.schema(fmt.Sprintf("%s/%d", at, i), x[i], y[i])
		}
	case "$defs", "definitions":
	case "discriminator":
		x, y := c.Want.Object(a), c.Got.Object(b)
		c.value(at, x["propertyName"], y["propertyName"])
	default:
		c.value(at, a, b)
	}
}

// branches pairs the branches of a composition in any order.
func (c *Comparer) branches(where string, a, b any) {
	x, _ := a.([]any)
	y, _ := b.([]any)
	rest := slices.Clone(y)
	for i, branch := range x {
		at := slices.IndexFunc(rest, func(other any) bool { return c.equal(branch, other) })
		if at >= 0 {
			rest = slices.Delete(rest, at, at+1)
			continue
		}
		if len(x) == len(y) && len(x) == 1 {
			c.schema(where+"/0", branch, rest[0])
			return
		}
		c.say(fmt.Sprintf("%s/%d", where, i), "branch missing", c.Want.Schema(branch), "not there")
	}
	for _, other := range rest {
		c.say(where, "branch not in the contract", "not there", c.Got.Schema(other))
	}
}

// equal compares on the side, with its own memory of pairs.
func (c *Comparer) equal(a, b any) bool {
	side := &Comparer{Want: c.Want, Got: c.Got, Seen: map[[2]uintptr]bool{}, Steps: c.Steps}
	side.schema("", a, b)
	return len(side.Found) == 0
}

func union(x, y map[string]any) []string {
	keys := Keys(x)
	for k := range y {
		if _, ok := x[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}
