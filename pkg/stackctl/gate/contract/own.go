package contract

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/openapi"
	"stackctl/pkg/stackctl/stack"
)

// own is what a committed contract must say, given what stackctl.yaml says
// of the site: where the API is, which cookie a login gives, which header goes
// with every change.
func own(s gate.Subject, d *openapi.Doc, o openapi.Operation) []openapi.Difference {
	list := session(s, d, o)
	list = append(list, inURL(d, o)...)
	list = append(list, anyBody(d, o)...)
	return append(list, served(s, d, o)...)
}

// session wants the login's cookie where only a user may go, and the CSRF
// header with every change that a cookie allows.
func session(s gate.Subject, d *openapi.Doc, o openapi.Operation) []openapi.Difference {
	auth := s.Config.Gates.Auth
	said := strings.Join(d.Security(o), " or ")
	own := o.Path == auth.Me && auth.Me != "" || o.Path == auth.Logout && o.Method == "post" && auth.Logout != ""
	if own && !d.Guarded(o, auth.Header) {
		return []openapi.Difference{{Subject: o.Name(), Where: "security", Rule: guardedRule.ID, Problem: "unguarded operation", Expected: "a guard, since stackctl.yaml says that it is for who is logged in", Observed: said}}
	}
	var list []openapi.Difference
	change := slices.Contains([]string{"post", "put", "patch", "delete"}, o.Method)
	for _, way := range d.Ways(o) {
		cookie, header := false, false
		for scheme := range way {
			cookie = cookie || strings.HasPrefix(scheme, "apiKey in cookie ")
			header = header || strings.EqualFold(scheme, "apiKey in header "+auth.Header)
		}
		if cookie && change && !header && auth.Header != "" {
			list = append(list, openapi.Difference{Subject: o.Name(), Where: "security", Rule: csrfRule.ID, Problem: "a change needs no CSRF token", Expected: "the scheme of the header " + auth.Header + " beside the cookie", Observed: way.String()})
		}
	}
	if want := "apiKey in cookie " + auth.Cookie; own && auth.Cookie != "" && !slices.ContainsFunc(d.Ways(o), func(w openapi.Way) bool { _, ok := w[want]; return ok }) {
		list = append(list, openapi.Difference{Subject: o.Name(), Where: "security", Rule: csrfRule.ID, Problem: "the login's cookie does not open it", Expected: want, Observed: said})
	}
	responses, _ := o.Op["responses"].(map[string]any)
	_, refused := responses["401"]
	if ways := d.Ways(o); refused && len(ways) > 1 && slices.ContainsFunc(ways, func(w openapi.Way) bool { return len(w) == 0 }) {
		list = append(list, openapi.Difference{Subject: o.Name(), Where: "security", Rule: guardedRule.ID, Problem: "security is optional", Expected: "no alternative without a guard, since 401 is documented", Observed: said})
	}
	return list
}

var secretParameter = regexp.MustCompile(`(?i)^(?:.*[_-])?(?:password|passwd|passphrase|secret|session|session[_-]?id|api[_-]?key|access[_-]?token|refresh[_-]?token|csrf[_-]?token)$`)

// inURL finds what lets in whoever has it in the URL, where logs and
// histories keep it (ASVS 14.2.1).
func inURL(d *openapi.Doc, o openapi.Operation) []openapi.Difference {
	var list []openapi.Difference
	for _, way := range d.Ways(o) {
		for scheme := range way {
			if strings.HasPrefix(scheme, "apiKey in query ") {
				list = append(list, openapi.Difference{Subject: o.Name(), Where: "security", Rule: credentialInURLRule.ID, Problem: "a credential is in the URL", Expected: "a cookie or a header", Observed: scheme})
			}
		}
	}
	for _, from := range []any{o.Item["parameters"], o.Op["parameters"]} {
		params, _ := from.([]any)
		for _, v := range params {
			p := d.Object(v)
			name, _ := p["name"].(string)
			if (p["in"] == "query" || p["in"] == "path") && secretParameter.MatchString(name) {
				list = append(list, openapi.Difference{Subject: o.Name(), Where: "parameters/" + name, Rule: credentialInURLRule.ID, Problem: "a credential is in the URL", Expected: "the body, or a header", Observed: name})
			}
		}
	}
	return list
}

// anyBody finds JSON bodies of which nothing is said: nothing would be refused.
func anyBody(d *openapi.Doc, o openapi.Operation) []openapi.Difference {
	body := d.Object(o.Op["requestBody"])
	content := openapi.Media(body["content"])
	var list []openapi.Difference
	for _, kind := range openapi.Keys(content) {
		media, _ := content[kind].(map[string]any)
		if kind == "*/*" || strings.HasSuffix(kind, "json") && !says(d.Object(media["schema"])) {
			list = append(list, openapi.Difference{Subject: o.Name(), Where: "requestBody", Rule: bodySchemaRule.ID, Problem: "any body is accepted", Expected: "a schema that says what may be sent", Observed: kind + " without one"})
		}
	}
	return list
}

// says reports whether a schema rules out anything at all.
func says(schema map[string]any) bool {
	return slices.ContainsFunc([]string{"type", "properties", "allOf", "anyOf", "oneOf", "enum", "const", "items", "not", "required"}, func(k string) bool {
		_, ok := schema[k]
		return ok
	})
}

// served sees that clients are sent to this site, and to the path where the
// edge serves the API: whoever follows a document elsewhere takes the visitor's
// session along. A server of the developer's own machine is no harm.
func served(s gate.Subject, d *openapi.Doc, o openapi.Operation) []openapi.Difference {
	prefix := strings.TrimSuffix(s.Config.Contract.Prefix, "/")
	said := slices.ContainsFunc([]any{o.Op["servers"], o.Item["servers"], d.Root["servers"]}, func(v any) bool { list, _ := v.([]any); return len(list) > 0 })
	if prefix == "" || !said {
		return nil
	}
	var list []openapi.Difference
	wrong := func(problem, observed string) {
		list = append(list, openapi.Difference{Subject: o.Name(), Where: "servers", Rule: serversRule.ID, Problem: problem, Expected: "url: " + prefix, Observed: observed})
	}
	here := false
	servers := d.ServerURLs(o)
	for _, text := range servers {
		u, err := url.Parse(text)
		switch {
		case err != nil || strings.ContainsAny(text, "{}"):
			wrong("clients are sent where a variable without a value leads", text)
		case local(u.Hostname()):
			here = here || strings.TrimSuffix(u.Path, "/") == prefix
		case u.Host != "" && !ofSite(s, u.Hostname()):
			wrong("clients are sent to another host", text)
		case u.Scheme == "http":
			wrong("clients are sent over plain HTTP", text)
		case u.Scheme != "" && u.Scheme != "https":
			wrong("clients are sent by another protocol", text)
		case strings.TrimSuffix(u.Path, "/") == prefix:
			here = true
		}
	}
	if !here && len(list) == 0 {
		wrong("clients are sent where the API is not served", strings.Join(servers, ", "))
	}
	return list
}

// ofSite reports whether a host is one that the edge routes, or the target's
// domain. Where neither is known every host may be the site's.
func ofSite(s gate.Subject, host string) bool {
	hosts := []string{s.Target.Domain, s.Release.Domain}
	for _, r := range s.Release.Edge.Routes {
		hosts = append(hosts, r.Hosts...)
	}
	hosts = slices.DeleteFunc(hosts, func(h string) bool { return h == "" })
	return len(hosts) == 0 || slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// local reports whether a server is the developer's own machine.
func local(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "127.0.0.1" || host == "::1"
}

// holds sees that the operations by which the gates sign up and log in
// are in the contract.
func holds(s gate.Subject, d *openapi.Doc) []stack.Finding {
	auth := s.Config.Gates.Auth
	var out []stack.Finding
	for _, path := range []string{auth.SignUp, auth.Login, auth.Logout, auth.Me} {
		if path == "" || slices.ContainsFunc(d.Operations(), func(o openapi.Operation) bool { return openapi.PathKey(o.Path) == openapi.PathKey(path) }) {
			continue
		}
		out = append(out, finding(s, openapi.Difference{Subject: path, Where: "paths", Rule: configuredPathsRule.ID, Problem: "a path that stackctl.yaml names is not in the contract", Expected: path, Observed: "no such path"}, "write it in the contract, or correct gates.auth"))
	}
	return out
}
