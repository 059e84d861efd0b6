package gate

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// headersDeclared judges what the edge's files promise about headers, guards
// and forwarded addresses.
func headersDeclared() Gate {
	return Gate{
		ID: "G8", Name: "headers", Phase: stack.PhaseStatic,
		Question: "Do the edge's files give every public route its headers, every staff route both guards, and no client a say in its own address?",
		Refs:     []string{"SPEC §3", "ASVS 3.4.1", "ASVS 3.4.3", "ASVS 3.4.4", "ASVS 4.1.3", "ASVS 13.4.5"},
		Inspects: "entry points, routers, middlewares and the API settings of the edge",
		Check: func(_ context.Context, s Subject) (Answer, error) {
			m := readEdge(s.Release, s.Config.Traefik)
			j := &headerJudge{subject: s, model: m, evidence: "traefik-dynamic.yml"}
			j.out = append(j.out, unreadable(m)...)
			j.static()
			j.dynamic()
			return Answer{Inspected: j.seen, Of: "entry points, routers and middlewares", Findings: j.out}, nil
		},
	}
}

// headerJudge judges an edge's model, be it read from files or from the
// running edge.
type headerJudge struct {
	subject  Subject
	model    edgeModel
	evidence string
	seen     int
	out      []stack.Finding
}

func (j *headerJudge) add(f stack.Finding) {
	f.Evidence = j.evidence
	j.out = append(j.out, f)
}

// static judges the entry points and the API.
func (j *headerJudge) static() {
	root, where := j.model.static.root, j.model.static.where
	at := func(subject, problem, expected, observed, fix string, line int) {
		j.add(stack.Finding{Subject: subject, Problem: problem, Expected: expected, Observed: observed, Fix: fix, File: where, Line: line})
	}
	api := root.first("api")
	line := 0
	if api != nil {
		line = api.line
	}
	if root.truth("api", "insecure") {
		at("edge api", "the edge's API and dashboard answer anybody on port 8080", "api.insecure: false", "api.insecure: true", "remove api.insecure", line)
	}
	if root.truth("api", "debug") {
		at("edge api", "the edge's API serves its profiler", "api.debug: false", "api.debug: true", "remove api.debug", line)
	}
	for _, m := range root.find("metrics", "prometheus") {
		name := cmp.Or(m.text("entryPoint"), "traefik")
		if !m.truth("manualRouting") && slices.ContainsFunc(j.model.entryPoints, func(e edgeEntryPoint) bool { return e.name == name && e.public }) {
			at("edge metrics", "metrics are served on a published entry point", "an entry point that is not published", name, "set metrics.prometheus.entryPoint to an inside one", m.line)
		}
	}
	for _, e := range j.model.entryPoints {
		j.seen++
		j.entryPoint(e, at)
	}
	j.pages(at)
	j.ignored()
}

// pages judges what the edge itself shows, keeps and believes.
func (j *headerJudge) pages(at func(subject, problem, expected, observed, fix string, line int)) {
	root := j.model.static.root
	for _, n := range root.find("ping") {
		name := n.text("entryPoint")
		if slices.ContainsFunc(j.model.entryPoints, func(e edgeEntryPoint) bool { return e.public && strings.EqualFold(e.name, name) }) && !n.truth("manualRouting") {
			at("edge ping", "the edge's health page is on a published entry point", "an entry point that is not published", name, "set ping.entryPoint to an inside one", n.line)
		}
	}
	for _, n := range root.find("accessLog", "fields", "headers") {
		kept := func(name string) bool {
			mode := cmp.Or(n.text("names", name), n.text("defaultMode"))
			return strings.EqualFold(mode, "keep")
		}
		for _, name := range append(slices.Clone(secretHeaders), cmp.Or(j.subject.Config.Gates.Auth.Header, "X-CSRF-Token")) {
			if kept(name) {
				at("edge access log", "passwords and sessions are written to the access log", "defaultMode: drop, or "+name+" dropped", name+" is kept", "write fields.headers.defaultMode: drop", n.line)
				break
			}
		}
	}
	j.traced(at)
	for _, n := range root.find("serversTransport") {
		if n.truth("insecureSkipVerify") {
			at("edge transport", "the edge believes any certificate of its services", "insecureSkipVerify: false", "true", "remove it, and name the authority in rootCAs", n.line)
		}
	}
}

// ignored judges dangerous settings in sources that Traefik passes over today:
// they hold as soon as the file is gone.
func (j *headerJudge) ignored() {
	for _, src := range j.model.sources {
		if src.root == j.model.static.root {
			continue
		}
		check := func(keys ...string) {
			if src.root.truth(keys...) {
				j.add(stack.Finding{Subject: "edge " + src.kind, Problem: "a dangerous setting waits beside the edge's file: " + strings.Join(keys, "."),
					Expected: "static settings in one source", Observed: "true in the " + src.where, Fix: "remove it", File: src.where})
			}
		}
		check("api", "insecure")
		check("api", "debug")
		for _, all := range src.root.find("entryPoints") {
			for _, e := range all.kids {
				check("entryPoints", e.name, "forwardedHeaders", "insecure")
				check("entryPoints", e.name, "proxyProtocol", "insecure")
			}
		}
	}
}

func (j *headerJudge) entryPoint(e edgeEntryPoint, at func(subject, problem, expected, observed, fix string, line int)) {
	if !e.public {
		return
	}
	subject := "entry point " + e.name
	for _, key := range []string{"forwardedHeaders", "proxyProtocol"} {
		if e.node.truth(key, "insecure") {
			at(subject, "everybody may say who they are by "+key, key+".insecure: false", "insecure: true", "remove it; name the proxies in trustedIPs where there are any", e.node.line)
		}
		if wide := tooWide(e.node.list(key, "trustedIPs")); wide == "" {
			if own := dockersOwn(e.node.list(key, "trustedIPs")); own != "" {
				at(subject, "whoever comes through Docker's proxy may say who they are by "+key, "trustedIPs of your own proxies", own+", which holds Docker's networks", "name single addresses", e.node.line)
			}
		} else {
			at(subject, "everybody may say who they are by "+key, "trustedIPs of your own proxies", wide, "name single addresses or small networks", e.node.line)
		}
	}
	if names := e.node.list("forwardedHeaders", "connection"); len(names) > 0 {
		at(subject, "clients may have the edge's own headers removed", "no forwardedHeaders.connection", strings.Join(names, ", "), "remove it: a header named in Connection is taken away on the way to the service", e.node.line)
	}
	for _, n := range e.node.find("http", "redirections", "entryPoint", "permanent") {
		if strings.EqualFold(n.value, "false") {
			at(subject, "the redirect to https is not permanent", "permanent: true", "false", "remove permanent: it is true by itself", n.line)
		}
	}
	j.timeouts(e, at)
	if n := e.node.first("http", "sanitizePath"); n != nil && strings.EqualFold(n.value, "false") {
		at(subject, "paths are not cleaned before they are routed", "http.sanitizePath: true", "false", "remove sanitizePath", n.line)
	}
}

// dynamic judges routers and middlewares.
func (j *headerJudge) dynamic() {
	for _, r := range j.model.routers {
		j.seen++
		if !r.tcp && r.public() {
			j.router(r)
		}
	}
	for _, mw := range j.model.middlewares {
		j.seen++
		j.middleware(mw)
	}
	j.routing()
	j.transports()
}

// staffLabels begin the host names that are for staff only (SPEC R3, R5).
var staffLabels = []string{"admin", "jobs", "pgadmin", "traefik"}

// guards tells which factors a router carries.
func (j *headerJudge) guards(r edgeRouter) (password, address bool) {
	for _, name := range r.middlewares {
		switch j.model.middlewares[name].kind {
		case "basicauth", "digestauth", "forwardauth":
			password = true
		case "ipallowlist", "ipwhitelist":
			address = true
		}
	}
	return password, address
}

// staff says whether a router must be guarded, and why.
func (j *headerJudge) staff(r edgeRouter) (string, bool) {
	if strings.HasSuffix(r.service, "@internal") && !strings.HasPrefix(r.service, "noop") && !strings.HasPrefix(r.service, "acme-http") {
		return "it serves the edge's own " + r.service, true
	}
	if j.redirects(r) {
		return "", false
	}
	for _, h := range r.hosts {
		if label, _, _ := strings.Cut(h, "."); slices.Contains(staffLabels, label) {
			return "its host is for staff: " + h, true
		}
	}
	if password, address := j.guards(r); password || address {
		return "it carries one guard", true
	}
	return "", false
}

func (j *headerJudge) router(r edgeRouter) {
	finding := func(problem, expected, observed, fix string) {
		j.add(stack.Finding{Subject: "router " + r.name, Problem: problem, Expected: expected, Observed: observed, Fix: fix, File: r.file, Line: r.line})
	}
	if why, staff := j.staff(r); staff {
		password, address := j.guards(r)
		if !password {
			finding("a staff route asks for no password", "a basicAuth middleware ("+why+")", cmp.Or(strings.Join(r.middlewares, ", "), "no middleware"), "add the basicAuth middleware")
		}
		if !address {
			finding("a staff route has no allowlist", "an ipAllowList middleware ("+why+")", cmp.Or(strings.Join(r.middlewares, ", "), "no middleware"), "add the ipAllowList middleware")
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
func (j *headerJudge) publicHeaders(r edgeRouter, finding func(problem, expected, observed, fix string)) {
	have, early := j.sent(r)
	list := cmp.Or(strings.Join(r.middlewares, ", "), "no middleware")
	if early != "" && len(have) > 0 {
		finding("the middleware "+early+" answers before the headers are set", "the headers middleware first", list, "put the headers middleware first")
	}
	policy := headerPolicy{hsts: r.tls, strict: true}
	for _, fault := range policy.judge(values(have)) {
		finding("a public route: "+fault.problem, fault.expected, fault.observed, "set it in the route's headers middleware")
	}
	if csp := have["content-security-policy"]; strings.Contains(strings.ToLower(csp), "'nonce-") {
		finding("a public route: a nonce that never changes lets any script run", "hashes, or 'self'", shorten(csp), "remove the nonce: the edge's files cannot make a new one for each answer")
	}
	if csp := have["content-security-policy"]; csp != "" {
		if _, ok := cspDirectives(csp)["base-uri"]; !ok {
			// default-src does not stand in for it (ASVS 3.4.3).
			finding("a public route: any place may be the base of the page's links", "base-uri 'none' or 'self'", shorten(csp), "add base-uri 'none' to contentSecurityPolicy")
		}
	}
	for _, fault := range leaks(func(name string) []string { return []string{have[strings.ToLower(name)]} }) {
		finding("a public route: "+fault.problem, fault.expected, fault.observed, "remove it from customResponseHeaders")
	}
}

// staffHeaders sees that the edge sets what a page of the staff must have.
func (j *headerJudge) staffHeaders(r edgeRouter, finding func(problem, expected, observed, fix string)) {
	have, _ := j.sent(r)
	for _, fault := range (headerPolicy{}).judge(values(have)) {
		finding("a staff route: "+fault.problem, fault.expected, fault.observed, "set it in the route's headers middleware")
	}
}

// sent are the headers that the edge sets on a router's answers, by lower-case
// name, and the middleware that may answer before they are set, or "".
func (j *headerJudge) sent(r edgeRouter) (have map[string]string, early string) {
	have = map[string]string{}
	for _, name := range r.middlewares {
		mw := j.model.middlewares[name]
		if mw.kind == "headers" {
			// The first of several has the last word on an answer.
			for k, v := range declaredHeaders(mw.node) {
				if _, decided := have[k]; !decided {
					have[k] = v
				}
			}
		} else if len(have) == 0 && slices.Contains(answering, mw.kind) && early == "" {
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
func declaredHeaders(n *edgeNode) map[string]string {
	out := map[string]string{}
	if v := n.text("stsSeconds"); v != "" && v != "0" && !n.truth("isDevelopment") {
		out["strict-transport-security"] = "max-age=" + v
		if n.truth("stsIncludeSubdomains") {
			out["strict-transport-security"] += "; includeSubDomains"
		}
	}
	if n.truth("contentTypeNosniff") {
		out["x-content-type-options"] = "nosniff"
	}
	if n.truth("frameDeny") {
		out["x-frame-options"] = "DENY"
	}
	for key, name := range map[string]string{"customFrameOptionsValue": "x-frame-options", "referrerPolicy": "referrer-policy",
		"permissionsPolicy": "permissions-policy", "contentSecurityPolicy": "content-security-policy"} {
		if v := n.text(key); v != "" {
			out[name] = v
		}
	}
	for _, custom := range n.find("customResponseHeaders") {
		for _, k := range custom.kids {
			out[strings.ToLower(k.name)] = k.value
		}
	}
	return out
}

var methodMatcher = regexp.MustCompile("(?i)(!\\s*)?\\bMethod\\(([^)]*)\\)")

// retry sees that only requests that may be repeated are (RFC 9110, 9.2.2).
func (j *headerJudge) retry(r edgeRouter, finding func(problem, expected, observed, fix string)) {
	for _, name := range r.middlewares {
		mw := j.model.middlewares[name]
		if mw.kind != "retry" && !(mw.kind == "buffering" && mw.node.text("retryExpression") != "") {
			continue
		}
		var methods []string
		for _, m := range methodMatcher.FindAllStringSubmatch(r.rule, 16) {
			for _, q := range quotedString.FindAllStringSubmatch(m[2], 16) {
				methods = append(methods, strings.ToUpper(m[1]+q[1]+q[2]))
			}
		}
		safe := func(m string) bool { return slices.Contains([]string{"GET", "HEAD", "OPTIONS", "TRACE"}, m) }
		if len(methods) == 0 || slices.ContainsFunc(methods, func(m string) bool { return !safe(m) }) || mw.node.truth("retryNonIdempotentMethod") {
			finding("requests that change something may be sent twice", "retry on a route for GET and HEAD only", cmp.Or(strings.Join(methods, ", "), "all methods"),
				"restrict the rule by Method(`GET`), or remove "+name)
		}
	}
}
