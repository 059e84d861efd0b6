package gate

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// g2Own is what a committed contract must say, given what stackctl.yaml says
// of the site: where the API is, which cookie a login gives, which header goes
// with every change.
func g2Own(s Subject, d *g2Doc, o g2Operation) []g2Difference {
	list := g2Session(s, d, o)
	list = append(list, g2InURL(d, o)...)
	list = append(list, g2AnyBody(d, o)...)
	return append(list, g2Served(s, d, o)...)
}

// g2Session wants the login's cookie where only a user may go, and the CSRF
// header with every change that a cookie allows.
func g2Session(s Subject, d *g2Doc, o g2Operation) []g2Difference {
	auth := s.Config.Gates.Auth
	said := strings.Join(d.security(o), " or ")
	own := o.path == auth.Me && auth.Me != "" || o.path == auth.Logout && o.method == "post" && auth.Logout != ""
	if own && !d.guarded(o, auth.Header) {
		return []g2Difference{{o.name(), "security", "unguarded operation", "a guard, since stackctl.yaml says that it is for who is logged in", said}}
	}
	var list []g2Difference
	change := slices.Contains([]string{"post", "put", "patch", "delete"}, o.method)
	for _, way := range d.ways(o) {
		cookie, header := false, false
		for scheme := range way {
			cookie = cookie || strings.HasPrefix(scheme, "apiKey in cookie ")
			header = header || strings.EqualFold(scheme, "apiKey in header "+auth.Header)
		}
		if cookie && change && !header && auth.Header != "" {
			list = append(list, g2Difference{o.name(), "security", "a change needs no CSRF token", "the scheme of the header " + auth.Header + " beside the cookie", way.String()})
		}
	}
	if want := "apiKey in cookie " + auth.Cookie; own && auth.Cookie != "" && !slices.ContainsFunc(d.ways(o), func(w g2Way) bool { _, ok := w[want]; return ok }) {
		list = append(list, g2Difference{o.name(), "security", "the login's cookie does not open it", want, said})
	}
	responses, _ := o.op["responses"].(map[string]any)
	_, refused := responses["401"]
	if ways := d.ways(o); refused && len(ways) > 1 && slices.ContainsFunc(ways, func(w g2Way) bool { return len(w) == 0 }) {
		list = append(list, g2Difference{o.name(), "security", "security is optional", "no alternative without a guard, since 401 is documented", said})
	}
	return list
}

var g2SecretParameter = regexp.MustCompile(`(?i)^(?:.*[_-])?(?:password|passwd|passphrase|secret|session|session[_-]?id|api[_-]?key|access[_-]?token|refresh[_-]?token|csrf[_-]?token)$`)

// g2InURL finds what lets in whoever has it in the URL, where logs and
// histories keep it (ASVS 14.2.1).
func g2InURL(d *g2Doc, o g2Operation) []g2Difference {
	var list []g2Difference
	for _, way := range d.ways(o) {
		for scheme := range way {
			if strings.HasPrefix(scheme, "apiKey in query ") {
				list = append(list, g2Difference{o.name(), "security", "a credential is in the URL", "a cookie or a header", scheme})
			}
		}
	}
	for _, from := range []any{o.item["parameters"], o.op["parameters"]} {
		params, _ := from.([]any)
		for _, v := range params {
			p := d.object(v)
			name, _ := p["name"].(string)
			if (p["in"] == "query" || p["in"] == "path") && g2SecretParameter.MatchString(name) {
				list = append(list, g2Difference{o.name(), "parameters/" + name, "a credential is in the URL", "the body, or a header", name})
			}
		}
	}
	return list
}

// g2AnyBody finds JSON bodies of which nothing is said: nothing would be refused.
func g2AnyBody(d *g2Doc, o g2Operation) []g2Difference {
	body := d.object(o.op["requestBody"])
	content := g2Media(body["content"])
	var list []g2Difference
	for _, kind := range g2Keys(content) {
		media, _ := content[kind].(map[string]any)
		if kind == "*/*" || strings.HasSuffix(kind, "json") && !g2Says(d.object(media["schema"])) {
			list = append(list, g2Difference{o.name(), "requestBody", "any body is accepted", "a schema that says what may be sent", kind + " without one"})
		}
	}
	return list
}

// g2Says says that a schema rules out anything at all.
func g2Says(schema map[string]any) bool {
	return slices.ContainsFunc([]string{"type", "properties", "allOf", "anyOf", "oneOf", "enum", "const", "items", "not", "required"}, func(k string) bool {
		_, ok := schema[k]
		return ok
	})
}

// g2Served sees that clients are sent to this site, and to the path where the
// edge serves the API.
func g2Served(s Subject, d *g2Doc, o g2Operation) []g2Difference {
	prefix := strings.TrimSuffix(s.Config.Contract.Prefix, "/")
	said := slices.ContainsFunc([]any{o.op["servers"], o.item["servers"], d.root["servers"]}, func(v any) bool { list, _ := v.([]any); return len(list) > 0 })
	if prefix == "" || !said {
		return nil
	}
	var list []g2Difference
	wrong := func(problem, observed string) {
		list = append(list, g2Difference{o.name(), "servers", problem, "url: " + prefix, observed})
	}
	here := false
	for _, text := range d.servers(o) {
		u, err := url.Parse(text)
		switch {
		case err != nil || strings.Contains(text, "{"):
			return nil // a template: it depends on values
		case u.Scheme == "http" && !g2Local(u.Hostname()):
			wrong("clients are sent over plain HTTP", text)
		case strings.TrimSuffix(u.Path, "/") == prefix:
			here = true
		}
	}
	if !here && len(list) == 0 {
		wrong("clients are sent where the API is not served", strings.Join(d.servers(o), ", "))
	}
	return list
}

// g2Local says that a server is the developer's own machine.
func g2Local(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "127.0.0.1" || host == "::1"
}

// contractHolds sees that the operations by which the gates sign up and log in
// are in the contract.
func contractHolds(s Subject, d *g2Doc) []stack.Finding {
	auth := s.Config.Gates.Auth
	var out []stack.Finding
	for _, path := range []string{auth.SignUp, auth.Login, auth.Logout, auth.Me} {
		if path == "" || slices.ContainsFunc(d.operations(), func(o g2Operation) bool { return g2PathKey(o.path) == g2PathKey(path) }) {
			continue
		}
		out = append(out, contractFinding(s, g2Difference{path, "paths", "a path that stackctl.yaml names is not in the contract", path, "no such path"}, "write it in the contract, or correct gates.auth"))
	}
	return out
}
