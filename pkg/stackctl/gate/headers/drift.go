package headers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// drift compares the files that the running edge reads with the release's.
func (g *visit) drift(ctx context.Context) {
	seen, found, err := probe.DynamicDrift(ctx, g.wire.s, runningRoutesRule)
	g.saw(seen)
	if err != nil {
		g.fail("compare the edge's files with the release's", err)
	}
	g.mu.Lock()
	g.out = append(g.out, found...)
	g.mu.Unlock()
}

// loadedRouter is a router as Traefik's API tells it.
type loadedRouter struct {
	Rule        string   `json:"rule"`
	Service     string   `json:"service"`
	EntryPoints []string `json:"entryPoints"`
	Middlewares []string `json:"middlewares"`
	TLS         *struct {
		CertResolver string `json:"certResolver"`
		Options      string `json:"options"`
		Passthrough  bool   `json:"passthrough"`
	} `json:"tls"`
}

// loaded compares what the running edge has loaded, from whatever provider,
// with the release's files.
func (g *visit) loaded(body []byte) {
	var doc struct {
		Routers     map[string]loadedRouter    `json:"routers"`
		TCPRouters  map[string]loadedRouter    `json:"tcpRouters"`
		UDPRouters  map[string]json.RawMessage `json:"udpRouters"`
		Middlewares map[string]json.RawMessage `json:"middlewares"`
		Services    map[string]json.RawMessage `json:"services"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		g.note("the edge's inside API did not tell its routes in a form that is known")
		return
	}
	wanted := map[string]traefik.Router{}
	for _, r := range g.model.Routers {
		wanted[fmt.Sprint(r.TCP, " ", r.Name)] = r
	}
	judge := func(list map[string]loadedRouter, tcp bool) {
		for full, r := range list {
			name, ours := g.ofRelease("router", full)
			if !ours {
				continue
			}
			g.saw(1)
			w, known := wanted[fmt.Sprint(tcp, " ", name)]
			if !known {
				g.strange("router "+name, r.Rule)
				continue
			}
			delete(wanted, fmt.Sprint(tcp, " ", name))
			g.sameRouter(w, r)
		}
	}
	judge(doc.Routers, false)
	judge(doc.TCPRouters, true)
	for _, w := range wanted {
		g.finding(runningRoutesRule, "router "+w.Name, "the running edge has not loaded a route of the release", w.Rule, "not loaded", "see the edge's log")
	}
	for name := range doc.UDPRouters {
		if name, ours := g.ofRelease("router", name); ours && !g.declares("udp", "routers", name) {
			g.strange("UDP router "+name, name)
		}
	}
	for full := range doc.Middlewares {
		if name, ours := g.ofRelease("middleware", full); ours && !g.declares("http", "middlewares", name) {
			g.strange("middleware "+name, name)
		}
	}
	for full := range doc.Services {
		if name, ours := g.ofRelease("service", full); ours && !g.declares("http", "services", name) {
			g.strange("service "+name, name)
		}
	}
}

// ofRelease takes the provider off a name. What the edge makes itself is
// passed over; what any other provider than the file's brings was not judged.
func (g *visit) ofRelease(kind, full string) (name string, ours bool) {
	name, provider, _ := strings.Cut(full, "@")
	switch provider {
	case "file":
		if strings.HasPrefix(name, edge.MaintenancePrefix) || g.subject().Release.Edge.Edges > 0 && strings.HasPrefix(name, edge.ChallengeName) { // drift has read every file that could bring it
			return name, false
		}
		return name, true
	case "", "internal":
		return name, false
	}
	g.finding(runningRoutesRule, kind+" "+full, "the running edge takes routes from elsewhere", "the file provider alone", "provider "+provider, "remove the provider from the edge's static settings")
	return name, false
}

func (g *visit) strange(subject, observed string) {
	g.finding(runningRoutesRule, subject, "the running edge has loaded what the release does not bring", "what the release's files say", observed, "remove the file that brings it, or deploy again")
}

func (g *visit) declares(keys ...string) bool {
	return slices.ContainsFunc(g.model.Dynamic, func(src traefik.Source) bool { return src.Root.First(keys...) != nil })
}

// sameRouter compares one router with its definition.
func (g *visit) sameRouter(w traefik.Router, r loadedRouter) {
	var points []string
	for _, e := range w.EntryPoints {
		points = append(points, e.Name)
	}
	var node *traefik.Node
	for _, src := range g.model.Dynamic {
		for _, kind := range []string{"http", "tcp"} {
			if n := src.Root.First(kind, "routers", w.Name); n != nil && (kind == "tcp") == w.TCP {
				node = n
			}
		}
	}
	bare := func(names []string) string {
		out := slices.Clone(names)
		for i := range out {
			out[i] = strings.TrimSuffix(out[i], "@file")
		}
		return strings.Join(out, ", ")
	}
	sorted := func(names []string) string {
		out := slices.Clone(names)
		slices.Sort(out)
		return strings.ToLower(strings.Join(out, ", "))
	}
	resolver := ""
	if r.TLS != nil {
		resolver = r.TLS.CertResolver
	}
	for _, c := range []struct{ what, want, have string }{
		{"rule", strings.TrimSpace(w.Rule), strings.TrimSpace(r.Rule)},
		{"service", strings.TrimSuffix(w.Service, "@file"), strings.TrimSuffix(r.Service, "@file")},
		{"entry points", sorted(points), sorted(r.EntryPoints)},
		{"middlewares", bare(node.List("middlewares")), bare(r.Middlewares)},
		{"TLS", fmt.Sprint(w.TLS), fmt.Sprint(r.TLS != nil)},
		{"resolver", w.Resolver, resolver},
	} {
		if c.want != c.have {
			g.finding(runningRoutesRule, "router "+w.Name, "the running edge has loaded another "+c.what+" than the release's", cmp.Or(c.want, "none"), c.have, "deploy again")
		}
	}
}

// judgeEntryPoints compares the entry points that the edge listens on with the
// release's, by name and port, and judges them by the same rules.
func (g *visit) judgeEntryPoints(body []byte) {
	var list []map[string]any
	if err := json.Unmarshal(body, &list); err != nil {
		g.note("the edge's inside API did not tell its entry points in a form that is known")
		return
	}
	points := map[string]any{}
	for _, e := range list {
		if name, ok := e["name"].(string); ok {
			points[name] = e
		}
	}
	b := traefik.Builder{Left: traefik.MaxNodes}
	root := &traefik.Node{}
	if err := b.FromMap(root, map[string]any{"entryPoints": points}, 0); err != nil {
		g.note("the edge's entry points are too large to judge")
		return
	}
	s := g.subject()
	m := traefik.Model{Static: traefik.Source{Kind: "file", Where: "(running edge)", Root: root}}
	m.ReadEntryPoints(s.Release, s.Config.Traefik)
	at := func(rule stack.Rule, subject, problem, expected, observed, fix string, _ int) {
		g.finding(rule, subject, problem, expected, observed+" (loaded by the running edge)", fix)
	}
	j := &judge{subject: s, model: m, evidence: "headers.json"}
	for _, e := range m.EntryPoints {
		g.saw(1)
		j.entryPoint(e, at)
		i := slices.IndexFunc(g.model.EntryPoints, func(w traefik.EntryPoint) bool { return strings.EqualFold(w.Name, e.Name) })
		switch {
		case i < 0:
			g.finding(runningRoutesRule, "entry point "+e.Name, "the running edge listens where the release does not say so", "entry points of the static file", e.Node.Text("address"), "restart the edge with its own file: deploy again")
		case g.model.EntryPoints[i].Port != e.Port:
			g.finding(runningRoutesRule, "entry point "+e.Name, "the running edge listens on another port", fmt.Sprint(g.model.EntryPoints[i].Port), e.Node.Text("address"), "restart the edge with its own file: deploy again")
		}
	}
}
