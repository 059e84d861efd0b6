// Package headers owns gate G8: security headers, and the guards of staff
// hosts. It must not know the other families.
package headers

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// Declared judges what the edge's files promise about headers, guards
// and forwarded addresses.
func Declared() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G8", Name: "headers", Phase: stack.PhaseStatic,
		Question: "Do the edge's files give every public route its headers, every staff route both guards, and no client a say in its own address?",
		Refs:     []string{"SPEC §3", "ASVS 3.4.1", "ASVS 3.4.3", "ASVS 3.4.4", "ASVS 4.1.3", "ASVS 13.4.5"},
		Inspects: "entry points, routers, middlewares and the API settings of the edge",
		Check: func(_ context.Context, s gate.Subject) (gate.Answer, error) {
			m := traefik.Read(s.Release, s.Config.Traefik)
			j := &judge{subject: s, model: m, evidence: "traefik-dynamic.yml"}
			j.static()
			j.dynamic()
			return gate.Answer{Inspected: j.seen, Of: "entry points, routers and middlewares", Findings: j.out}, nil
		},
	}
}

// judge judges an edge's model, be it read from files or from the
// running edge.
type judge struct {
	subject  gate.Subject
	model    traefik.Model
	evidence string
	seen     int
	out      []stack.Finding
}

func (j *judge) add(f stack.Finding) {
	f.Evidence = j.evidence
	j.out = append(j.out, f)
}

// static judges the entry points and the API.
func (j *judge) static() {
	root, where := j.model.Static.Root, j.model.Static.Where
	at := func(rule stack.Rule, subject, problem, expected, observed, fix string, line int) {
		j.add(stack.Finding{Subject: subject, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed, Fix: fix, File: where, Line: line})
	}
	api := root.First("api")
	line := 0
	if api != nil {
		line = api.Line
	}
	if root.Truth("api", "insecure") {
		at(dashboardRule, "edge api", "the edge's API and dashboard answer anybody on port 8080", "api.insecure: false", "api.insecure: true", "remove api.insecure", line)
	}
	if root.Truth("api", "debug") {
		at(dashboardRule, "edge api", "the edge's API serves its profiler", "api.debug: false", "api.debug: true", "remove api.debug", line)
	}
	for _, m := range root.Find("metrics", "prometheus") {
		name := cmp.Or(m.Text("entryPoint"), "traefik")
		if !m.Truth("manualRouting") && slices.ContainsFunc(j.model.EntryPoints, func(e traefik.EntryPoint) bool { return e.Name == name && e.Public }) {
			at(insidePagesRule, "edge metrics", "metrics are served on a published entry point", "an entry point that is not published", name, "set metrics.prometheus.entryPoint to an inside one", m.Line)
		}
	}
	for _, e := range j.model.EntryPoints {
		j.seen++
		j.entryPoint(e, at)
	}
	j.pages(at)
	j.ignored()
}

// pages judges what the edge itself shows, keeps and believes.
func (j *judge) pages(at func(rule stack.Rule, subject, problem, expected, observed, fix string, line int)) {
	root := j.model.Static.Root
	for _, n := range root.Find("ping") {
		name := n.Text("entryPoint")
		if slices.ContainsFunc(j.model.EntryPoints, func(e traefik.EntryPoint) bool { return e.Public && strings.EqualFold(e.Name, name) }) && !n.Truth("manualRouting") {
			at(insidePagesRule, "edge ping", "the edge's health page is on a published entry point", "an entry point that is not published", name, "set ping.entryPoint to an inside one", n.Line)
		}
	}
	for _, n := range root.Find("accessLog", "fields", "headers") {
		kept := func(name string) bool {
			mode := cmp.Or(n.Text("names", name), n.Text("defaultMode"))
			return strings.EqualFold(mode, "keep")
		}
		for _, name := range append(slices.Clone(secretHeaders), cmp.Or(j.subject.Config.Gates.Auth.Header, "X-CSRF-Token")) {
			if kept(name) {
				at(loggedSecretsRule, "edge access log", "passwords and sessions are written to the access log", "defaultMode: drop, or "+name+" dropped", name+" is kept", "write fields.headers.defaultMode: drop", n.Line)
				break
			}
		}
	}
	j.traced(at)
	for _, n := range root.Find("serversTransport") {
		if n.Truth("insecureSkipVerify") {
			at(upstreamTrustRule, "edge transport", "the edge believes any certificate of its services", "insecureSkipVerify: false", "true", "remove it, and name the authority in rootCAs", n.Line)
		}
	}
}

// ignored judges dangerous settings in sources that Traefik passes over today:
// they hold as soon as the file is gone.
func (j *judge) ignored() {
	for _, src := range j.model.Sources {
		if src.Root == j.model.Static.Root {
			continue
		}
		check := func(keys ...string) {
			if src.Root.Truth(keys...) {
				j.add(stack.Finding{Subject: "edge " + src.Kind, Rule: secondSourceRule.ID, Problem: "a dangerous setting waits beside the edge's file: " + strings.Join(keys, "."),
					Expected: "static settings in one source", Observed: "true in the " + src.Where, Fix: "remove it", File: src.Where})
			}
		}
		check("api", "insecure")
		check("api", "debug")
		for _, all := range src.Root.Find("entryPoints") {
			for _, e := range all.Kids {
				check("entryPoints", e.Name, "forwardedHeaders", "insecure")
				check("entryPoints", e.Name, "proxyProtocol", "insecure")
			}
		}
	}
}

func (j *judge) entryPoint(e traefik.EntryPoint, at func(rule stack.Rule, subject, problem, expected, observed, fix string, line int)) {
	if !e.Public {
		return
	}
	subject := "entry point " + e.Name
	for _, key := range []string{"forwardedHeaders", "proxyProtocol"} {
		if e.Node.Truth(key, "insecure") {
			at(clientAddressRule, subject, "everybody may say who they are by "+key, key+".insecure: false", "insecure: true", "remove it; name the proxies in trustedIPs where there are any", e.Node.Line)
		}
		if wide := probe.TooWide(e.Node.List(key, "trustedIPs")); wide == "" {
			if own := dockersOwn(e.Node.List(key, "trustedIPs")); own != "" {
				at(clientAddressRule, subject, "whoever comes through Docker's proxy may say who they are by "+key, "trustedIPs of your own proxies", own+", which holds Docker's networks", "name single addresses", e.Node.Line)
			}
		} else {
			at(clientAddressRule, subject, "everybody may say who they are by "+key, "trustedIPs of your own proxies", wide, "name single addresses or small networks", e.Node.Line)
		}
	}
	if names := e.Node.List("forwardedHeaders", "connection"); len(names) > 0 {
		at(clientAddressRule, subject, "clients may have the edge's own headers removed", "no forwardedHeaders.connection", strings.Join(names, ", "), "remove it: a header named in Connection is taken away on the way to the service", e.Node.Line)
	}
	for _, n := range e.Node.Find("http", "redirections", "entryPoint", "permanent") {
		if strings.EqualFold(n.Value, "false") {
			at(redirectPermanentRule, subject, "the redirect to https is not permanent", "permanent: true", "false", "remove permanent: it is true by itself", n.Line)
		}
	}
	j.timeouts(e, at)
	if n := e.Node.First("http", "sanitizePath"); n != nil && strings.EqualFold(n.Value, "false") {
		at(pathsCleanedRule, subject, "paths are not cleaned before they are routed", "http.sanitizePath: true", "false", "remove sanitizePath", n.Line)
	}
}

// dynamic judges routers and middlewares.
func (j *judge) dynamic() {
	for _, r := range j.model.Routers {
		j.seen++
		if !r.TCP && r.Public() {
			j.router(r)
		}
	}
	for _, mw := range j.model.Middlewares {
		j.seen++
		j.middleware(mw)
	}
	j.routing()
	j.transports()
}

// guards returns which factors a router carries.
func (j *judge) guards(r traefik.Router) (password, address bool) {
	for _, name := range r.Middlewares {
		switch j.model.Middlewares[name].Kind {
		case "basicauth", "digestauth", "forwardauth":
			password = true
		case "ipallowlist", "ipwhitelist":
			address = true
		}
	}
	return password, address
}

// staff reports whether a router must be guarded, and why.
func (j *judge) staff(r traefik.Router) (string, bool) {
	if strings.HasSuffix(r.Service, "@internal") && !strings.HasPrefix(r.Service, "noop") && !strings.HasPrefix(r.Service, "acme-http") {
		return "it serves the edge's own " + r.Service, true
	}
	if !j.leads(r) {
		return "", false
	}
	for _, h := range r.Hosts {
		if label, _, _ := strings.Cut(h, "."); slices.Contains(j.subject.Config.Gates.Headers.Staff, label) {
			return "its host is for staff: " + h, true
		}
	}
	if password, address := j.guards(r); password || address {
		return "it carries one guard", true
	}
	return "", false
}

func (j *judge) router(r traefik.Router) {
	finding := func(rule stack.Rule, problem, expected, observed, fix string) {
		j.add(stack.Finding{Subject: "router " + r.Name, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed, Fix: fix, File: r.File, Line: r.Line})
	}
	if why, staff := j.staff(r); staff {
		password, address := j.guards(r)
		if !password {
			finding(staffPasswordRule, "a staff route asks for no password", "a basicAuth middleware ("+why+")", cmp.Or(strings.Join(r.Middlewares, ", "), "no middleware"), "add the basicAuth middleware")
		}
		if !address {
			finding(staffAllowlistRule, "a staff route has no allowlist", "an ipAllowList middleware ("+why+")", cmp.Or(strings.Join(r.Middlewares, ", "), "no middleware"), "add the ipAllowList middleware")
		}
		j.staffHeaders(r, finding)
	} else {
		j.publicHeaders(r, finding)
	}
	j.retry(r, finding)
	j.errorPages(r, finding)
	j.openRedirects(r, finding)
}

// answering are middlewares that answer by themselves; headers must come
// before them to be on those answers too.
var answering = []string{"ratelimit", "inflightreq", "basicauth", "digestauth", "forwardauth", "ipallowlist", "ipwhitelist", "buffering", "circuitbreaker", "redirectscheme", "redirectregex"}

// publicHeaders sees that the edge itself sets each header, before anything
// that could answer: the app cannot add headers to the edge's own errors.
func (j *judge) publicHeaders(r traefik.Router, finding func(rule stack.Rule, problem, expected, observed, fix string)) {
	have, early := j.sent(r)
	list := cmp.Or(strings.Join(r.Middlewares, ", "), "no middleware")
	if early != "" && len(have) > 0 {
		finding(headersFirstRule, "the middleware "+early+" answers before the headers are set", "the headers middleware first", list, "put the headers middleware first")
	}
	policy := policy{hsts: r.TLS, strict: true, hosts: ownHosts(j.subject, r.Hosts...)}
	for _, fault := range policy.judge(values(have)) {
		finding(fault.rule, "a public route: "+fault.problem, fault.expected, fault.observed, headerFix(j.subject.Config, "set it in the route's headers middleware"))
	}
	if csp := have["content-security-policy"]; strings.Contains(strings.ToLower(csp), "'nonce-") {
		finding(cspRule, "a public route: a nonce that never changes lets any script run", "hashes, or 'self'", probe.Shown(csp), "remove the nonce: the edge's files cannot make a new one for each answer")
	}
	if csp := have["content-security-policy"]; csp != "" {
		if _, ok := cspDirectives(csp)["base-uri"]; !ok {
			// default-src does not stand in for it (ASVS 3.4.3).
			finding(cspRule, "a public route: any place may be the base of the page's links", "base-uri 'none' or 'self'", probe.Shown(csp), "add base-uri 'none' to contentSecurityPolicy")
		}
	}
	for _, fault := range leaks(func(name string) []string { return []string{have[strings.ToLower(name)]} }) {
		finding(fault.rule, "a public route: "+fault.problem, fault.expected, fault.observed, "remove it from customResponseHeaders")
	}
}

// headerFix is what to do about a header that is missing: with stackctl's own edge
// there is no file to write it into.
func headerFix(c stack.Config, file string) string {
	if c.Traefik.Own {
		return "write it under headers: of the route in stackctl.yaml, or let policy: strict set it"
	}
	return file
}

// staffHeaders sees that the edge sets what a page of the staff must have.
func (j *judge) staffHeaders(r traefik.Router, finding func(rule stack.Rule, problem, expected, observed, fix string)) {
	have, _ := j.sent(r)
	for _, fault := range (policy{staff: r.TLS}).judge(values(have)) {
		finding(fault.rule, "a staff route: "+fault.problem, fault.expected, fault.observed, "set it in the route's headers middleware")
	}
}

// sent are the headers that the edge sets on a router's answers, by lower-case
// name, and the middleware that may answer before they are set, or "".
func (j *judge) sent(r traefik.Router) (have map[string]string, early string) {
	have = map[string]string{}
	for _, name := range r.Middlewares {
		mw := j.model.Middlewares[name]
		if mw.Kind == "headers" {
			// The first of several has the last word on an answer.
			for k, v := range declaredHeaders(mw.Node) {
				if _, decided := have[k]; !decided {
					have[k] = v
				}
			}
		} else if len(have) == 0 && slices.Contains(answering, mw.Kind) && early == "" {
			early = name
		}
	}
	return have, early
}

func values(have map[string]string) func(name string) []string {
	return func(name string) []string {
		if v := have[strings.ToLower(name)]; v != "" {
			return []string{v}
		}
		return nil
	}
}

// declaredHeaders are what a headers middleware makes of an answer's headers,
// by lower-case name: "" where it takes one away. Custom headers have the last
// word over the others.
func declaredHeaders(n *traefik.Node) map[string]string {
	out := map[string]string{}
	if v := n.Text("stsSeconds"); v != "" && v != "0" && !n.Truth("isDevelopment") {
		out["strict-transport-security"] = "max-age=" + v
		if n.Truth("stsIncludeSubdomains") {
			out["strict-transport-security"] += "; includeSubDomains"
		}
	}
	if n.Truth("contentTypeNosniff") {
		out["x-content-type-options"] = "nosniff"
	}
	if n.Truth("frameDeny") {
		out["x-frame-options"] = "DENY"
	}
	for key, name := range map[string]string{"customFrameOptionsValue": "x-frame-options", "referrerPolicy": "referrer-policy",
		"permissionsPolicy": "permissions-policy", "contentSecurityPolicy": "content-security-policy"} {
		if v := n.Text(key); v != "" {
			out[name] = v
		}
	}
	for _, custom := range n.Find("customResponseHeaders") {
		for _, k := range custom.Kids {
			out[strings.ToLower(k.Name)] = k.Value
		}
	}
	return out
}

var methodMatcher = regexp.MustCompile("(?i)(!\\s*)?\\bMethod\\(([^)]*)\\)")

// retry sees that only requests that may be repeated are (RFC 9110, 9.2.2).
func (j *judge) retry(r traefik.Router, finding func(rule stack.Rule, problem, expected, observed, fix string)) {
	for _, name := range r.Middlewares {
		mw := j.model.Middlewares[name]
		if mw.Kind == "retry" && j.subject.Config.Traefik.Own {
			continue // of a version that is known: it tries connections again, never what was sent
		}
		if mw.Kind != "retry" && !(mw.Kind == "buffering" && mw.Node.Text("retryExpression") != "") {
			continue
		}
		var methods []string
		for _, m := range methodMatcher.FindAllStringSubmatch(r.Rule, 16) {
			for _, q := range traefik.QuotedString.FindAllStringSubmatch(m[2], 16) {
				methods = append(methods, strings.ToUpper(m[1]+q[1]+q[2]))
			}
		}
		safe := func(m string) bool { return slices.Contains([]string{"GET", "HEAD", "OPTIONS", "TRACE"}, m) }
		if len(methods) == 0 || slices.ContainsFunc(methods, func(m string) bool { return !safe(m) }) || mw.Node.Truth("retryNonIdempotentMethod") {
			finding(noRetryRule, "requests that change something may be sent twice", "retry on a route for GET and HEAD only", cmp.Or(strings.Join(methods, ", "), "all methods"),
				"restrict the rule by Method(`GET`), or remove "+name)
		}
	}
}
