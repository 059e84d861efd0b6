package openapi

import (
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

// ErrComplex is the answer where two documents are too large or too entangled
// to compare: more than MaxSchemas, MaxLevels or MaxPairs.
var ErrComplex = fmt.Errorf("the documents are too entangled to compare: more than %d schemas, %d levels of them, or %d pairs in one operation", MaxSchemas, MaxLevels, MaxPairs)

// Comparer walks two documents side by side. Everything counts but what is
// left out on purpose: order, annotations, and whether a thing is inline or a
// reference. So what it does not know is a difference, not a blind spot.
type Comparer struct {
	Want, Got *Doc
	Found     []Difference
	seen      map[[2]uintptr]bool
	steps     int
	op        string
	classes   *classes
}

// MaxPairs is how many pairs of schemas are compared, and findings how many
// differences are kept.
const (
	MaxPairs = 150_000
	findings = 200
)

// Compare finds every difference between the document that was promised
// and the one that was got.
func Compare(want, got *Doc) ([]Difference, error) {
	return guard((*Comparer).documents, want, got)
}

// SameContent reports whether two content maps of a document say the same.
func (d *Doc) SameContent(a, b map[string]any) bool {
	list, err := guard(func(c *Comparer) { c.content("", a, b) }, d, d)
	return err == nil && len(list) == 0
}

// guard compares with a fresh memory, within bounds.
func guard(compare func(*Comparer), want, got *Doc) (list []Difference, err error) {
	c := &Comparer{Want: want, Got: got, seen: map[[2]uintptr]bool{}}
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
	if c.steps++; c.steps > MaxPairs {
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
		c.content("requestBody", x["content"], y["content"])
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

// named compares two maps of things by name; extensions do not count.
func (c *Comparer) named(where string, a, b any, each func(string, any, any)) {
	c.names(where, extensionless(a), extensionless(b), each)
}

func extensionless(v any) map[string]any {
	m, _ := v.(map[string]any)
	out := make(map[string]any, len(m))
	for k, e := range m {
		if !strings.HasPrefix(k, "x-") {
			out[k] = e
		}
	}
	return out
}

// names compares two maps of things by name, where any name may be given: a
// header may be called X-Rate.
func (c *Comparer) names(where string, x, y map[string]any, each func(string, any, any)) {
	for _, k := range Keys(x) {
		if _, ok := y[k]; !ok {
			c.say(where+"/"+k, "missing", k, "not there")
			continue
		}
		each(where+"/"+k, x[k], y[k])
	}
	for _, k := range Keys(y) {
		if _, ok := x[k]; !ok {
			c.say(where+"/"+k, "not in the contract", "not there", k)
		}
	}
}

func (c *Comparer) response(where string, a, b any) {
	x, y := c.Want.Object(a), c.Got.Object(b)
	c.content(where, x["content"], y["content"])
	c.names(where+"/headers", lower(x["headers"]), lower(y["headers"]), c.parameter)
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

// content compares media types and what they carry.
func (c *Comparer) content(where string, a, b any) {
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

func (c *Comparer) value(where string, a, b any) {
	if !reflect.DeepEqual(a, b) {
		c.say(where, "differs", a, b)
	}
}

// schema compares two schemas, each pair once, so that cycles end.
func (c *Comparer) schema(where string, a, b any) {
	c.step()
	if (a == nil) != (b == nil) {
		a, b = noSchema(a), noSchema(b)
	}
	x, y := c.Want.Schema(a), c.Got.Schema(b)
	pair := [2]uintptr{reflect.ValueOf(x).Pointer(), reflect.ValueOf(y).Pointer()}
	if c.seen[pair] {
		return
	}
	c.seen[pair] = true
	for _, k := range union(x, y) {
		c.keyword(where, k, x[k], y[k])
	}
}

// noSchema is the schema of nothing said: anything goes.
func noSchema(v any) any {
	if v == nil {
		return true
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
		c.discriminator(at, a, b)
	default:
		c.value(at, a, b)
	}
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
