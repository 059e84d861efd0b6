package openapi

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// wire finds in operations that both documents have what changes the bytes
// that are sent though schemas and names may stay what they are: how
// parameters and forms are written, which headers and responses come, which
// values of a discriminator lead where, what is left out of answers.
type wire struct {
	*Comparer
	seen map[sight]bool
}

// direction is who sends a body: the client a request, the server an answer.
type direction bool

const (
	asked    direction = false
	answered direction = true
)

// sight is a pair of schemas as met in one direction.
type sight struct {
	x, y uintptr
	way  direction
}

func (c *Comparer) wire(was, o Operation) {
	w := wire{c, map[sight]bool{}}
	p, q := c.Want.parameters(was), c.Got.parameters(o)
	for _, k := range Keys(p) {
		if _, both := q[k]; both {
			w.parameter("parameters/"+k, p[k], q[k], asked)
		}
	}
	x, y := c.Want.Object(was.Op["requestBody"]), c.Got.Object(o.Op["requestBody"])
	w.content("requestBody", x["content"], y["content"], asked)
	a, _ := was.Op["responses"].(map[string]any)
	b, _ := o.Op["responses"].(map[string]any)
	for _, status := range Keys(extensionless(a)) {
		w.response(status, a, b)
	}
}

// response compares what one documented status brings.
func (w *wire) response(status string, a, b map[string]any) {
	where := "responses/" + status
	now, ok := b[status]
	if !ok && status != "default" {
		now, ok = b[status[:1]+"XX"]
	}
	if !ok {
		if status != "401" && status != "403" { // told as a refusal that is gone
			w.say(where, "response removed", status, "not there")
		}
		return
	}
	x, y := w.Want.Object(a[status]), w.Got.Object(now)
	w.content(where, x["content"], y["content"], answered)
	p, q := lower(x["headers"]), lower(y["headers"])
	for _, name := range Keys(p) {
		at := where + "/headers/" + name
		header, ok := q[name]
		if !ok {
			w.say(at, "response header removed", name, "not there")
			continue
		}
		if w.Want.Object(p[name])["required"] == true && w.Got.Object(header)["required"] != true {
			w.say(at, "response header is optional now", "required", "optional")
		}
		w.parameter(at, p[name], header, answered)
	}
}

// content compares what bodies of the same media type are made of.
func (w *wire) content(where string, a, b any, way direction) {
	p, q := Media(a), Media(b)
	for _, kind := range Keys(p) {
		other, both := q[kind]
		if !both {
			continue // oasdiff's
		}
		at := where + "/content/" + kind
		x, y := w.Want.Object(p[kind]), w.Got.Object(other)
		if Text(x["encoding"]) != Text(y["encoding"]) {
			w.say(at+"/encoding", "parts are written in another way", x["encoding"], y["encoding"])
		}
		if x["schema"] != nil && y["schema"] != nil {
			w.schema(at, x["schema"], y["schema"], way)
		}
	}
}

// parameter compares how a parameter or header is written.
func (w *wire) parameter(where string, a, b any, way direction) {
	x, y := w.Want.Object(a), w.Got.Object(b)
	styleX, explodeX := style(x)
	styleY, explodeY := style(y)
	if styleX != styleY {
		w.say(where+"/style", "written in another style", styleX, styleY)
	} else if explodeX != explodeY && (composed(w.Want.Schema(x["schema"])) || composed(w.Got.Schema(y["schema"]))) {
		w.say(where+"/explode", "lists and objects are written in another way", explodeX, explodeY)
	}
	for _, word := range []string{"allowReserved", "allowEmptyValue"} {
		if way == asked && x[word] == true && y[word] != true {
			w.say(where+"/"+word, "no longer allowed", true, false)
		}
	}
	if p, q := Keys(Media(x["content"])), Keys(Media(y["content"])); !slices.Equal(p, q) {
		w.say(where+"/content", "written as another media type", strings.Join(p, ", "), strings.Join(q, ", "))
		return
	}
	w.content(where, x["content"], y["content"], way)
	if x["schema"] != nil && y["schema"] != nil {
		w.schema(where, x["schema"], y["schema"], way)
	}
}

// composed reports whether values of a schema may be lists or objects.
func composed(schema map[string]any) bool {
	types, ok := schema["type"].([]any)
	return !ok || slices.Contains(types, any("array")) || slices.Contains(types, any("object"))
}

// schema compares two schemas and what is below them, each pair once a direction.
func (w *wire) schema(where string, a, b any, way direction) {
	w.step()
	x, y := w.Want.Schema(a), w.Got.Schema(b)
	at := sight{reflect.ValueOf(x).Pointer(), reflect.ValueOf(y).Pointer(), way}
	if w.seen[at] || w.equal(a, b) {
		return
	}
	w.seen[at] = true
	w.discriminator(where, x, y, way)
	w.others(where, x, y, way)
	p, q := w.Want.members(a, 0), w.Got.members(b, 0)
	for _, name := range Keys(p) {
		if q[name] != nil {
			w.member(where+"/properties/"+name, p[name].([]any), q[name].([]any), way)
		}
	}
	if x["items"] != nil && y["items"] != nil {
		w.schema(where+"/items", x["items"], y["items"], way)
	}
	for _, word := range []string{"allOf", "anyOf", "oneOf"} {
		p, _ := x[word].([]any)
		q, _ := y[word].([]any)
		left, right := w.unpaired(p, q)
		for i := range min(len(left), len(right)) {
			w.schema(fmt.Sprintf("%s/%s/%d", where, word, i), left[i], right[i], way)
		}
	}
}

// member compares a property, wherever compositions name it.
func (w *wire) member(where string, x, y []any, way direction) {
	hidden := func(d *Doc, list []any) bool {
		return slices.ContainsFunc(list, func(v any) bool { return d.Schema(v)["writeOnly"] == true })
	}
	if way == answered && !hidden(w.Want, x) && hidden(w.Got, y) {
		w.say(where, "left out of answers now: it is write-only", "sent", "writeOnly")
	}
	for i := range min(len(x), len(y)) {
		w.schema(where, x[i], y[i], way)
	}
}

// members are the properties of a schema and of all parts that must hold
// beside it, by name.
func (d *Doc) members(v any, depth int) map[string]any {
	out := map[string]any{}
	if depth > 20 {
		return out
	}
	flat := d.Schema(v)
	properties, _ := flat["properties"].(map[string]any)
	for name, p := range properties {
		out[name] = []any{p}
	}
	parts, _ := flat["allOf"].([]any)
	for _, part := range parts {
		for name, list := range d.members(part, depth+1) {
			before, _ := out[name].([]any)
			out[name] = append(before, list.([]any)...)
		}
	}
	return out
}

// discriminator compares which values lead to which schema. A value more
// harms who reads an answer, not who sends a request.
func (w *wire) discriminator(where string, x, y map[string]any, way direction) {
	where += "/discriminator"
	a, had := x["discriminator"].(map[string]any)
	b, has := y["discriminator"].(map[string]any)
	if !had || !has {
		return
	}
	if a["propertyName"] != b["propertyName"] {
		w.say(where, "another property tells what it is", a["propertyName"], b["propertyName"])
		return
	}
	p, _ := a["mapping"].(map[string]any)
	q, _ := b["mapping"].(map[string]any)
	for _, value := range union(p, q) {
		old, had := p[value]
		now, has := q[value]
		switch {
		case !has:
			w.say(where+"/mapping/"+value, "a value is gone", value, "not there")
		case !had && way == answered:
			w.say(where+"/mapping/"+value, "a value that clients do not know", "not there", value)
		case had && leads(old) != leads(now) && !w.equal(old, now):
			w.say(where+"/mapping/"+value, "a value leads to another schema", leads(old), leads(now))
		}
	}
}

// leads is the reference that a value is mapped to.
func leads(v any) string {
	m, _ := v.(map[string]any)
	ref, _ := m["$ref"].(string)
	return ref
}

// others compares what a schema says of properties that it does not name.
func (w *wire) others(where string, x, y map[string]any, way direction) {
	a, had := x["additionalProperties"]
	b, has := y["additionalProperties"]
	where += "/additionalProperties"
	switch {
	case !had && !has:
	case had && has && w.equal(a, b):
	case way == asked && has && a != false:
		w.say(where, "other properties are refused or bound", a, b)
	case way == answered && had && a != false:
		w.say(where, "other properties may be anything, or something else", a, b)
	}
}
