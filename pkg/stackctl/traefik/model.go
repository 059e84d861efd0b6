// Package traefik owns Traefik's model: what its static and dynamic files,
// flags and environment mean, and what a router's rule lets through. It is
// pure, and must not know what is good or bad about a setting.
package traefik

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

// Model is the edge as Traefik would run it, read from a frozen release.
type Model struct {
	// Sources are all places that hold static configuration.
	Sources []Source
	// Static is the one that Traefik uses: the first found of file, flags,
	// environment. Traefik does not merge them.
	Static      Source
	EntryPoints []EntryPoint
	Routers     []Router
	Middlewares map[string]Middleware
	Services    map[string]*Node
	Dynamic     []Source
	// Broken are files that Traefik would not read.
	Broken []brokenFile
}

// EntryPoint is a port that the edge listens on.
type EntryPoint struct {
	Name        string
	Port        int
	udp         bool
	Public      bool
	TLS         bool
	Resolver    string
	middlewares []string
	Node        *Node
}

// Router is one router, with what its entry points add.
type Router struct {
	Name        string
	TCP         bool
	Rule        string
	Hosts       []string
	EntryPoints []EntryPoint
	// Middlewares are those of the entry point first, chains taken apart.
	Middlewares []string
	Service     string
	TLS         bool
	Resolver    string
	Priority    int
	File        string
	Line        int
}

// Middleware is one middleware and its kind.
type Middleware struct {
	Name string
	Kind string // lower case: basicauth, ipallowlist, headers, …
	Node *Node
	File string
	Line int
}

// Public reports whether the router answers on a published entry point.
func (r Router) Public() bool {
	return slices.ContainsFunc(r.EntryPoints, func(e EntryPoint) bool { return e.Public })
}

// Service is the service that is the edge.
func Service(r stack.Release, t stack.Traefik) (stack.Service, bool) {
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

// Read builds the model. Files that cannot be read become findings: what
// Traefik refuses it does not run.
func Read(r stack.Release, t stack.Traefik) Model {
	m := Model{Middlewares: map[string]Middleware{}, Services: map[string]*Node{}}
	m.readStatic(r, t)
	m.ReadEntryPoints(r, t)
	for _, f := range r.Edge.Dynamic {
		ext := strings.ToLower(filepath.Ext(f.Path))
		if ext != ".yml" && ext != ".yaml" && ext != ".toml" {
			continue // Traefik's file provider passes over other names
		}
		root, err := ParseFile(f.Path, f.Content)
		if err != nil {
			m.Broken = append(m.Broken, brokenFile{f.Path, err})
			continue
		}
		src := Source{"file", dynamicName(t, f.Path), root}
		m.Dynamic = append(m.Dynamic, src)
		m.ReadMiddlewares(src)
	}
	for _, src := range m.Dynamic {
		m.ReadRouters(src)
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
	Name string
	Err  error
}

// StaticName is the static file that the operator edits.
func StaticName(t stack.Traefik) string { return cmp.Or(filepath.ToSlash(t.Static), "traefik.yml") }

func (m *Model) readStatic(r stack.Release, t stack.Traefik) {
	e := r.Edge
	if len(bytes.TrimSpace(e.Static)) > 0 {
		root, err := ParseFile(StaticName(t), e.Static)
		if err != nil {
			m.Broken = append(m.Broken, brokenFile{StaticName(t), err})
			root = &Node{}
		}
		m.Sources = append(m.Sources, Source{"file", StaticName(t), root})
	}
	svc, _ := Service(r, t)
	argv := slices.Concat(svc.Entrypoint, svc.Command, e.Flags)
	if root := ParseFlags(argv); len(root.Kids) > 0 {
		m.Sources = append(m.Sources, Source{"flags", "command of service " + svc.Name, root})
	}
	env := map[string]string{}
	for _, from := range []map[string]string{svc.Environment, e.Env} {
		for k, v := range from {
			env[k] = v
		}
	}
	if root := ParseEnv(env); len(root.Kids) > 0 {
		m.Sources = append(m.Sources, Source{"environment", "environment of service " + svc.Name, root})
	}
	m.Static = Source{"file", StaticName(t), &Node{}}
	if len(m.Sources) > 0 {
		m.Static = m.Sources[0]
	}
}

// ReadEntryPoints adds the entry points of the static source.
func (m *Model) ReadEntryPoints(r stack.Release, t stack.Traefik) {
	svc, known := Service(r, t)
	for _, all := range m.Static.Root.Find("entryPoints") {
		for _, n := range all.Kids {
			e := EntryPoint{
				Name: n.Name, Node: n, Resolver: n.Text("http", "tls", "certResolver"),
				TLS: n.First("http", "tls") != nil, middlewares: n.List("http", "middlewares"),
			}
			e.Port, e.udp = entryPort(n.Text("address"))
			e.Public = !known || entryPublished(svc, e.Port, t.APIPort)
			m.EntryPoints = append(m.EntryPoints, e)
		}
	}
}

// entryPublished reports whether an entry point can be reached from outside the
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

// ReadMiddlewares adds the middlewares and services of a dynamic source.
func (m *Model) ReadMiddlewares(src Source) {
	for _, all := range src.Root.Find("http", "middlewares") {
		for _, n := range all.Kids {
			mw := Middleware{Name: n.Name, Node: n, File: src.Where, Line: n.Line}
			// The running edge tells of a status beside the kind.
			if i := slices.IndexFunc(n.Kids, func(k *Node) bool { return !slices.Contains(toldBeside, strings.ToLower(k.Name)) }); i >= 0 {
				mw.Kind, mw.Node = strings.ToLower(n.Kids[i].Name), n.Kids[i]
			}
			m.Middlewares[n.Name] = mw
		}
	}
	for _, all := range src.Root.Find("http", "services") {
		for _, n := range all.Kids {
			m.Services[n.Name] = n
		}
	}
}

// expand returns the middlewares of a list with chains taken apart.
func (m *Model) expand(names []string, depth int) []string {
	var out []string
	for _, name := range names {
		name = strings.TrimSuffix(name, "@file")
		if mw := m.Middlewares[name]; mw.Kind == "chain" && depth < 8 {
			out = append(out, m.expand(mw.Node.List("middlewares"), depth+1)...)
			continue
		}
		out = append(out, name)
	}
	return out
}

// ReadRouters adds the routers of a dynamic source.
func (m *Model) ReadRouters(src Source) {
	for _, kind := range []string{"http", "tcp"} {
		for _, all := range src.Root.Find(kind, "routers") {
			for _, n := range all.Kids {
				m.Routers = append(m.Routers, m.router(src, kind == "tcp", n))
			}
		}
	}
}

func (m *Model) router(src Source, tcp bool, n *Node) Router {
	r := Router{
		Name: n.Name, TCP: tcp, Rule: n.Text("rule"), Service: n.Text("service"),
		Resolver: n.Text("tls", "certResolver"), File: src.Where, Line: n.Line,
	}
	r.Hosts = ruleHosts(r.Rule)
	r.Priority, _ = strconv.Atoi(n.Text("priority"))
	section := n.First("tls")
	r.TLS = section != nil && !strings.EqualFold(section.Value, "false")
	r.EntryPoints = m.entryPointsOf(n.List("entryPoints"))
	names := n.List("middlewares")
	for _, e := range r.EntryPoints {
		// A router without a tls section takes the entry point's whole one.
		if e.TLS && section == nil {
			r.TLS, r.Resolver = true, e.Resolver
		}
		names = slices.Concat(e.middlewares, names)
	}
	r.Middlewares = m.expand(names, 0)
	return r
}

// entryPointsOf resolves names; a router that names none is on the default
// ones, or on all.
func (m *Model) entryPointsOf(names []string) []EntryPoint {
	if len(names) == 0 {
		for _, e := range m.EntryPoints {
			if e.Node.Truth("asDefault") {
				names = append(names, e.Name)
			}
		}
	}
	var out []EntryPoint
	for _, e := range m.EntryPoints {
		if len(names) == 0 && !e.udp || slices.Contains(names, e.Name) {
			out = append(out, e)
		}
	}
	return out
}

var (
	hostMatcher = regexp.MustCompile("(?i)\\bHost(?:SNI)?\\(([^)]*)\\)")
	// QuotedString is a quoted value of a rule, in either kind of quotes.
	QuotedString = regexp.MustCompile("`([^`]*)`|\"([^\"]*)\"")
)

// ruleHosts are the host names in a router's rule.
func ruleHosts(rule string) []string {
	var out []string
	for _, m := range hostMatcher.FindAllStringSubmatch(rule, 64) {
		for _, q := range QuotedString.FindAllStringSubmatch(m[1], 64) {
			host := strings.ToLower(q[1] + q[2])
			if host != "" && host != "*" && !slices.Contains(out, host) {
				out = append(out, host)
			}
		}
	}
	return out
}
