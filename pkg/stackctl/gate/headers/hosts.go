package headers

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// unknownHosts sees that a host nobody serves gets a bare 404.
func (g *visit) unknownHosts(ctx context.Context, _ *judge) {
	s := g.wire.s
	domain := cmp.Or(s.Release.Domain, s.Target.Domain)
	address := cmp.Or(s.Target.Edge.Address, s.Target.Host)
	names := []struct{ what, host, sni string }{
		{"foreign name", "zz-" + g.nonce + ".example", ""},
		{"unknown subdomain", "zz-" + g.nonce + "." + domain, ""},
		{"address as name", address, ""},
		{"no name", "", "zz-" + g.nonce + ".example"},
		{"foreign name, known SNI", "zz-" + g.nonce + ".example", domain},
		{"look-alike name", domain + ".zz-" + g.nonce + ".example", ""},
	}
	served := probe.TLSHosts(s, g.model)
	for _, plain := range []bool{false, true} {
		for _, n := range names {
			if slices.Contains(served, n.host) {
				continue
			}
			scheme := "https"
			if plain {
				scheme = "http"
			}
			a := ask{label: "GET " + scheme + " {" + n.what + "}", method: "GET", host: n.host, sni: n.sni, path: "/", plain: plain}
			g.unknownHost(ctx, a, domain)
			a.label = "GET " + scheme + " {" + n.what + ", forwarded host}"
			a.lines = []string{"X-Forwarded-Host: admin." + domain, "Forwarded: host=admin." + domain}
			g.unknownHost(ctx, a, domain)
		}
	}
}

func (g *visit) unknownHost(ctx context.Context, a ask, domain string) {
	r := g.wire.send(ctx, a)
	g.saw(1)
	if r.err != nil {
		return // refused during the handshake, or the connection closed: nothing is revealed
	}
	subject := "unknown host over " + map[bool]string{true: "http", false: "https"}[a.plain]
	location := r.header.Get("Location")
	switch {
	case r.status >= 300 && r.status < 400:
		u, err := url.Parse(location)
		if !a.plain || err != nil || a.host != "" && !strings.EqualFold(u.Hostname(), strings.Trim(a.host, "[]")) {
			g.finding(unknownHostRule, subject, "an unknown host is led somewhere", "404", fmt.Sprintf("%d to %s for %s", r.status, location, a.label), "remove the catch-all redirect")
		}
	case r.status == 404 || r.status == 400 || r.status == 403 || r.status == 421:
	default:
		g.finding(unknownHostRule, subject, "an unknown host is served", "404", fmt.Sprintf("%d for %s", r.status, a.label), "give every router a Host rule")
	}
	text := strings.ToLower(string(r.body))
	if domain != "" && !strings.Contains(a.host, domain) && strings.Contains(text, strings.ToLower(domain)) {
		g.finding(unknownHostRule, subject, "the answer to an unknown host names the site", "a bare 404", "the domain is in the body", "answer unknown hosts with the edge's own 404")
	}
	for _, f := range leaks(r.values) {
		g.finding(f.rule, subject, f.problem, f.expected, f.observed, "empty the header")
	}
}

// hiddenPaths are pages of the inside that public hosts must not serve.
var hiddenPaths = []string{
	"/dashboard/", "/api/rawdata", "/api/http/routers", "/api/overview", "/api/entrypoints", "/api/version", "/metrics", "/api/metrics",
	"/debug/pprof/", "/api/debug/pprof/", "/debug/vars", "/.env", "/.git/config", "/.git/HEAD",
}

// pathTricks lead to inside pages where a path is cleaned after it was routed.
var pathTricks = []string{
	"//dashboard/", "//api//rawdata", "/./dashboard/", "/..;/dashboard/", "/api/..;/dashboard/", "/api/../dashboard/", "/api/../metrics", "/api/..%2fmetrics",
	"/api/%2e%2e/metrics", "/api/%2e%2e/admin", "/api/../admin", "/api/..%2fadmin", "/api%2f..%2fadmin", "/api%2frawdata", `/api\..\admin`, "/api/..%5cadmin",
	"/api/%252e%252e/metrics", "/api//metrics", "/api/;/metrics", "/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2f..%2fetc%2fpasswd", "/..%c0%af../etc/passwd", "//evil.example/%2e%2e", `/\evil.example`,
}

// hidden asks public hosts, and the ports beside the edge's own, for pages of
// the inside.
func (g *visit) hidden(ctx context.Context, j *judge) {
	var hosts []string
	for _, p := range g.places(j) {
		if p.prefix == "/" && !slices.Contains(hosts, p.host) {
			hosts = append(hosts, p.host)
		}
	}
	each(hosts, func(h string) {
		for _, path := range hiddenPaths {
			g.hiddenPage(ctx, insidePagesRule, h, path, "an inside page is public")
		}
		for _, path := range pathTricks {
			g.hiddenPage(ctx, pathsCleanedRule, h, path, "a path leads around the routes")
		}
	})
	if ip := net.ParseIP(cmp.Or(g.wire.s.Target.Edge.Address, g.wire.s.Target.Host)); ip != nil && ip.IsLoopback() {
		return // a forward: the other ports are this machine's own
	}
	each([]string{"8080", "8090", "9090", "9100", "2375", strconv.Itoa(g.wire.s.Config.Traefik.APIPort)}, func(port string) {
		g.insidePort(ctx, port)
	})
}

// insidePort asks a port that only the inside should have. A firewall that
// drops answers nothing, so it is not waited for long.
func (g *visit) insidePort(ctx context.Context, text string) {
	port, _ := strconv.Atoi(text)
	if port == 0 || port == g.wire.s.Target.Edge.HTTPPort || port == g.wire.s.Target.Edge.HTTPSPort {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, insidePortWall)
	defer cancel()
	for _, path := range []string{"/api/rawdata", "/metrics"} {
		r := g.wire.send(ctx, ask{label: "GET :" + text + path, method: "GET", host: "edge", path: path, plain: true, port: port})
		if r.err != nil {
			return
		}
		if what := insidePage(r); what != "" {
			g.saw(1)
			g.finding(insidePagesRule, "port "+text, "an inside page is public", "nobody listens there", what, "do not publish the port")
		}
	}
}

func (g *visit) hiddenPage(ctx context.Context, rule stack.Rule, host, path, problem string) {
	a := ask{label: "GET " + host + " {path " + path + "}", method: "GET", host: host, path: path}
	r := g.wire.send(ctx, a)
	if r.err != nil {
		return // the edge closed the connection on what it could not read
	}
	g.saw(1)
	subject := "GET " + host + path
	switch what := insidePage(r); {
	case what == figures && (rule.ID == insidePagesRule.ID || g.wire.s.Config.Policy == stack.PolicyStandard):
		// Many programs serve theirs to everybody, by whatever path leads to it.
		g.finding(publicMetricsRule, subject, "the figures of a service are public", "404, or a question who asks", what, publicMetricsRule.Fix)
	case what != "":
		g.finding(rule, subject, problem, "404, or the site's own page", what, "remove the route; inside pages belong on an inside entry point")
	}
	if strings.Contains(string(r.body), "root:x:0:0") {
		g.finding(rule, subject, problem, "404", "a file of the system", "serve embedded files only")
	}
	if r.status >= 500 && r.status != 501 && r.status != 502 && r.status != 503 && r.status != 504 {
		g.finding(oddPathsRule, subject, "an odd path breaks the site", "a status below 500", strconv.Itoa(r.status), "handle the path")
	}
	if location := r.header.Get("Location"); g.astray(location, a) {
		g.finding(openRedirectRule, subject, "an odd path leads to another site", "a place on "+host, location, "clean paths before redirecting")
	}
}
