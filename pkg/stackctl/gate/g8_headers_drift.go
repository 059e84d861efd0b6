package gate

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// drift compares the files that the running edge reads with the release's.
func (g *headerGate) drift(ctx context.Context) {
	seen, found, err := dynamicDrift(ctx, g.wire.s)
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
func (g *headerGate) loaded(body []byte) {
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
	wanted := map[string]edgeRouter{}
	for _, r := range g.model.routers {
		wanted[fmt.Sprint(r.tcp, " ", r.name)] = r
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
		g.finding("router "+w.name, "the running edge has not loaded a route of the release", w.rule, "not loaded", "see the edge's log")
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
func (g *headerGate) ofRelease(kind, full string) (name string, ours bool) {
	name, provider, _ := strings.Cut(full, "@")
	switch provider {
	case "file":
		return name, true
	case "", "internal":
		return name, false
	}
	g.finding(kind+" "+full, "the running edge takes routes from elsewhere", "the file provider alone", "provider "+provider, "remove the provider from the edge's static settings")
	return name, false
}

func (g *headerGate) strange(subject, observed string) {
	g.finding(subject, "the running edge has loaded what the release does not bring", "what the release's files say", observed, "remove the file that brings it, or deploy again")
}

func (g *headerGate) declares(keys ...string) bool {
	return slices.ContainsFunc(g.model.dynamic, func(src edgeSource) bool { return src.root.first(keys...) != nil })
}

// sameRouter compares one router with its definition.
func (g *headerGate) sameRouter(w edgeRouter, r loadedRouter) {
	var points []string
	for _, e := range w.entryPoints {
		points = append(points, e.name)
	}
	var node *edgeNode
	for _, src := range g.model.dynamic {
		for _, kind := range []string{"http", "tcp"} {
			if n := src.root.first(kind, "routers", w.name); n != nil && (kind == "tcp") == w.tcp {
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
		{"rule", strings.TrimSpace(w.rule), strings.TrimSpace(r.Rule)},
		{"service", strings.TrimSuffix(w.service, "@file"), strings.TrimSuffix(r.Service, "@file")},
		{"entry points", sorted(points), sorted(r.EntryPoints)},
		{"middlewares", bare(node.list("middlewares")), bare(r.Middlewares)},
		{"TLS", fmt.Sprint(w.tls), fmt.Sprint(r.TLS != nil)},
		{"resolver", w.resolver, resolver},
	} {
		if c.want != c.have {
			g.finding("router "+w.name, "the running edge has loaded another "+c.what+" than the release's", cmp.Or(c.want, "none"), c.have, "deploy again")
		}
	}
}

// judgeEntryPoints compares the entry points that the edge listens on with the
// release's, by name and port, and judges them by the same rules.
func (g *headerGate) judgeEntryPoints(body []byte) {
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
	b := edgeBuilder{left: edgeMaxNodes}
	root := &edgeNode{}
	if err := b.fromMap(root, map[string]any{"entryPoints": points}, 0); err != nil {
		g.note("the edge's entry points are too large to judge")
		return
	}
	s := g.subject()
	m := edgeModel{static: edgeSource{"file", "(running edge)", root}}
	m.readEntryPoints(s.Release, s.Config.Traefik)
	at := func(subject, problem, expected, observed, fix string, _ int) {
		g.finding(subject, problem, expected, observed+" (loaded by the running edge)", fix)
	}
	j := &headerJudge{subject: s, model: m, evidence: "headers.json"}
	for _, e := range m.entryPoints {
		g.saw(1)
		j.entryPoint(e, at)
		i := slices.IndexFunc(g.model.entryPoints, func(w edgeEntryPoint) bool { return strings.EqualFold(w.name, e.name) })
		switch {
		case i < 0:
			g.finding("entry point "+e.name, "the running edge listens where the release does not say so", "entry points of the static file", e.node.text("address"), "restart the edge with its own file: deploy again")
		case g.model.entryPoints[i].port != e.port:
			g.finding("entry point "+e.name, "the running edge listens on another port", fmt.Sprint(g.model.entryPoints[i].port), e.node.text("address"), "restart the edge with its own file: deploy again")
		}
	}
}
