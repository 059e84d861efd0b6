package gate

import (
	"errors"
	"fmt"
	"mime"
	"reflect"
	"slices"
	"stackctl/pkg/stackctl/stack"
	"strings"
)

// g2Difference is one place where two documents say different things about
// what is on the wire.
type g2Difference struct {
	Subject  string `json:"subject"`
	Where    string `json:"where"`
	Problem  string `json:"problem"`
	Expected string `json:"expected"`
	Observed string `json:"observed"`
}

var errG2Complex = errors.New("the documents are too entangled to compare")

// g2Comparer walks two documents side by side. Everything counts but what is
// left out on purpose: order, annotations, and whether a thing is inline or a
// reference. So what it does not know is a difference, not a blind spot.
type g2Comparer struct {
	want, got *g2Doc
	found     []g2Difference
	seen      map[[2]uintptr]bool
	steps     *int
	op        string
}

const (
	g2Steps    = 150_000
	g2Findings = 200
)

// g2Compare finds every difference between the document that was promised
// and the one that was got.
func g2Compare(want, got *g2Doc) ([]g2Difference, error) {
	return g2Guard((*g2Comparer).documents, want, got)
}

// g2Guard compares with a fresh memory, within bounds.
func g2Guard(compare func(*g2Comparer), want, got *g2Doc) (list []g2Difference, err error) {
	steps := 0
	c := &g2Comparer{want: want, got: got, seen: map[[2]uintptr]bool{}, steps: &steps}
	defer func() {
		if r := recover(); r != nil {
			if r != errG2Complex { //nolint:errorlint // it is this very value
				panic(r)
			}
			list, err = nil, errG2Complex
		}
	}()
	compare(c)
	return c.found, nil
}

func (c *g2Comparer) documents() {
	promised := map[string]g2Operation{}
	for _, o := range c.want.operations() {
		promised[o.key()] = o
	}
	for _, o := range c.got.operations() {
		c.op = o.name()
		p, ok := promised[o.key()]
		if !ok {
			c.say("", "undocumented operation", "only what the contract names", o.name())
			continue
		}
		delete(promised, o.key())
		c.operation(p, o)
	}
	for _, o := range c.want.operations() {
		if _, missing := promised[o.key()]; missing {
			c.op = o.name()
			c.say("", "operation missing", o.name(), "not there")
		}
	}
	c.op = "webhooks"
	c.named("webhooks", c.want.root["webhooks"], c.got.root["webhooks"], c.pathItem)
}

func (c *g2Comparer) say(where, problem string, expected, observed any) {
	if len(c.found) < g2Findings {
		c.found = append(c.found, g2Difference{c.op, where, problem, g2Show(expected), g2Show(observed)})
	}
}

func g2Show(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return stack.Short(v, 300)
	}
	return stack.Short(g2Text(v), 300)
}

func (c *g2Comparer) step() {
	if *c.steps++; *c.steps > g2Steps {
		panic(errG2Complex)
	}
}

func (c *g2Comparer) pathItem(where string, a, b any) {
	x, y := c.want.object(a), c.got.object(b)
	for _, m := range g2Methods {
		p, okP := x[m].(map[string]any)
		q, okQ := y[m].(map[string]any)
		if okP != okQ {
			c.say(where+"/"+m, "operation differs", okP, okQ)
		} else if okP {
			c.operation(g2Operation{where, m, x, p}, g2Operation{where, m, y, q})
		}
	}
}

func (c *g2Comparer) operation(p, q g2Operation) {
	c.value("operationId", p.op["operationId"], q.op["operationId"])
	if a, b := c.want.security(p), c.got.security(q); !slices.Equal(a, b) {
		c.say("security", "security differs", strings.Join(a, " or "), strings.Join(b, " or "))
	}
	if a, b := c.want.servers(p), c.got.servers(q); !slices.Equal(a, b) {
		c.say("servers", "servers differ", strings.Join(a, ", "), strings.Join(b, ", "))
	}
	c.parameters(p, q)
	x, y := c.want.object(p.op["requestBody"]), c.got.object(q.op["requestBody"])
	if (x == nil) != (y == nil) {
		c.say("requestBody", "request body differs", g2Presence(x), g2Presence(y))
	} else if x != nil {
		c.value("requestBody/required", x["required"] == true, y["required"] == true)
		c.content("requestBody", x["content"], y["content"])
	}
	c.named("responses", p.op["responses"], q.op["responses"], c.response)
	c.named("callbacks", p.op["callbacks"], q.op["callbacks"], func(where string, a, b any) {
		c.named(where, c.want.object(a), c.got.object(b), c.pathItem)
	})
}

func g2Presence(m map[string]any) string {
	if m == nil {
		return "none"
	}
	return "one"
}

// named compares two maps of things by name.
func (c *g2Comparer) named(where string, a, b any, each func(string, any, any)) {
	x, _ := a.(map[string]any)
	y, _ := b.(map[string]any)
	for _, k := range g2Keys(x) {
		if strings.HasPrefix(k, "x-") {
			continue
		}
		if _, ok := y[k]; !ok {
			c.say(where+"/"+k, "missing", k, "not there")
			continue
		}
		each(where+"/"+k, x[k], y[k])
	}
	for _, k := range g2Keys(y) {
		if _, ok := x[k]; !ok && !strings.HasPrefix(k, "x-") {
			c.say(where+"/"+k, "not in the contract", "not there", k)
		}
	}
}

func (c *g2Comparer) response(where string, a, b any) {
	x, y := c.want.object(a), c.got.object(b)
	c.content(where, x["content"], y["content"])
	c.named(where+"/headers", g2Lower(x["headers"]), g2Lower(y["headers"]), c.parameter)
}

// g2Lower lowers the names of headers, and leaves out Content-Type, which
// OpenAPI ignores there.
func g2Lower(v any) map[string]any {
	m, _ := v.(map[string]any)
	out := map[string]any{}
	for k, e := range m {
		if k = strings.ToLower(k); k != "content-type" {
			out[k] = e
		}
	}
	return out
}

// content compares media types and what they carry.
func (c *g2Comparer) content(where string, a, b any) {
	c.named(where+"/content", g2Media(a), g2Media(b), func(where string, a, b any) {
		x, y := c.want.object(a), c.got.object(b)
		c.schema(where+"/schema", x["schema"], y["schema"])
		c.value(where+"/encoding", x["encoding"], y["encoding"])
	})
}

func g2Media(v any) map[string]any {
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

func (c *g2Comparer) parameters(p, q g2Operation) {
	c.named("parameters", c.want.parameters(p), c.got.parameters(q), c.parameter)
}

// parameters are those of the operation and of its path, by place and name.
func (d *g2Doc) parameters(o g2Operation) map[string]any {
	out := map[string]any{}
	for _, list := range []any{o.item["parameters"], o.op["parameters"]} {
		items, _ := list.([]any)
		for _, v := range items {
			m := d.object(v)
			in, _ := m["in"].(string)
			name, _ := m["name"].(string)
			switch in {
			case "path":
				name = g2Position(o.path, name)
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

// g2Position is the number of a path parameter in its path.
func g2Position(path, name string) string {
	before, _, ok := strings.Cut(path, "{"+name+"}")
	if !ok {
		return name
	}
	return fmt.Sprint(strings.Count(before, "{") + 1)
}

// parameter compares parameters and headers.
func (c *g2Comparer) parameter(where string, a, b any) {
	x, y := c.want.object(a), c.got.object(b)
	c.schema(where+"/schema", x["schema"], y["schema"])
	c.content(where, x["content"], y["content"])
	for _, k := range []string{"required", "allowEmptyValue", "allowReserved"} {
		c.value(where+"/"+k, x[k] == true, y[k] == true)
	}
	sx, ex := g2Style(x)
	sy, ey := g2Style(y)
	c.value(where+"/style", sx, sy)
	c.value(where+"/explode", ex, ey)
}

// g2Style gives the style and explode of a parameter, defaults filled in.
func g2Style(m map[string]any) (string, bool) {
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

func (c *g2Comparer) value(where string, a, b any) {
	if !reflect.DeepEqual(a, b) {
		c.say(where, "differs", a, b)
	}
}

// schema compares two schemas, each pair once, so that cycles end.
func (c *g2Comparer) schema(where string, a, b any) {
	c.step()
	if (a == nil) != (b == nil) {
		a, b = g2NoSchema(a), g2NoSchema(b)
	}
	x, y := c.want.schema(a), c.got.schema(b)
	pair := [2]uintptr{reflect.ValueOf(x).Pointer(), reflect.ValueOf(y).Pointer()}
	if c.seen[pair] {
		return
	}
	c.seen[pair] = true
	for _, k := range g2Union(x, y) {
		c.keyword(where, k, x[k], y[k])
	}
}

// g2NoSchema is the schema of nothing said: anything goes.
func g2NoSchema(v any) any {
	if v == nil {
		return map[string]any{}
	}
	return v
}

func (c *g2Comparer) keyword(where, k string, a, b any) {
	at := where + "/" + k
	switch k {
	case "properties", "patternProperties", "dependentSchemas":
		x, _ := a.(map[string]any)
		y, _ := b.(map[string]any)
		for _, name := range g2Union(x, y) {
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
		x, y := c.want.object(a), c.got.object(b)
		c.value(at, x["propertyName"], y["propertyName"])
	default:
		c.value(at, a, b)
	}
}

// branches pairs the branches of a composition in any order.
func (c *g2Comparer) branches(where string, a, b any) {
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
		c.say(fmt.Sprintf("%s/%d", where, i), "branch missing", c.want.schema(branch), "not there")
	}
	for _, other := range rest {
		c.say(where, "branch not in the contract", "not there", c.got.schema(other))
	}
}

// equal compares on the side, with its own memory of pairs.
func (c *g2Comparer) equal(a, b any) bool {
	side := &g2Comparer{want: c.want, got: c.got, seen: map[[2]uintptr]bool{}, steps: c.steps}
	side.schema("", a, b)
	return len(side.found) == 0
}

func g2Union(x, y map[string]any) []string {
	keys := g2Keys(x)
	for k := range y {
		if _, ok := x[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}
