package openapi

import (
	"fmt"
	"slices"
	"strings"
)

const anonymous = "anonymous"

// Way is one alternative of a security requirement: what a client must
// show, all of it. It maps a scheme's definition to the scopes asked for, so
// that the name of the scheme does not matter. Empty: nothing at all.
type Way map[string][]string

func (w Way) String() string {
	if len(w) == 0 {
		return anonymous
	}
	var parts []string
	for scheme, scopes := range w {
		if len(scopes) > 0 {
			scheme += " (" + strings.Join(scopes, ", ") + ")"
		}
		parts = append(parts, scheme)
	}
	slices.Sort(parts)
	return strings.Join(parts, " and ")
}

// covers reports whether whoever shows w also shows what other asks for.
func (w Way) covers(other Way) bool {
	for scheme, scopes := range other {
		have, ok := w[scheme]
		if !ok {
			return false
		}
		for _, s := range scopes {
			if !slices.Contains(have, s) {
				return false
			}
		}
	}
	return true
}

// Ways are the alternatives that hold for an operation, its own or the
// document's.
func (d *Doc) Ways(o Operation) []Way {
	list, ok := o.Op["security"].([]any)
	if !ok {
		list, _ = d.Root["security"].([]any)
	}
	if len(list) == 0 {
		return []Way{{}}
	}
	var out []Way
	for _, v := range list {
		m, _ := v.(map[string]any)
		way := Way{}
		for name, v := range m {
			scopes := []string{}
			items, _ := v.([]any)
			for _, s := range items {
				scopes = append(scopes, fmt.Sprint(s))
			}
			slices.Sort(scopes)
			way[d.scheme(name)] = scopes
		}
		out = append(out, way)
	}
	return out
}

// Security are the ways as sorted text.
func (d *Doc) Security(o Operation) []string {
	var out []string
	for _, w := range d.Ways(o) {
		out = append(out, w.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// scheme is the definition of a security scheme in one line.
func (d *Doc) scheme(name string) string {
	components, _ := d.Root["components"].(map[string]any)
	schemes, _ := components["securitySchemes"].(map[string]any)
	m := d.Object(schemes[name])
	switch m["type"] {
	case "apiKey":
		return fmt.Sprintf("apiKey in %v %v", m["in"], m["name"])
	case "http":
		return fmt.Sprintf("http %s", strings.ToLower(fmt.Sprint(m["scheme"])))
	case "openIdConnect":
		return fmt.Sprintf("openIdConnect %v", m["openIdConnectUrl"])
	case "mutualTLS":
		return "mutualTLS"
	case "oauth2":
		return "oauth2 " + flows(m["flows"])
	}
	return "undefined scheme " + name
}

// flows is what of OAuth flows counts: grant types, endpoints and the names
// of scopes, not their descriptions.
func flows(v any) string {
	flows, _ := v.(map[string]any)
	out := map[string]any{}
	for kind, f := range flows {
		m, _ := f.(map[string]any)
		scopes, _ := m["scopes"].(map[string]any)
		out[kind] = []any{m["authorizationUrl"], m["tokenUrl"], m["refreshUrl"], Keys(scopes)}
	}
	return Text(out)
}

// Guarded reports whether an operation asks who the client is in every alternative.
// A CSRF header is no answer to that.
func (d *Doc) Guarded(o Operation, csrf string) bool {
	for _, w := range d.Ways(o) {
		who := false
		for scheme := range w {
			who = who || !strings.EqualFold(scheme, "apiKey in header "+csrf)
		}
		if !who {
			return false
		}
	}
	return true
}

// Servers are the base addresses that hold for an operation.
func (d *Doc) Servers(o Operation) []string {
	for _, v := range []any{o.Op["servers"], o.Item["servers"], d.Root["servers"]} {
		list, _ := v.([]any)
		if len(list) == 0 {
			continue
		}
		var out []string
		for _, e := range list {
			m, _ := e.(map[string]any)
			url, _ := m["url"].(string)
			if url = strings.TrimRight(url, "/"); url == "" {
				url = "/"
			}
			if vars, _ := m["variables"].(map[string]any); len(vars) > 0 {
				for _, name := range Keys(vars) {
					one, _ := vars[name].(map[string]any)
					url += fmt.Sprintf(" {%s: %s of %s}", name, Text(one["default"]), Text(one["enum"]))
				}
			}
			out = append(out, url)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return []string{"/"}
}

// ServerURLs are the base addresses of an operation as clients use them: a
// variable stands for its default and for each of its values; one without
// either stays as it is written.
func (d *Doc) ServerURLs(o Operation) []string {
	for _, v := range []any{o.Op["servers"], o.Item["servers"], d.Root["servers"]} {
		list, _ := v.([]any)
		if len(list) == 0 {
			continue
		}
		var out []string
		for _, e := range list {
			m, _ := e.(map[string]any)
			text, _ := m["url"].(string)
			variables, _ := m["variables"].(map[string]any)
			out = append(out, spelled(text, variables)...)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return []string{"/"}
}

// maxSpelled bounds how many addresses the values of variables make.
const maxSpelled = 200

func spelled(text string, variables map[string]any) []string {
	out := []string{text}
	for _, name := range Keys(variables) {
		one, _ := variables[name].(map[string]any)
		values, _ := one["enum"].([]any)
		values = append(slices.Clone(values), one["default"])
		var next []string
		for _, t := range out {
			for _, v := range values {
				if value, ok := v.(string); ok && len(next) < maxSpelled {
					next = append(next, strings.ReplaceAll(t, "{"+name+"}", value))
				}
			}
		}
		if len(next) > 0 {
			out = next
		}
	}
	return out
}

var adminWords = []string{"admin", "administration", "staff", "internal", "debug", "metrics", "pprof", "backoffice", "superuser", "impersonate", "sudo", "root", "console", "actuator", "management", "superadmin", "admins", "administrator", "administrators", "operator", "operators"}

// Admin reports whether an operation's path or tags speak of administration.
func (o Operation) Admin() bool {
	words := strings.FieldsFunc(strings.ToLower(o.Path), func(r rune) bool { return strings.ContainsRune("/-_.:{}", r) })
	tags, _ := o.Op["tags"].([]any)
	for _, t := range tags {
		words = append(words, strings.Fields(strings.ToLower(fmt.Sprint(t)))...)
	}
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(adminWords, w) })
}

// Weaker finds what the new document guards less than the old one.
func Weaker(before, now *Doc, csrf string) []Difference {
	old := map[string]Operation{}
	for _, o := range before.Operations() {
		old[o.key()] = o
	}
	var list []Difference
	for _, o := range now.Operations() {
		was, known := old[o.key()]
		if !known {
			list = append(list, unguarded(before, now, o, csrf)...)
			continue
		}
		list = append(list, waysChanged(before, now, was, o)...)
		list = append(list, refusalsGone(was, o)...)
		if a, b := before.Servers(was), now.Servers(o); !holds(b, a) {
			list = append(list, Difference{Subject: o.Name(), Where: "servers", Problem: "servers changed", Expected: strings.Join(a, ", "), Observed: strings.Join(b, ", ")})
		}
	}
	return list
}

func holds(have, want []string) bool {
	for _, w := range want {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

// waysChanged returns a way in that asks for less than every way before, and
// a way before that does not lead in any more.
func waysChanged(before, now *Doc, was, o Operation) []Difference {
	oldWays, newWays := before.Ways(was), now.Ways(o)
	observed, expected := strings.Join(now.Security(o), " or "), strings.Join(before.Security(was), " or ")
	var list []Difference
	for _, n := range newWays {
		if !slices.ContainsFunc(oldWays, n.covers) {
			list = append(list, Difference{Subject: o.Name(), Where: "security", Problem: "security weakened or changed", Expected: expected, Observed: observed})
			break
		}
	}
	for _, p := range oldWays {
		if !slices.ContainsFunc(newWays, p.covers) {
			list = append(list, Difference{Subject: o.Name(), Where: "security", Problem: "clients of the release before are refused", Expected: expected, Observed: observed})
			break
		}
	}
	return list
}

// refusalsGone returns a documented 401 or 403 that is gone.
func refusalsGone(was, o Operation) []Difference {
	a, _ := was.Op["responses"].(map[string]any)
	b, _ := o.Op["responses"].(map[string]any)
	var list []Difference
	for _, status := range []string{"401", "403"} {
		_, had := a[status]
		_, has := b[status]
		if _, wide := b["4XX"]; had && !has && !wide {
			list = append(list, Difference{Subject: o.Name(), Where: "responses/" + status, Problem: "refusal removed", Expected: status + " documented", Observed: "not there"})
		}
	}
	return list
}

// unguarded returns a new operation without a guard where one belongs: its
// path speaks of administration, or all its neighbours ask who the client is
// and it does not say by itself that it is open.
func unguarded(before, now *Doc, o Operation, csrf string) []Difference {
	if now.Guarded(o, csrf) {
		return nil
	}
	reason := ""
	if o.Admin() {
		reason = "its path or tags speak of administration"
	} else if _, own := o.Op["security"]; !own && guardedNeighbours(before, o, csrf) {
		reason = "every other operation below its path asks who the client is"
	}
	if reason == "" {
		return nil
	}
	return []Difference{{Subject: o.Name(), Where: "security", Problem: "new unguarded operation", Expected: "a guard, since " + reason, Observed: strings.Join(now.Security(o), " or ")}}
}

func guardedNeighbours(before *Doc, o Operation, csrf string) bool {
	first := func(path string) string {
		part, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		return part
	}
	n := 0
	for _, other := range before.Operations() {
		if first(other.Path) != first(o.Path) {
			continue
		}
		if !before.Guarded(other, csrf) {
			return false
		}
		n++
	}
	return n > 0
}
