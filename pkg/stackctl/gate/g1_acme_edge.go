package gate

import (
	"bytes"
	"cmp"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// edgeModel is the edge as Traefik would run it, read from a frozen release.
type edgeModel struct {
	// sources are all places that hold static configuration.
	sources []edgeSource
	// static is the one that Traefik uses: the first found of file, flags,
	// environment. Traefik does not merge them.
	static      edgeSource
	entryPoints []edgeEntryPoint
	routers     []edgeRouter
	middlewares map[string]edgeMiddleware
	services    map[string]*edgeNode
	dynamic     []edgeSource
	// broken are files that Traefik would not read.
	broken []brokenFile
}

type edgeEntryPoint struct {
	name        string
	port        int
	udp         bool
	public      bool
	tls         bool
	resolver    string
	middlewares []string
	node        *edgeNode
}

type edgeRouter struct {
	name        string
	tcp         bool
	rule        string
	hosts       []string
	entryPoints []edgeEntryPoint
	// middlewares are those of the entry point first, chains taken apart.
	middlewares []string
	service     string
	tls         bool
	resolver    string
	priority    int
	file        string
	line        int
}

type edgeMiddleware struct {
	name string
	kind string // lower case: basicauth, ipallowlist, headers, …
	node *edgeNode
	file string
	line int
}

// public says whether the router answers on a published entry point.
func (r edgeRouter) public() bool {
	return slices.ContainsFunc(r.entryPoints, func(e edgeEntryPoint) bool { return e.public })
}

// edgeService is the service that is the edge.
func edgeService(r stack.Release, t stack.Traefik) (stack.Service, bool) {
	if svc, ok := r.Service(cmp.Or(t.Service, "traefik")); ok {
		return svc, true
	}
	for _, svc := range r.Services {
		if svc.Layer == stack.LayerEdge {
			return svc, true
		}
	}
	return stack.Service{}, false
}

// readEdge builds the model. Files that cannot be read become findings: what
// Traefik refuses it does not run.
func readEdge(r stack.Release, t stack.Traefik) edgeModel {
	m := edgeModel{middlewares: map[string]edgeMiddleware{}, services: map[string]*edgeNode{}}
	m.readStatic(r, t)
	m.readEntryPoints(r, t)
	for _, f := range r.Edge.Dynamic {
		ext := strings.ToLower(filepath.Ext(f.Path))
		if ext != ".yml" && ext != ".yaml" && ext != ".toml" {
			continue // Traefik's file provider passes over other names
		}
		root, err := parseEdgeFile(f.Path, f.Content)
		if err != nil {
			m.broken = append(m.broken, brokenFile{f.Path, err})
			continue
		}
		src := edgeSource{"file", dynamicName(t, f.Path), root}
		m.dynamic = append(m.dynamic, src)
		m.readMiddlewares(src)
	}
	for _, src := range m.dynamic {
		m.readRouters(src)
	}
	return m
}

// dynamicName is the file that the operator edits, where it is known.
func dynamicName(t stack.Traefik, shipped string) string {
	if t.Dynamic != "" {
		return filepath.Join(t.Dynamic, filepath.Base(shipped))
	}
	return shipped
}

// brokenFile is a file that Traefik would not read, and why.
type brokenFile struct {
	name string
	err  error
}

// staticName is the static file that the operator edits.
func staticName(t stack.Traefik) string { return cmp.Or(t.Static, "traefik.yml") }

func (m *edgeModel) readStatic(r stack.Release, t stack.Traefik) {
	e := r.Edge
	if len(bytes.TrimSpace(e.Static)) > 0 {
		root, err := parseEdgeFile(staticName(t), e.Static)
		if err != nil {
			m.broken = append(m.broken, brokenFile{staticName(t), err})
			root = &edgeNode{}
		}
		m.sources = append(m.sources, edgeSource{"file", staticName(t), root})
	}
	svc, _ := edgeService(r, t)
	argv := slices.Concat(svc.Entrypoint, svc.Command, e.Flags)
	if root := parseEdgeFlags(argv); len(root.kids) > 0 {
		m.sources = append(m.sources, edgeSource{"flags", "command of service " + svc.Name, root})
	}
	env := map[string]string{}
	for _, from := range []map[string]string{svc.Environment, e.Env} {
		for k, v := range from {
			env[k] = v
		}
	}
	if root := parseEdgeEnv(env); len(root.kids) > 0 {
		m.sources = append(m.sources, edgeSource{"environment", "environment of service " + svc.Name, root})
	}
	m.static = edgeSource{"file", staticName(t), &edgeNode{}}
	if len(m.sources) > 0 {
		m.static = m.sources[0]
	}
}

func (m *edgeModel) readEntryPoints(r stack.Release, t stack.Traefik) {
	svc, known := edgeService(r, t)
	for _, all := range m.static.root.find("entryPoints") {
		for _, n := range all.kids {
			e := edgeEntryPoint{
				name: n.name, node: n, resolver: n.text("http", "tls", "certResolver"),
				tls: n.first("http", "tls") != nil, middlewares: n.list("http", "middlewares"),
			}
			e.port, e.udp = entryPort(n.text("address"))
			e.public = !known || entryPublished(svc, e.port, t.APIPort)
			m.entryPoints = append(m.entryPoints, e)
		}
	}
}

// entryPublished says whether an entry point can be reached from outside the
// edge's container.
func entryPublished(svc stack.Service, port, inside int) bool {
	if svc.NetworkMode == "host" {
		return true
	}
	if len(svc.Ports) == 0 {
		return port != inside || inside == 0
	}
	return slices.ContainsFunc(svc.Ports, func(p stack.Port) bool { return int(p.Target) == port })
}

func entryPort(address string) (port int, udp bool) {
	address, protocol, _ := strings.Cut(address, "/")
	_, p, err := net.SplitHostPort(address)
	if err != nil {
		return 0, false
	}
	port, _ = strconv.Atoi(p)
	return port, strings.EqualFold(protocol, "udp")
}

// toldBeside are what the edge's API says of a middleware beside what it is.
var toldBeside = []string{"status", "error", "err", "usedby", "provider", "type", "name"}

func (m *edgeModel) readMiddlewares(src edgeSource) {
	for _, all := range src.root.find("http", "middlewares") {
		for _, n := range all.kids {
			mw := edgeMiddleware{name: n.name, node: n, file: src.where, line: n.line}
			// The running edge tells of a status beside the kind.
			if i := slices.IndexFunc(n.kids, func(k *edgeNode) bool { return !slices.Contains(toldBeside, strings.ToLower(k.name)) }); i >= 0 {
				mw.kind, mw.node = strings.ToLower(n.kids[i].name), n.kids[i]
			}
			m.middlewares[n.name] = mw
		}
	}
	for _, all := range src.root.find("http", "services") {
		for _, n := range all.kids {
			m.services[n.name] = n
		}
	}
}

// expand gives the middlewares of a list with chains taken apart.
func (m *edgeModel) expand(names []string, depth int) []string {
	var out []string
	for _, name := range names {
		name = strings.TrimSuffix(name, "@file")
		if mw := m.middlewares[name]; mw.kind == "chain" && depth < 8 {
			out = append(out, m.expand(mw.node.list("middlewares"), depth+1)...)
			continue
		}
		out = append(out, name)
	}
	return out
}

func (m *edgeModel) readRouters(src edgeSource) {
	for _, kind := range []string{"http", "tcp"} {
		for _, all := range src.root.find(kind, "routers") {
			for _, n := range all.kids {
				m.routers = append(m.routers, m.router(src, kind == "tcp", n))
			}
		}
	}
}

func (m *edgeModel) router(src edgeSource, tcp bool, n *edgeNode) edgeRouter {
	r := edgeRouter{
		name: n.name, tcp: tcp, rule: n.text("rule"), service: n.text("service"),
		resolver: n.text("tls", "certResolver"), file: src.where, line: n.line,
	}
	r.hosts = ruleHosts(r.rule)
	r.priority, _ = strconv.Atoi(n.text("priority"))
	section := n.first("tls")
	r.tls = section != nil && !strings.EqualFold(section.value, "false")
	r.entryPoints = m.entryPointsOf(n.list("entryPoints"))
	names := n.list("middlewares")
	for _, e := range r.entryPoints {
		// A router without a tls section takes the entry point's whole one.
		if e.tls && section == nil {
			r.tls, r.resolver = true, e.resolver
		}
		names = slices.Concat(e.middlewares, names)
	}
	r.middlewares = m.expand(names, 0)
	return r
}

// entryPointsOf resolves names; a router that names none is on the default
// ones, or on all.
func (m *edgeModel) entryPointsOf(names []string) []edgeEntryPoint {
	if len(names) == 0 {
		for _, e := range m.entryPoints {
			if e.node.truth("asDefault") {
				names = append(names, e.name)
			}
		}
	}
	var out []edgeEntryPoint
	for _, e := range m.entryPoints {
		if len(names) == 0 && !e.udp || slices.Contains(names, e.name) {
			out = append(out, e)
		}
	}
	return out
}

var (
	hostMatcher  = regexp.MustCompile("(?i)\\bHost(?:SNI)?\\(([^)]*)\\)")
	quotedString = regexp.MustCompile("`([^`]*)`|\"([^\"]*)\"")
)

// ruleHosts are the host names in a router's rule.
func ruleHosts(rule string) []string {
	var out []string
	for _, m := range hostMatcher.FindAllStringSubmatch(rule, 64) {
		for _, q := range quotedString.FindAllStringSubmatch(m[1], 64) {
			host := strings.ToLower(q[1] + q[2])
			if host != "" && host != "*" && !slices.Contains(out, host) {
				out = append(out, host)
			}
		}
	}
	return out
}
