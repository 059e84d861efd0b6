package gate

import (
	"fmt"
	"slices"
	"strings"
)

const g2Anonymous = "anonymous"

// g2Way is one alternative of a security requirement: what a client must
// show, all of it. It maps a scheme's definition to the scopes asked for, so
// that the name of the scheme does not matter. Empty: nothing at all.
type g2Way map[string][]string

func (w g2Way) String() string {
	if len(w) == 0 {
		return g2Anonymous
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

// covers says that whoever shows w also shows what other asks for.
func (w g2Way) covers(other g2Way) bool {
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

// ways are the alternatives that hold for an operation, its own or the
// document's.
func (d *g2Doc) ways(o g2Operation) []g2Way {
	list, ok := o.op["security"].([]any)
	if !ok {
		list, _ = d.root["security"].([]any)
	}
	if len(list) == 0 {
		return []g2Way{{}}
	}
	var out []g2Way
	for _, v := range list {
		m, _ := v.(map[string]any)
		way := g2Way{}
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

// security are the ways as sorted text.
func (d *g2Doc) security(o g2Operation) []string {
	var out []string
	for _, w := range d.ways(o) {
		out = append(out, w.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// scheme is the definition of a security scheme in one line.
func (d *g2Doc) scheme(name string) string {
	components, _ := d.root["components"].(map[string]any)
	schemes, _ := components["securitySchemes"].(map[string]any)
	m := d.object(schemes[name])
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
		return "oauth2 " + g2Flows(m["flows"])
	}
	return "undefined scheme " + name
}

// g2Flows is what of OAuth flows counts: grant types, endpoints and the names
// of scopes, not their descriptions.
func g2Flows(v any) string {
	flows, _ := v.(map[string]any)
	out := map[string]any{}
	for kind, f := range flows {
		m, _ := f.(map[string]any)
		scopes, _ := m["scopes"].(map[string]any)
		out[kind] = []any{m["authorizationUrl"], m["tokenUrl"], m["refreshUrl"], g2Keys(scopes)}
	}
	return g2Text(out)
}

// guarded says that an operation asks who the client is in every alternative.
// A CSRF header is no answer to that.
func (d *g2Doc) guarded(o g2Operation, csrf string) bool {
	for _, w := range d.ways(o) {
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

// servers are the base addresses that hold for an operation.
func (d *g2Doc) servers(o g2Operation) []string {
	for _, v := range []any{o.op["servers"], o.item["servers"], d.root["servers"]} {
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
				for _, name := range g2Keys(vars) {
					one, _ := vars[name].(map[string]any)
					url += fmt.Sprintf(" {%s: %s of %s}", name, g2Text(one["default"]), g2Text(one["enum"]))
				}
			}
			out = append(out, url)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return []string{"/"}
}

var g2AdminWords = []string{"admin", "administration", "staff", "internal", "debug", "metrics", "pprof", "backoffice", "superuser", "impersonate", "sudo", "root", "console", "actuator", "management", "superadmin", "admins", "administrator", "administrators", "operator", "operators"}

// admin says that an operation's path or tags speak of administration.
func (o g2Operation) admin() bool {
	words := strings.FieldsFunc(strings.ToLower(o.path), func(r rune) bool { return strings.ContainsRune("/-_.:{}", r) })
	tags, _ := o.op["tags"].([]any)
	for _, t := range tags {
		words = append(words, strings.Fields(strings.ToLower(fmt.Sprint(t)))...)
	}
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(g2AdminWords, w) })
}

// g2Weaker finds what the new document guards less than the old one.
func g2Weaker(before, now *g2Doc, csrf string) []g2Difference {
	old := map[string]g2Operation{}
	for _, o := range before.operations() {
		old[o.key()] = o
	}
	var list []g2Difference
	for _, o := range now.operations() {
		was, known := old[o.key()]
		if !known {
			list = append(list, g2Unguarded(before, now, o, csrf)...)
			continue
		}
		list = append(list, g2WaysChanged(before, now, was, o)...)
		list = append(list, g2RefusalsGone(was, o)...)
		if a, b := before.servers(was), now.servers(o); !g2Holds(b, a) {
			list = append(list, g2Difference{o.name(), "servers", "servers changed", strings.Join(a, ", "), strings.Join(b, ", ")})
		}
	}
	return list
}

func g2Holds(have, want []string) bool {
	for _, w := range want {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

// g2WaysChanged tells a way in that asks for less than every way before, and
// a way before that does not lead in any more.
func g2WaysChanged(before, now *g2Doc, was, o g2Operation) []g2Difference {
	oldWays, newWays := before.ways(was), now.ways(o)
	observed, expected := strings.Join(now.security(o), " or "), strings.Join(before.security(was), " or ")
	var list []g2Difference
	for _, n := range newWays {
		if !slices.ContainsFunc(oldWays, n.covers) {
			list = append(list, g2Difference{o.name(), "security", "security weakened or changed", expected, observed})
			break
		}
	}
	for _, p := range oldWays {
		if !slices.ContainsFunc(newWays, p.covers) {
			list = append(list, g2Difference{o.name(), "security", "clients of the release before are refused", expected, observed})
			break
		}
	}
	return list
}

// g2RefusalsGone tells a documented 401 or 403 that is gone.
func g2RefusalsGone(was, o g2Operation) []g2Difference {
	a, _ := was.op["responses"].(map[string]any)
	b, _ := o.op["responses"].(map[string]any)
	var list []g2Difference
	for _, status := range []string{"401", "403"} {
		_, had := a[status]
		_, has := b[status]
		if _, wide := b["4XX"]; had && !has && !wide {
			list = append(list, g2Difference{o.name(), "responses/" + status, "refusal removed", status + " documented", "not there"})
		}
	}
	return list
}

// g2Unguarded tells a new operation without a guard where one belongs: its
// path speaks of administration, or all its neighbours ask who the client is
// and it does not say by itself that it is open.
func g2Unguarded(before, now *g2Doc, o g2Operation, csrf string) []g2Difference {
	if now.guarded(o, csrf) {
		return nil
	}
	reason := ""
	if o.admin() {
		reason = "its path or tags speak of administration"
	} else if _, own := o.op["security"]; !own && g2GuardedNeighbours(before, o, csrf) {
		reason = "every other operation below its path asks who the client is"
	}
	if reason == "" {
		return nil
	}
	return []g2Difference{{o.name(), "security", "new unguarded operation", "a guard, since " + reason, strings.Join(now.security(o), " or ")}}
}

func g2GuardedNeighbours(before *g2Doc, o g2Operation, csrf string) bool {
	first := func(path string) string {
		part, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		return part
	}
	n := 0
	for _, other := range before.operations() {
		if first(other.path) != first(o.path) {
			continue
		}
		if !before.guarded(other, csrf) {
			return false
		}
		n++
	}
	return n > 0
}
