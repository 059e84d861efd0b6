package headers

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// Served asks the running edge.
func Served() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G8", Name: "headers", Phase: stack.PhasePost,
		Question:  "Does every answer carry its headers, and does every guard hold by itself?",
		Refs:      []string{"SPEC §3", "ASVS 3.4.1", "ASVS 3.4.2", "ASVS 3.4.3", "ASVS 3.4.4", "ASVS 4.1.3", "ASVS 13.4.5", "ASVS 14.3.2"},
		Inspects:  "success, error and redirect answers of every public route; each guard of every staff route alone; spoofed addresses, unknown hosts, odd paths, inside pages, caches, CORS",
		Artifacts: []string{"headers.json"},
		Check:     checkServed,
	}
}

func checkServed(ctx context.Context, s gate.Subject) (gate.Answer, error) {
	wire, err := newHeaderWire(ctx, s)
	if err != nil {
		return gate.Answer{}, err
	}
	random := make([]byte, 6)
	if _, err := rand.Read(random); err != nil {
		return gate.Answer{}, err
	}
	g := &visit{wire: wire, model: traefik.Read(s.Release, s.Config.Traefik), nonce: hex.EncodeToString(random)}
	j := &judge{subject: s, model: g.model}
	staff, err := readStaff(s)
	if err != nil && len(g.staffPlaces(j)) > 0 {
		return gate.Answer{}, err
	}
	looks := []func(){
		func() { g.public(ctx, j) },
		func() { g.port80(ctx, j) },
		func() { g.staffRoutes(ctx, j, staff) },
		func() { g.unknownHosts(ctx, j) },
		func() { g.hidden(ctx, j) },
		func() { g.live(ctx, staff) },
		func() { g.drift(ctx) },
		func() { g.overHTTP2(ctx, j, staff) },
	}
	var wg sync.WaitGroup
	for _, look := range looks {
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() { // a look that breaks must not take the program along
				if p := recover(); p != nil {
					g.fail("a look of the gate broke", fmt.Errorf("%v at %s", p, gate.PanicPlace()))
				}
			}()
			look()
		}()
	}
	wg.Wait()
	g.out = append(g.out, wire.read.findings()...)
	if n := len(g.fails); n > 5 {
		g.fails = append(g.fails[:5], fmt.Errorf("and %d more", n-5))
	}
	g.fails = append(g.fails, g.keep(s))
	slices.SortStableFunc(g.out, func(a, b stack.Finding) int { return strings.Compare(a.Subject+a.Problem, b.Subject+b.Problem) })
	return gate.Answer{Inspected: g.seen, Of: "answers", Findings: g.out}, errors.Join(g.fails...)
}

func (g *visit) keep(s gate.Subject) error {
	if s.Artifacts == nil {
		return nil
	}
	slices.SortStableFunc(g.wire.log, func(a, b entry) int { return strings.Compare(a.Host+a.Ask, b.Host+b.Ask) })
	doc, err := json.MarshalIndent(map[string]any{"answers": g.wire.log, "notes": g.notes}, "", "  ")
	if err != nil {
		return err
	}
	return s.Artifacts.Artifact("headers.json", append(doc, '\n'))
}

// publicPlace is one host and path prefix that users see.
type publicPlace struct{ host, prefix string }

var prefixMatcher = regexp.MustCompile("(?i)\\bPath(?:Prefix)?\\(([^)]*)\\)")

// places are the hosts and prefixes of the public routes with TLS.
func (g *visit) places(j *judge) []publicPlace {
	var out []publicPlace
	for _, r := range g.model.Routers {
		if _, staff := j.staff(r); staff || r.TCP || !r.Public() || !r.TLS {
			continue
		}
		prefixes := []string{"/"}
		if m := prefixMatcher.FindStringSubmatch(r.Rule); m != nil {
			prefixes = nil
			for _, q := range traefik.QuotedString.FindAllStringSubmatch(m[1], 8) {
				prefixes = append(prefixes, "/"+strings.TrimPrefix(q[1]+q[2], "/"))
			}
		}
		for _, h := range r.Hosts {
			for _, p := range prefixes {
				if place := (publicPlace{h, p}); !slices.Contains(out, place) {
					out = append(out, place)
				}
			}
		}
	}
	return out
}

// public judges the answers of every public route.
func (g *visit) public(ctx context.Context, j *judge) {
	places := g.places(j)
	each(places, func(p publicPlace) {
		missing := strings.TrimSuffix(p.prefix, "/") + "/zz-" + g.nonce
		for _, a := range []ask{
			{label: "{route}", method: "GET", path: p.prefix},
			{label: "{kept connection}", method: "GET", path: p.prefix, close: "keep-alive"},
			{label: "{missing}", method: "GET", path: missing},
			{label: "{method}", method: "DELETE", path: missing},
			{label: "{cors}", method: "GET", path: p.prefix, lines: []string{"Origin: https://evil.example"}},
			{label: "{cors null}", method: "GET", path: p.prefix, lines: []string{"Origin: null"}},
			{label: "{trace}", method: "TRACE", path: p.prefix, lines: []string{"X-Echo: " + g.nonce}},
			{label: "{preflight}", method: "OPTIONS", path: p.prefix, lines: []string{"Origin: https://evil.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type"}},
		} {
			a.host = p.host
			a.label = a.method + " " + p.host + p.prefix + " " + a.label
			g.judgePublic(ctx, a)
		}
	})
	each(g.knownPaths(), func(a ask) { g.judgePublic(ctx, a) })
	domain := cmp.Or(g.wire.s.Release.Domain, g.wire.s.Target.Domain)
	if slices.Contains(places, publicPlace{domain, "/"}) {
		g.caches(ctx, domain)
	}
}

// knownPaths are paths of the settings whose answers are known to be a
// success, a refusal, or private.
func (g *visit) knownPaths() []ask {
	s := g.wire.s
	domain := cmp.Or(s.Release.Domain, s.Target.Domain)
	var out []ask
	add := func(host, path string) {
		out = append(out, ask{label: "GET " + host + path, method: "GET", host: host, path: path})
	}
	for _, e := range s.Config.Gates.Health {
		add(probe.Host(s, e), e.Path)
	}
	if p := s.Config.Gates.Auth; s.Config.Contract.Prefix != "" {
		for _, path := range []string{p.Me, p.CSRF} {
			if path != "" {
				add(domain, s.Config.Contract.Prefix+path)
			}
		}
	}
	return out
}

// judgePublic sends one ask and judges its answer as a public one.
func (g *visit) judgePublic(ctx context.Context, a ask) {
	r := g.wire.send(ctx, a)
	if r.err != nil {
		g.fail("ask "+a.label, r.err)
		return
	}
	g.saw(1)
	observed := fmt.Sprintf(" (status %d)", r.status)
	for _, f := range (policy{hsts: true, strict: true, hosts: ownHosts(g.wire.s, a.host)}).judge(r.values) {
		g.finding(f.rule, a.label, f.problem, f.expected, f.observed+observed, headerFix(g.wire.s.Config, "add it to the headers middleware of the public routes, first in their list"))
	}
	for _, f := range leaks(r.values) {
		g.finding(f.rule, a.label, f.problem, f.expected, f.observed+observed, "empty the header in customResponseHeaders")
	}
	if a.method == http.MethodTrace && bytes.Contains(r.body, []byte(g.nonce)) {
		g.finding(traceRule, a.label, "TRACE is answered with the request: a script could read headers that are kept from it", "405", strconv.Itoa(r.status), traceRule.Fix)
	}
	g.judgeCORS(a, r)
	g.judgePrivate(a, r)
	if location := r.header.Get("Location"); g.astray(location, a) {
		g.finding(openRedirectRule, a.label, "the answer leads to another site", "a place on "+a.host, location, "build redirects from known paths only")
	}
}

// ownHosts are the names of the site itself, and the one that was asked.
func ownHosts(s gate.Subject, asked ...string) []string {
	return append(asked, cmp.Or(s.Release.Domain, s.Target.Domain))
}

// judgeCORS sees that no foreign origin may read answers with the user's
// cookies (ASVS 3.4.2).
func (g *visit) judgeCORS(a ask, r reply) {
	origin := r.header.Get("Access-Control-Allow-Origin")
	credentials := strings.EqualFold(r.header.Get("Access-Control-Allow-Credentials"), "true")
	if g.wire.s.Config.Policy == stack.PolicyStandard && !credentials {
		return // what anybody may ask for without a cookie, anybody may show
	}
	switch {
	case strings.Contains(origin, "evil.example"):
		g.finding(corsRule, a.label, "a foreign origin is reflected", "no Access-Control-Allow-Origin for it", origin, "allow named origins only")
	case origin == "null":
		g.finding(corsRule, a.label, "the origin null is allowed", "no Access-Control-Allow-Origin for it", origin, "allow named origins only")
	case origin == "*" && credentials:
		g.finding(corsRule, a.label, "every origin is allowed together with cookies", "named origins", "* with credentials", "allow named origins only")
	}
}

// judgePrivate sees that answers about a user are kept nowhere.
func (g *visit) judgePrivate(a ask, r reply) {
	c := g.wire.s.Config
	private := false
	for _, p := range []string{c.Gates.Auth.Me, c.Gates.Auth.CSRF} {
		private = private || p != "" && a.path == c.Contract.Prefix+p
	}
	if !private && !slices.ContainsFunc(r.header.Values("Set-Cookie"), aboutVisitor) {
		return
	}
	words := cacheWords(r.values("Cache-Control"))
	if g.wire.s.Config.Policy == stack.PolicyStandard && !forAll(words) {
		return // programs of others rarely say no-store; that many may have it they must not say
	}
	if _, ok := words["no-store"]; !ok {
		g.finding(privateCacheRule, a.label, "a private answer may be kept by caches", "Cache-Control: no-store", strings.Join(r.values("Cache-Control"), ", "), "send no-store with every answer about a user or session")
	}
}

// aboutVisitor reports whether a cookie may tell who a visitor is. That of the
// edge, which names a replica, does not.
func aboutVisitor(cookie string) bool { return !strings.HasPrefix(cookie, stack.StickyCookie) }

// forAll reports whether Cache-Control lets a cache between keep an answer and give
// it to others (RFC 9111, sections 3 and 5.2.2).
func forAll(words map[string]string) bool {
	for _, bound := range []string{"private", "no-store", "no-cache"} {
		if _, is := words[bound]; is {
			return false
		}
	}
	age, shared := words["max-age"], words["s-maxage"]
	_, public := words["public"]
	return public || shared != "" && shared != "0" || age != "" && age != "0"
}

// astray reports whether a Location leads where it should not: under policy strict
// to any other site, else to one that the request itself named. Many projects
// sign people in elsewhere.
func (g *visit) astray(location string, a ask) bool {
	switch {
	case location == "" || !leavesSite(location, a.host):
		return false
	case g.wire.s.Config.Policy != stack.PolicyStandard:
		return true
	}
	return named(location, a)
}

// named reports whether a request names the host that a Location leads to, in its
// path or in a header: who makes a visitor send it chooses where it leads.
func named(location string, a ask) bool {
	to, err := url.Parse(strings.ReplaceAll(strings.TrimSpace(location), `\`, "/"))
	if err != nil || to.Hostname() == "" {
		return true // https:evil, javascript:…
	}
	asked := strings.ToLower(strings.Join(append(slices.Clone(a.lines), a.path), "\n"))
	return strings.Contains(asked, strings.ToLower(to.Hostname()))
}

// leavesSite reports whether a Location leads to another host; a browser reads //
// and /\ as the start of one.
func leavesSite(location, host string) bool {
	clean := strings.ReplaceAll(strings.TrimSpace(location), `\`, "/")
	if strings.HasPrefix(clean, "//") {
		clean = "https:" + clean
	}
	u, err := url.Parse(clean)
	if err != nil {
		return true
	}
	if u.Host == "" {
		return u.Scheme != "" // https:evil, javascript:…
	}
	name := strings.ToLower(u.Hostname())
	apex := strings.TrimPrefix(strings.ToLower(host), "www.")
	return name != apex && !strings.HasSuffix(name, "."+apex) && name != strings.ToLower(host)
}

var assetLink = regexp.MustCompile(`(?:src|href)="(/[^"?#]+\.(?:js|mjs|css|woff2?|svg|png|webp|avif|jpg))"`)

var hashedName = regexp.MustCompile(`[-.]([A-Za-z0-9_-]{8,})\.[a-z0-9]+$`)

// caches judges how the site's page and its hashed files may be kept.
func (g *visit) caches(ctx context.Context, domain string) {
	home := g.wire.send(ctx, ask{label: "GET " + domain + "/ {page}", method: "GET", host: domain, path: "/", lines: []string{"Accept: text/html"}})
	if home.err != nil {
		g.fail("ask the home page", home.err)
		return
	}
	if home.status != 200 || !home.html() {
		return
	}
	g.saw(1)
	if !freshHTML(home.values("Cache-Control")) {
		g.finding(cachingRule, "GET "+domain+"/ {page}", "a page may be kept without asking again", "Cache-Control: no-cache", strings.Join(home.values("Cache-Control"), ", "),
			"send no-cache with HTML, so that a release reaches everybody")
	}
	var assets []string
	for _, m := range assetLink.FindAllSubmatch(home.body, 64) {
		if p := string(m[1]); hashedName.MatchString(p) && hasDigitOrUpper(hashedName.FindStringSubmatch(p)[1]) && !slices.Contains(assets, p) && len(assets) < 12 {
			assets = append(assets, p)
		}
	}
	each(assets, func(p string) {
		r := g.wire.send(ctx, ask{label: "GET " + domain + p, method: "GET", host: domain, path: p})
		if r.err != nil {
			g.fail("ask "+p, r.err)
			return
		}
		g.saw(1)
		if why := longLived(r.values("Cache-Control")); r.status == 200 && why != "" {
			g.finding(cachingRule, "GET "+domain+"/{hashed asset}", "a hashed file is not kept", "Cache-Control: public, max-age=31536000, immutable", why+" on "+p, "send immutable with files whose name has their hash")
		}
		if r.status >= 400 {
			g.finding(pageFilesRule, "GET "+domain+"/{hashed asset}", "a file of the page is missing", "status 200", fmt.Sprintf("%d on %s", r.status, p), "build the web app again and deploy it as one image")
		}
	})
	for _, p := range []string{"/assets/zz-" + g.nonce + ".js", "/zz-" + g.nonce} {
		r := g.wire.send(ctx, ask{label: "GET " + domain + " {missing asset}", method: "GET", host: domain, path: p})
		if r.err != nil {
			g.fail("ask a missing asset", r.err)
			continue
		}
		g.saw(1)
		if _, ok := cacheWords(r.values("Cache-Control"))["immutable"]; ok {
			g.finding(cachingRule, "GET "+domain+" {missing asset}", "an answer for a file that is not there is kept for ever", "no immutable", strings.Join(r.values("Cache-Control"), ", "), "send immutable with existing hashed files only")
		}
	}
}

func hasDigitOrUpper(s string) bool { return probe.HasDigit.MatchString(s) || strings.ToLower(s) != s }

// port80 judges what the plain port answers.
func (g *visit) port80(ctx context.Context, j *judge) {
	hosts := probe.TLSHosts(g.wire.s, g.model)
	each(hosts, func(h string) {
		path := "/zz-" + g.nonce + "?a=1"
		a := ask{label: "GET http://" + h + "/", method: "GET", host: h, path: path, plain: true}
		r := g.wire.send(ctx, a)
		if r.err != nil {
			g.fail("ask "+a.label, r.err)
			return
		}
		g.saw(1)
		location := r.header.Get("Location")
		u, err := url.Parse(location)
		switch {
		case r.status == 404 || r.status == 403:
			if g.isPublic(j, h) {
				g.finding(plainHTTPRule, a.label, "port 80 does not lead to https", "a redirect to https://"+h, strconv.Itoa(r.status), "add the host to the redirect's rule")
			}
			return
		case r.status < 300 || r.status > 399:
			g.finding(plainHTTPRule, a.label, "port 80 does not lead to https", "a redirect to https://"+h, strconv.Itoa(r.status), "redirect the entry point to https")
			return
		case err != nil || u.Scheme != "https" || !strings.EqualFold(u.Hostname(), h) || u.RequestURI() != path:
			g.finding(plainHTTPRule, a.label, "port 80 leads elsewhere", "https://"+h+path, location, "redirect to the same host and path")
		case r.status != 301 && r.status != 308:
			g.finding(redirectPermanentRule, a.label, "the redirect to https is not permanent", "301 or 308", strconv.Itoa(r.status), "write permanent: true")
		}
		for _, f := range leaks(r.values) {
			g.finding(f.rule, a.label, f.problem, f.expected, f.observed, "empty the header in customResponseHeaders")
		}
		if g.isPublic(j, h) {
			for _, f := range (policy{strict: true}).judge(r.values) {
				g.finding(f.rule, a.label, f.problem, f.expected, f.observed+fmt.Sprintf(" (status %d)", r.status), "put the headers middleware first on the redirect's router")
			}
		}
	})
}

func (g *visit) isPublic(j *judge, host string) bool {
	return slices.ContainsFunc(g.places(j), func(p publicPlace) bool { return p.host == host })
}
