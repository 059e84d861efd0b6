package headers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// staffLogin are the credentials that the guarded hosts take; known says
// that a password file is set.
type staffLogin struct {
	user, password string
	known          bool
}

func readStaff(s gate.Subject) (staffLogin, error) {
	c := s.Config.Traefik.Staff
	if c.PasswordFile == "" {
		return staffLogin{user: cmp.Or(c.User, "staff")}, nil
	}
	raw, err := given.Read(c.PasswordFile, given.Most)
	if err != nil {
		return staffLogin{}, fmt.Errorf("read the staff password: %w", err)
	}
	return staffLogin{user: cmp.Or(c.User, "staff"), password: strings.TrimSpace(string(raw)), known: true}, nil
}

// staffPlace is one guarded host and path.
type staffPlace struct {
	host, path string
	allowed    []netip.Prefix
}

func (g *visit) staffPlaces(j *judge) []staffPlace {
	var out []staffPlace
	for _, r := range g.model.Routers {
		if _, staff := j.staff(r); !staff || r.TCP || !r.Public() || !r.TLS {
			continue
		}
		path := "/"
		if m := prefixMatcher.FindStringSubmatch(r.Rule); m != nil {
			if q := traefik.QuotedString.FindStringSubmatch(m[1]); q != nil {
				path = "/" + strings.TrimPrefix(q[1]+q[2], "/")
			}
		}
		for _, h := range r.Hosts {
			out = append(out, staffPlace{h, path, j.allowlist(r)})
		}
	}
	return out
}

func (j *judge) allowlist(r traefik.Router) []netip.Prefix {
	var out []netip.Prefix
	for _, name := range r.Middlewares {
		if mw := j.model.Middlewares[name]; mw.Kind == "ipallowlist" || mw.Kind == "ipwhitelist" {
			for _, v := range mw.Node.List("sourceRange") {
				v = strings.TrimSpace(v)
				if p, err := netip.ParsePrefix(v); err == nil {
					out = append(out, p)
				} else if a, err := netip.ParseAddr(v); err == nil {
					out = append(out, netip.PrefixFrom(a, a.BitLen()))
				}
			}
		}
	}
	return out
}

// staffRoutes tries each factor alone, from outside and from the server.
func (g *visit) staffRoutes(ctx context.Context, j *judge, login staffLogin) {
	places := g.staffPlaces(j)
	source := g.serverSource(ctx)
	each(places, func(p staffPlace) {
		denied := false
		for _, inside := range []bool{false, true} {
			if inside && g.wire.edge == "" {
				continue
			}
			got := g.tryStaff(ctx, p, login, inside, source)
			denied = denied || got
		}
		if !denied && login.known {
			g.note(p.host + p.path + ": no address outside of the allowlist was there to ask from; the allowlist is judged by the edge's configuration")
		}
	})
	each(j.staffHosts(places), func(h string) { g.staffPaths(ctx, h) })
}

// staffHosts are the hosts that are the staff's alone.
func (j *judge) staffHosts(places []staffPlace) []string {
	var hosts []string
	for _, p := range places {
		if !slices.Contains(hosts, p.host) && !j.shared(p.host) {
			hosts = append(hosts, p.host)
		}
	}
	return hosts
}

// shared reports whether a host has public pages beside guarded ones: its other
// paths are not the staff's.
func (j *judge) shared(host string) bool {
	return slices.ContainsFunc(j.model.Routers, func(r traefik.Router) bool {
		_, staff := j.staff(r)
		return !staff && !r.TCP && r.TLS && r.Public() && j.leads(r) && slices.Contains(r.Hosts, host)
	})
}

// serverSource is the address by which the server reaches the edge's
// container; invalid where the server cannot tell.
func (g *visit) serverSource(ctx context.Context) netip.Addr {
	if g.wire.edge == "" {
		return netip.Addr{}
	}
	o, err := g.wire.s.Server.Run(ctx, "ip", "route", "get", g.wire.edge)
	if err != nil || o.Exit != 0 {
		return netip.Addr{}
	}
	f := strings.Fields(string(o.Stdout))
	if i := slices.Index(f, "src"); i >= 0 && i+1 < len(f) {
		if a, err := netip.ParseAddr(f[i+1]); err == nil {
			return a
		}
	}
	return netip.Addr{}
}

// tlsPort is the container port of the public TLS entry point.
func (g *visit) tlsPort() int {
	for _, r := range g.model.Routers {
		if r.TLS && r.Public() {
			for _, e := range r.EntryPoints {
				if e.Public {
					return e.Port
				}
			}
		}
	}
	return 443
}

func refused(status int) bool { return status == 401 || status == 403 }

// tryStaff tries a staff route from one place; it says whether the right
// password was refused there because of the address.
func (g *visit) tryStaff(ctx context.Context, p staffPlace, login staffLogin, inside bool, source netip.Addr) (denied bool) {
	from := "outside"
	base := ask{method: "GET", host: p.host, path: p.path, inside: inside}
	if inside {
		from, base.port = "the server", g.tlsPort()
	}
	try := func(what string, lines ...string) (reply, bool) {
		a := base
		a.label, a.lines = "GET "+p.host+p.path+" {"+what+", from "+from+"}", lines
		if strings.HasPrefix(what, "Connection") {
			a.close = "close, X-Forwarded-For"
		}
		r := g.wire.send(ctx, a)
		if r.err != nil {
			g.fail("ask "+a.label, r.err)
			return r, false
		}
		g.saw(1)
		g.staffHeaders(p, r)
		return r, true
	}
	must := func(rule stack.Rule, what, problem, expected string, lines ...string) {
		if r, ok := try(what, lines...); ok && !refused(r.status) {
			g.finding(rule, "staff "+p.host+p.path, problem, expected, fmt.Sprintf("%d from %s", r.status, from), "guard the route with basicAuth and ipAllowList")
		}
	}
	must(staffPasswordRule, "no password", "no password is asked for", "401 or 403")
	must(staffPasswordRule, "wrong password", "a wrong password is taken", "401 or 403", basic(login.user, "wrong-"+g.nonce))
	must(staffPasswordRule, "empty password", "an empty password is taken", "401 or 403", basic(login.user, ""))
	must(clientAddressRule, "claimed user", "a claimed user name is believed", "401 or 403", "X-Forwarded-User: "+login.user, "Remote-User: "+login.user, "X-Original-URL: /zz", "X-Rewrite-URL: /zz")
	if !login.known {
		return false
	}
	must(staffPasswordRule, "wrong user", "the password is taken for another user", "401 or 403", basic("zz-"+g.nonce, login.password))
	r, ok := try("right password", basic(login.user, login.password))
	if !ok {
		return false
	}
	inList := source.IsValid() && slices.ContainsFunc(p.allowed, func(n netip.Prefix) bool { return n.Contains(source) })
	switch {
	case inside && source.IsValid() && !inList && !refused(r.status):
		g.finding(staffAllowlistRule, "staff "+p.host+p.path, "the right password is taken from a wrong address", "403", fmt.Sprintf("%d from %s", r.status, source), "add ipAllowList to the route")
	case inside && inList && refused(r.status):
		g.finding(staffWorksRule, "staff "+p.host+p.path, "the right password is refused from an allowed address", "an answer other than 401 and 403", fmt.Sprintf("%d from %s", r.status, source), "see that the password file and the edge's user file belong together")
	case r.status == 401:
		g.finding(staffWorksRule, "staff "+p.host+p.path, "the right password is refused", "an answer, or 403 for the address", "401 from "+from, "see that the password file and the edge's user file belong together")
	}
	if r.status != 403 {
		return false
	}
	for _, trick := range spoofs(p.allowed) {
		must(clientAddressRule, trick.what, "a claimed address is believed: "+trick.what, "403", append([]string{basic(login.user, login.password)}, trick.lines...)...)
	}
	return true
}

type spoof struct {
	what  string
	lines []string
}

// spoofs claim an address that the allowlist lets in.
func spoofs(allowed []netip.Prefix) []spoof {
	claims := []string{"127.0.0.1"}
	for _, p := range allowed {
		a := p.Addr()
		if next := p.Masked().Addr().Next(); p.Contains(next) {
			a = next
		}
		if !a.IsLoopback() && len(claims) < 2 {
			claims = append(claims, a.String())
		}
	}
	var out []spoof
	for _, c := range claims {
		out = append(out,
			spoof{"X-Forwarded-For", []string{"X-Forwarded-For: " + c}},
			spoof{"several X-Forwarded-For", []string{"X-Forwarded-For: " + c + ", " + c, "X-Forwarded-For: " + c}},
			spoof{"X-Real-IP", []string{"X-Real-IP: " + c, "X-Client-IP: " + c, "True-Client-IP: " + c, "CF-Connecting-IP: " + c}},
			spoof{"Forwarded", []string{"Forwarded: for=" + c + ";proto=https;by=" + c}},
			spoof{"Connection: X-Forwarded-For", []string{"X-Forwarded-For: " + c, "X-Real-IP: " + c}},
		)
	}
	return out
}

// staffHeaders judges what every staff answer carries, refusals included.
func (g *visit) staffHeaders(p staffPlace, r reply) {
	subject := "staff " + p.host + p.path
	observed := fmt.Sprintf(" (status %d)", r.status)
	for _, f := range (policy{staff: true}).judge(r.values) {
		g.finding(f.rule, subject, f.problem, f.expected, f.observed+observed, "put the staff headers middleware first")
	}
	for _, f := range leaks(r.values) {
		g.finding(f.rule, subject, f.problem, f.expected, f.observed+observed, "empty the header in customResponseHeaders")
	}
	if r.status == 200 && r.html() {
		if _, ok := cacheWords(r.values("Cache-Control"))["no-store"]; !ok {
			g.finding(privateCacheRule, subject, "a staff page may be kept by caches", "Cache-Control: no-store", strings.Join(r.values("Cache-Control"), ", "), "send no-store on staff pages")
		}
	}
}

// staffPaths tries ways around a route's path without a password.
func (g *visit) staffPaths(ctx context.Context, host string) {
	for _, path := range []string{"//", "/./", "/..;/", "/%2e%2e/", "/static/../", "/static/..%2f", "/;/", `/\`, "/favicon.ico", "/robots.txt", "/health", "/metrics", "/.well-known/acme-challenge/zz-" + g.nonce, "/api/health/live"} {
		r := g.wire.send(ctx, ask{label: "GET " + host + " {path " + path + "}", method: "GET", host: host, path: path})
		if r.err != nil {
			continue // the edge closed the connection on what it could not read
		}
		g.saw(1)
		if r.status >= 200 && r.status < 300 || r.status >= 500 {
			g.finding(pathsCleanedRule, "staff "+host, "a path leads around the guards", "401, 403, 400 or 404", fmt.Sprintf("%d on %s", r.status, path), "guard all paths of the host with one rule")
		}
	}
}

// live judges what the running edge has loaded, by the same rules as its
// files: what runs may differ from what was shipped.
func (g *visit) live(ctx context.Context, login staffLogin) {
	s := g.wire.s
	if g.wire.edge == "" || s.Config.Traefik.APIPort == 0 {
		return
	}
	base := ask{method: "GET", host: "edge", path: "/api/rawdata", plain: true, inside: true, port: s.Config.Traefik.APIPort}
	open := base
	open.label = "GET inside /api/rawdata {no password}"
	if r := g.wire.send(ctx, open); r.err == nil {
		g.saw(1)
		if insidePage(r) != "" {
			g.finding(insideAPIRule, "edge api", "the edge's inside API asks for no password", "401", strconv.Itoa(r.status), insideAPIRule.Fix)
		}
	}
	insecure := base
	insecure.label, insecure.port = "GET inside :8080/api/rawdata", 8080
	if s.Config.Traefik.APIPort != 8080 {
		if r := g.wire.send(ctx, insecure); r.err == nil && insidePage(r) != "" {
			g.saw(1)
			g.finding(dashboardRule, "edge api", "the edge's API answers anybody on port 8080", "nobody listens there", strconv.Itoa(r.status), "remove api.insecure")
		}
	}
	if !login.known {
		return
	}
	base.label, base.lines = "GET inside /api/rawdata", []string{basic(login.user, login.password)}
	r := g.wire.send(ctx, base)
	if r.err != nil || r.status != 200 {
		g.note(fmt.Sprintf("the edge's inside API did not tell what is loaded: status %d", r.status))
		return
	}
	g.saw(1)
	g.judgeLive(r.body)
	g.loaded(r.body)
	base.path, base.label = "/api/entrypoints", "GET inside /api/entrypoints"
	if r := g.wire.send(ctx, base); r.err == nil && r.status == 200 {
		g.saw(1)
		g.judgeEntryPoints(r.body)
	}
}

// judgeLive reads /api/rawdata as if it were a dynamic file.
func (g *visit) judgeLive(body []byte) {
	var doc map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil || !json.Valid(body) {
		g.note("the edge's inside API did not answer with JSON")
		return
	}
	loaded := map[string]any{}
	for _, key := range []string{"routers", "middlewares", "services"} {
		loaded[key] = ofFile(doc[key], g.subject().Release.Edge.Edges > 0)
	}
	b := traefik.Builder{Left: traefik.MaxNodes}
	root := &traefik.Node{}
	if err := b.FromMap(root, map[string]any{"http": loaded}, 0); err != nil {
		g.note("what the edge has loaded is too large to judge")
		return
	}
	m := traefik.Model{Static: g.model.Static, EntryPoints: g.model.EntryPoints, Middlewares: map[string]traefik.Middleware{}, Services: map[string]*traefik.Node{}}
	src := traefik.Source{Kind: "file", Where: "(running edge)", Root: root}
	m.ReadMiddlewares(src)
	m.ReadRouters(src)
	j := &judge{subject: g.subject(), model: m, evidence: "headers.json"}
	j.dynamic()
	g.saw(j.seen)
	for _, f := range j.out {
		f.File, f.Line = "", 0
		f.Observed += " (loaded by the running edge)"
		g.mu.Lock()
		g.out = append(g.out, f)
		g.mu.Unlock()
	}
	for _, all := range root.Find("http", "routers") {
		for _, r := range all.Kids {
			if strings.EqualFold(r.Text("status"), "disabled") {
				g.finding(runningRoutesRule, "router "+r.Name, "the running edge has switched the router off", "enabled", strings.Join(append(r.List("error"), r.List("err")...), "; "), "correct the router in the Traefik files")
			}
		}
	}
}

// ofFile keeps what the file provider brought, without the suffix.
func ofFile(v any, several bool) any {
	all, ok := v.(map[string]any)
	if !ok {
		return map[string]any{}
	}
	out := map[string]any{}
	for name, item := range all {
		base, found := strings.CutSuffix(name, "@file")
		if !found || several && strings.HasPrefix(base, edge.ChallengeName) { // drift has compared the file that brings it
			continue
		}
		if m, ok := item.(map[string]any); ok {
			// What the API adds beside the configuration itself.
			for _, extra := range []string{"usedBy", "using", "serverStatus", "loadBalancerStatus"} {
				delete(m, extra)
			}
		}
		out[base] = item
	}
	return out
}
