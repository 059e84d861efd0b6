package gate

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// routing judges where public requests go (SPEC R1 to R7): to named hosts
// only, over TLS, within a rate, the API's paths to the API, and to the
// services of the staff through guarded routes alone.
func (j *headerJudge) routing() {
	for _, r := range j.model.routers {
		if r.tcp || !r.public() {
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
func (j *headerJudge) unreachable() {
	var lost *edgeRouter
	for i, r := range j.model.routers {
		if r.tcp || !r.tls || !j.leads(r) {
			continue
		}
		if r.public() {
			return
		}
		lost = &j.model.routers[i]
	}
	if lost != nil {
		j.onRouter(*lost, "no published port leads to the site", "a port of the edge published to the entry point of the routes", "none", "publish 443 to the entry point's port")
	}
}

func (j *headerJudge) onRouter(r edgeRouter, problem, expected, observed, fix string) {
	j.add(stack.Finding{Subject: "router " + r.name, Problem: problem, Expected: expected, Observed: observed, Fix: fix, File: r.file, Line: r.line})
}

// insideRouter wants a password of the edge's own pages on inside entry
// points too: every container of their network reaches them.
func (j *headerJudge) insideRouter(r edgeRouter) {
	if _, staff := j.staff(r); r.tcp || !staff || !strings.HasSuffix(r.service, "@internal") {
		return
	}
	if password, _ := j.guards(r); !password {
		j.onRouter(r, "an inside page asks for no password", "a basicAuth middleware", cmp.Or(strings.Join(r.middlewares, ", "), "no middleware"), "add the basicAuth middleware")
	}
}

// anyHost finds routers that answer for hosts that nobody named (R7).
func (j *headerJudge) anyHost(r edgeRouter) {
	if strings.HasPrefix(r.service, "acme-http") {
		return
	}
	if ruleMeets(r.rule, ruleAsk{host: "unknown-host.invalid"}) != mayNo {
		j.onRouter(r, "the router serves hosts that nobody named", "a Host rule in each of its alternatives", shorten(r.rule), "add && Host(`…`), so that any other host gets 404")
	}
}

// leads says that a router leads requests to a service of the stack.
func (j *headerJudge) leads(r edgeRouter) bool {
	return !strings.HasSuffix(r.service, "@internal") && !j.redirects(r)
}

func (j *headerJudge) plainRoute(r edgeRouter) {
	if !r.tls && j.leads(r) {
		j.onRouter(r, "a public route without TLS", "TLS, or a redirect to https", "no tls section", "add tls, or redirect")
	}
}

// rate wants a limit on every public route that leads to a service (R2, S1).
func (j *headerJudge) rate(r edgeRouter) {
	if _, staff := j.staff(r); staff || !r.tls || !j.leads(r) {
		return
	}
	if j.perSecond(r) == 0 {
		j.onRouter(r, "a public route has no rate limit", "a rateLimit middleware with an average above 0", cmp.Or(strings.Join(r.middlewares, ", "), "no middleware"), "add a rateLimit middleware")
	}
}

// perSecond is the tightest rate of a router; 0: it has none.
func (j *headerJudge) perSecond(r edgeRouter) float64 {
	least := 0.0
	for _, name := range r.middlewares {
		mw := j.model.middlewares[name]
		if mw.kind != "ratelimit" {
			continue
		}
		rate := perSecond(mw.node)
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
func (j *headerJudge) upstreams(name string, depth int) []string {
	node := j.model.services[strings.TrimSuffix(name, "@file")]
	if node == nil || depth > 8 {
		return nil
	}
	var out []string
	node.walk(func(at []string, k *edgeNode) {
		switch {
		case strings.EqualFold(k.name, "url"):
			if u, err := url.Parse(k.value); err == nil && u.Hostname() != "" {
				out = append(out, strings.TrimSuffix(u.Hostname(), "-"+j.subject.Release.ID))
			}
		case len(at) > 1 && (strings.EqualFold(k.name, "name") || strings.EqualFold(k.name, "service") || strings.EqualFold(k.name, "fallback")):
			out = append(out, j.upstreams(k.value, depth+1)...)
		}
	})
	return out
}

// toStaff finds public routes to services whose own hosts are for staff.
func (j *headerJudge) toStaff(r edgeRouter) {
	if _, staff := j.staff(r); staff || !j.leads(r) {
		return
	}
	mine := j.upstreams(r.service, 0)
	for _, other := range j.model.routers {
		if _, staff := j.staff(other); !staff || other.tcp || !other.public() {
			continue
		}
		for _, name := range j.upstreams(other.service, 0) {
			if slices.Contains(mine, name) {
				j.onRouter(r, "a public route leads to the staff service "+name, "guarded routes only", "service "+r.service, "remove the route, or guard it as router "+other.name)
				return
			}
		}
	}
}

// toNobody finds public routes to services whose profile is not chosen.
func (j *headerJudge) toNobody(r edgeRouter) {
	if _, staff := j.staff(r); staff || !j.leads(r) {
		return
	}
	for _, name := range j.upstreams(r.service, 0) {
		if svc, ok := j.subject.Release.Service(name); ok && !svc.Deployed {
			j.onRouter(r, "a public route leads to a service that is not deployed", "a service without profiles, or of a chosen one", name+" of profile "+strings.Join(svc.Profiles, ", "), "choose the profile in compose.profiles, or remove the route")
		}
	}
}

// taker is the router that gets a request (Traefik: the highest priority, by
// default the longest rule), and those that get it under some condition first.
func (j *headerJudge) taker(a ruleAsk) (taker *edgeRouter, first []edgeRouter) {
	routers := slices.DeleteFunc(slices.Clone(j.model.routers), func(r edgeRouter) bool { return r.tcp || !r.tls || !r.public() })
	rank := func(r edgeRouter) int {
		if r.priority != 0 {
			return r.priority
		}
		return len(r.rule)
	}
	slices.SortStableFunc(routers, func(a, b edgeRouter) int { return rank(b) - rank(a) })
	for i, r := range routers {
		switch ruleMeets(r.rule, a) {
		case mayYes:
			return &routers[i], first
		case mayPerhaps:
			first = append(first, r)
		case mayNo:
		}
	}
	return nil, first
}

// stolen sees that requests for the API get to the API alone, and that
// sign-in has a tighter rate than the rest of it.
func (j *headerJudge) stolen() {
	s := j.subject
	prefix, api := s.Config.Contract.Prefix, s.Config.Contract.Service
	if prefix == "" || api == "" || !routed(s, api) {
		return
	}
	host := cmp.Or(s.Release.Domain, s.Target.Domain)
	auth := s.Config.Gates.Auth
	for _, path := range []string{auth.Login, auth.SignUp, auth.Me, auth.CSRF, "/zz"} {
		if path == "" {
			continue
		}
		for _, method := range []string{"GET", "POST"} {
			taker, first := j.taker(ruleAsk{host, prefix + path, method})
			if taker != nil {
				first = append(first, *taker)
			}
			for _, r := range first {
				if up := j.upstreams(r.service, 0); slices.ContainsFunc(up, func(name string) bool { return name != api }) || len(up) == 0 {
					j.onRouter(r, "it takes requests for the API elsewhere", "service "+api+" for "+prefix+path, fmt.Sprintf("%s to %s", method, cmp.Or(strings.Join(up, ", "), r.service)), "narrow its rule, or lower its priority")
				}
			}
		}
	}
	rest, _ := j.taker(ruleAsk{host, prefix + "/zz", "POST"})
	if rest != nil && !j.strips(*rest, prefix) {
		j.onRouter(*rest, "the API is asked for paths that it does not have", "a stripPrefix middleware for "+prefix, cmp.Or(strings.Join(rest.middlewares, ", "), "no middleware"), "add the stripPrefix middleware")
	}
	for _, path := range []string{auth.Login, auth.SignUp} {
		if taker, _ := j.taker(ruleAsk{host, prefix + path, "POST"}); path != "" && taker != nil && rest != nil {
			if tight, wide := j.perSecond(*taker), j.perSecond(*rest); tight > 0 && tight >= wide {
				j.onRouter(*taker, "sign-in is limited no tighter than the rest of the API", fmt.Sprintf("less than %.3g requests a second", wide), fmt.Sprintf("%.3g requests a second", tight), "give the sign-in paths a rateLimit of their own")
			}
		}
	}
}

// strips says that a router takes the API's prefix away before it passes on.
func (j *headerJudge) strips(r edgeRouter, prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	return prefix == "" || slices.ContainsFunc(r.middlewares, func(name string) bool {
		mw := j.model.middlewares[name]
		switch mw.kind {
		case "stripprefix":
			return slices.ContainsFunc(mw.node.list("prefixes"), func(p string) bool { return strings.TrimSuffix(p, "/") == prefix })
		case "stripprefixregex", "replacepath", "replacepathregex":
			return true
		}
		return false
	})
}
