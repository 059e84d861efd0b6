package headers

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// routing judges where public requests go (SPEC R1 to R7): to named hosts
// only, over TLS, within a rate, the API's paths to the API, and to the
// services of the staff through guarded routes alone.
func (j *judge) routing() {
	for _, r := range j.model.Routers {
		if r.TCP || !r.Public() {
			j.insideRouter(r)
			continue
		}
		j.anyHost(r)
		j.plainRoute(r)
		j.rate(r)
		j.toStaff(r)
		j.toNobody(r)
	}
	j.stolen()
	j.shadowed()
	j.unreachable()
}

// unreachable finds an edge whose published ports lead to no TLS route at all.
func (j *judge) unreachable() {
	var lost *traefik.Router
	for i, r := range j.model.Routers {
		if r.TCP || !r.TLS || !j.leads(r) {
			continue
		}
		if r.Public() {
			return
		}
		lost = &j.model.Routers[i]
	}
	if lost != nil {
		j.onRouter(routingRule, *lost, "no published port leads to the site", "a port of the edge published to the entry point of the routes", "none", "publish 443 to the entry point's port")
	}
}

func (j *judge) onRouter(rule stack.Rule, r traefik.Router, problem, expected, observed, fix string) {
	j.add(stack.Finding{Subject: "router " + r.Name, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed, Fix: fix, File: r.File, Line: r.Line})
}

// insideRouter wants a password of the edge's own pages on inside entry
// points too: every container of their network reaches them.
func (j *judge) insideRouter(r traefik.Router) {
	if own := j.subject.Config.Traefik.Own; own && r.Name == "inside" {
		return // it can be read alone, and tells its own project's routes
	}
	if _, staff := j.staff(r); r.TCP || !staff || !strings.HasSuffix(r.Service, "@internal") {
		return
	}
	if password, _ := j.guards(r); !password {
		j.onRouter(insidePagesRule, r, "an inside page asks for no password", "a basicAuth middleware", cmp.Or(strings.Join(r.Middlewares, ", "), "no middleware"), "add the basicAuth middleware")
	}
}

// anyHost finds routers that answer for hosts that nobody named (R7).
func (j *judge) anyHost(r traefik.Router) {
	if strings.HasPrefix(r.Service, "acme-http") {
		return
	}
	if traefik.Meets(r.Rule, traefik.Request{Host: "unknown-host.invalid"}) != traefik.No {
		j.onRouter(unknownHostRule, r, "the router serves hosts that nobody named", "a Host rule in each of its alternatives", probe.Shown(r.Rule), "add && Host(`…`), so that any other host gets 404")
	}
}

// leads reports whether a router leads requests to a service of the stack.
func (j *judge) leads(r traefik.Router) bool {
	return !strings.HasSuffix(r.Service, "@internal") && !j.redirects(r)
}

// plainRoute finds what the plain port serves. A router without TLS on the https
// entry point is acme/router-resolver's.
func (j *judge) plainRoute(r traefik.Router) {
	https := slices.ContainsFunc(r.EntryPoints, func(e traefik.EntryPoint) bool { return e.Public && e.Port == 443 })
	switch {
	case r.TLS || https:
	case j.leads(r):
		j.onRouter(plainHTTPRule, r, "a public route without TLS", "TLS, or a redirect to https", "no tls section", "add tls, or redirect")
	case strings.HasPrefix(r.Service, "noop@") && !j.redirects(r):
		j.onRouter(plainHTTPRule, r, "the plain port does not lead to https", "a redirect to https", cmp.Or(strings.Join(r.Middlewares, ", "), "no middleware"), "add a redirectScheme middleware")
	}
}

// rate wants a limit on every public route that leads to a service (R2, S1).
func (j *judge) rate(r traefik.Router) {
	if _, staff := j.staff(r); staff || !r.TLS || !j.leads(r) {
		return
	}
	if j.perSecond(r) == 0 {
		j.onRouter(rateLimitRule, r, "a public route has no rate limit", "a rateLimit middleware with an average above 0", cmp.Or(strings.Join(r.Middlewares, ", "), "no middleware"), rateFix(j.subject.Config))
	}
}

func rateFix(c stack.Config) string {
	if c.Traefik.Own {
		return "write rate: at the route in stackctl.yaml"
	}
	return "add a rateLimit middleware"
}

// perSecond is the tightest rate of a router; 0: it has none.
func (j *judge) perSecond(r traefik.Router) float64 {
	least := 0.0
	for _, name := range r.Middlewares {
		mw := j.model.Middlewares[name]
		if mw.Kind != "ratelimit" {
			continue
		}
		rate := perSecond(mw.Node)
		if rate == 0 {
			continue
		}
		if least == 0 || rate < least {
			least = rate
		}
	}
	return least
}

// upstreams are the compose services behind a Traefik service, whatever kind
// of it: a mirror and a weighted one lead to all of theirs.
func (j *judge) upstreams(name string, depth int) []string {
	node := j.model.Services[strings.TrimSuffix(name, "@file")]
	if node == nil || depth > 8 {
		return nil
	}
	var out []string
	node.Walk(func(at []string, k *traefik.Node) {
		switch {
		case strings.EqualFold(k.Name, "url"):
			if u, err := url.Parse(k.Value); err == nil && u.Hostname() != "" {
				out = append(out, j.subject.Release.ServiceAt(u.Hostname()))
			}
		case len(at) > 1 && (strings.EqualFold(k.Name, "name") || strings.EqualFold(k.Name, "service") || strings.EqualFold(k.Name, "fallback")):
			out = append(out, j.upstreams(k.Value, depth+1)...)
		}
	})
	return out
}

// toStaff finds public routes to services whose own hosts are for staff.
func (j *judge) toStaff(r traefik.Router) {
	if _, staff := j.staff(r); staff || !j.leads(r) {
		return
	}
	mine := j.upstreams(r.Service, 0)
	for _, other := range j.model.Routers {
		if _, staff := j.staff(other); !staff || other.TCP || !other.Public() {
			continue
		}
		for _, name := range j.upstreams(other.Service, 0) {
			if slices.Contains(mine, name) {
				j.onRouter(staffBypassRule, r, "a public route leads to the staff service "+name, "guarded routes only", "service "+r.Service, "remove the route, or guard it as router "+other.Name)
				return
			}
		}
	}
}

// toNobody finds public routes to services whose profile is not chosen.
func (j *judge) toNobody(r traefik.Router) {
	if _, staff := j.staff(r); staff || !j.leads(r) {
		return
	}
	for _, name := range j.upstreams(r.Service, 0) {
		if svc, ok := j.subject.Release.Service(name); ok && !svc.Deployed {
			j.onRouter(routingRule, r, "a public route leads to a service that is not deployed", "a service without profiles, or of a chosen one", name+" of profile "+strings.Join(svc.Profiles, ", "), "choose the profile in compose.profiles, or remove the route")
		}
	}
}

// taker is the router that gets a request (Traefik: the highest priority, by
// default the longest rule), and those that get it under some condition first.
func (j *judge) taker(a traefik.Request) (taker *traefik.Router, first []traefik.Router) {
	routers := slices.DeleteFunc(slices.Clone(j.model.Routers), func(r traefik.Router) bool { return r.TCP || !r.TLS || !r.Public() })
	rank := func(r traefik.Router) int {
		if r.Priority != 0 {
			return r.Priority
		}
		return len(r.Rule)
	}
	slices.SortStableFunc(routers, func(a, b traefik.Router) int { return rank(b) - rank(a) })
	for i, r := range routers {
		switch traefik.Meets(r.Rule, a) {
		case traefik.Yes:
			return &routers[i], first
		case traefik.Perhaps:
			first = append(first, r)
		case traefik.No:
		}
	}
	return nil, first
}

// stolen sees that requests for the API get to the API alone, and that
// sign-in has a tighter rate than the rest of it.
func (j *judge) stolen() {
	s := j.subject
	prefix, api := s.Config.Contract.Prefix, s.Config.Contract.Service
	if prefix == "" || api == "" || !probe.Routed(s, api) {
		return
	}
	host := cmp.Or(s.Release.Domain, s.Target.Domain)
	auth := s.Config.Gates.Auth
	for _, path := range []string{auth.Login, auth.SignUp, auth.Me, auth.CSRF, "/zz"} {
		if path == "" {
			continue
		}
		for _, method := range []string{"GET", "POST"} {
			taker, first := j.taker(traefik.Request{Host: host, Path: prefix + path, Method: method})
			if taker != nil {
				first = append(first, *taker)
			}
			for _, r := range first {
				if up := j.upstreams(r.Service, 0); slices.ContainsFunc(up, func(name string) bool { return name != api }) || len(up) == 0 {
					j.onRouter(routingRule, r, "it takes requests for the API elsewhere", "service "+api+" for "+prefix+path, fmt.Sprintf("%s to %s", method, cmp.Or(strings.Join(up, ", "), r.Service)), "narrow its rule, or lower its priority")
				}
			}
		}
	}
	rest, _ := j.taker(traefik.Request{Host: host, Path: prefix + "/zz", Method: "POST"})
	if rest != nil && !j.strips(*rest, prefix) {
		j.onRouter(routingRule, *rest, "the API is asked for paths that it does not have", "a stripPrefix middleware for "+prefix, cmp.Or(strings.Join(rest.Middlewares, ", "), "no middleware"), "add the stripPrefix middleware")
	}
	for _, path := range []string{auth.Login, auth.SignUp} {
		if taker, _ := j.taker(traefik.Request{Host: host, Path: prefix + path, Method: "POST"}); path != "" && taker != nil && rest != nil {
			if tight, wide := j.perSecond(*taker), j.perSecond(*rest); tight > 0 && tight >= wide {
				j.onRouter(rateLimitRule, *taker, "sign-in is limited no tighter than the rest of the API", fmt.Sprintf("less than %.3g requests a second", wide), fmt.Sprintf("%.3g requests a second", tight), "give the sign-in paths a rateLimit of their own")
			}
		}
	}
}

// strips reports whether a router takes the API's prefix away before it passes on.
func (j *judge) strips(r traefik.Router, prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	return prefix == "" || slices.ContainsFunc(r.Middlewares, func(name string) bool {
		mw := j.model.Middlewares[name]
		switch mw.Kind {
		case "stripprefix":
			return slices.ContainsFunc(mw.Node.List("prefixes"), func(p string) bool { return strings.TrimSuffix(p, "/") == prefix })
		case "stripprefixregex", "replacepath", "replacepathregex":
			return true
		}
		return false
	})
}
