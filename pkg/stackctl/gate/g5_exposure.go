package gate

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// exposureDeclared judges what the files would expose.
func exposureDeclared() Gate {
	return Gate{
		ID: "G5", Name: "exposure", Phase: stack.PhaseStatic,
		Question: "Do the files publish the edge's ports and nothing else?",
		Refs:     []string{"SPEC S1", "SPEC §2", "ASVS 13.2.1", "ASVS 13.4.5"},
		Inspects: "ports, network modes, labels, devices and socket mounts of every service of every profile; providers, plugins and raw routes of the edge",
		Check: func(_ context.Context, s Subject) (Answer, error) {
			found := declaredExposure(s)
			return Answer{Inspected: len(s.Release.Services), Of: "services", Findings: found}, nil
		},
	}
}

// allowedPorts are the TCP ports that may be reached: the configured ones (22,
// 80 and 443 by default) and those by which this target itself is reached.
func allowedPorts(s Subject) []int {
	list := slices.Clone(s.Config.Gates.Exposure.Allow)
	if len(list) == 0 {
		list = []int{22, 80, 443}
	}
	for _, p := range []int{s.Target.Port, s.Target.Edge.HTTPPort, s.Target.Edge.HTTPSPort} {
		if p != 0 && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	return list
}

// edgePorts are the ports that the edge may publish.
func edgePorts(s Subject) []int {
	list := []int{80, 443}
	for _, p := range []int{s.Target.Edge.HTTPPort, s.Target.Edge.HTTPSPort} {
		if p != 0 && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

func declaredExposure(s Subject) []stack.Finding {
	edge, known := edgeService(s.Release, s.Config.Traefik)
	model := readEdge(s.Release, s.Config.Traefik)
	var out []stack.Finding
	for _, svc := range s.Release.Services {
		d := declared{s: s, svc: svc, edge: known && svc.Name == edge.Name, http3: declaresHTTP3(model)}
		d.ports()
		d.modes()
		d.secondEdge()
		d.host()
		out = append(out, d.out...)
	}
	out = append(out, providers(model)...)
	out = append(out, plugins(model)...)
	out = append(out, rented(model)...)
	return append(out, rawRoutes(model)...)
}

// declared judges one service.
type declared struct {
	s     Subject
	svc   stack.Service
	edge  bool
	http3 bool
	out   []stack.Finding
}

func (d *declared) add(problem, expected, observed, fix string) {
	if len(d.svc.Profiles) > 0 {
		observed += " (profile " + strings.Join(d.svc.Profiles, ", ") + ")"
	}
	d.out = append(d.out, stack.Finding{Subject: "service " + d.svc.Name, Problem: problem, Expected: expected, Observed: observed,
		Fix: fix, File: d.svc.File, Line: d.svc.Line})
}

func (d *declared) ports() {
	for _, p := range d.svc.Ports {
		text := portText(p)
		if !d.edge {
			d.add("a service other than the edge publishes a port", "no published port: the edge is the only service that publishes", text,
				"remove the port; the edge reaches the service over their network")
			continue
		}
		n, err := strconv.Atoi(p.Published)
		udp := strings.EqualFold(p.Protocol, "udp")
		switch {
		case err != nil:
			d.add("the edge publishes a port that is not fixed", portList(edgePorts(d.s)), text, "publish 80 and 443")
		case udp && !(n == 443 && d.http3):
			d.add("the edge publishes a UDP port that it does not serve", "UDP 443 only, where http3 is declared on the entry point", text, "remove the port")
		case !udp && !slices.Contains(edgePorts(d.s), n):
			d.add("the edge publishes another port than its own", portList(edgePorts(d.s)), text, "remove the port")
		}
	}
}

func portText(p stack.Port) string {
	host := cmp.Or(p.HostIP, "0.0.0.0")
	return fmt.Sprintf("%s:%s->%d/%s", host, cmp.Or(p.Published, "(any)"), p.Target, cmp.Or(p.Protocol, "tcp"))
}

func portList(list []int) string {
	var words []string
	for _, p := range list {
		words = append(words, strconv.Itoa(p))
	}
	return strings.Join(words, ", ")
}

func (d *declared) modes() {
	if m := d.svc.NetworkMode; namedMode(m) {
		d.add("the service shares a network that no rule of the stack holds", "networks of the compose file", "network_mode: "+m,
			"remove network_mode and name the networks")
	}
}

// badNetworkMode tells the modes that put a container into another network
// namespace, where its listening ports are exposed or shared.
func badNetworkMode(mode string) bool {
	return mode == "host" || strings.HasPrefix(mode, "container:") || strings.HasPrefix(mode, "service:")
}

// namedMode tells the modes that a compose file may not name: also a network
// that strangers share, be it Docker's own bridge or one named past the file.
func namedMode(mode string) bool { return mode != "" && mode != "none" }

// secondEdgeLabels begin labels by which other programs publish a service.
var secondEdgeLabels = []string{"traefik.", "caddy", "virtual_", "letsencrypt", "com.github.jrcs.letsencrypt", "com.github.nginx-proxy", "haproxy.", "swag", "cloudflare.tunnel", "tsdproxy.", "docktail."}

// secondEdgeVariables are those that nginx-proxy and its kin act on.
var secondEdgeVariables = []string{"VIRTUAL_HOST", "VIRTUAL_PORT", "LETSENCRYPT_HOST"}

func (d *declared) secondEdge() {
	for key := range d.svc.Labels {
		lower := strings.ToLower(key)
		for _, prefix := range secondEdgeLabels {
			if strings.HasPrefix(lower, prefix) && !strings.EqualFold(d.svc.Labels[key], "false") {
				d.add("a label asks for a route beside the edge's files", "routes in the edge's files only", key, "remove the label and write the route in the Traefik files")
				break
			}
		}
	}
	for _, name := range secondEdgeVariables {
		if d.svc.Environment[name] != "" {
			d.add("a variable asks for a route beside the edge's files", "routes in the edge's files only", name, "remove the variable")
		}
	}
}

func (d *declared) host() {
	for _, dev := range d.svc.Devices {
		d.add("a device of the host is handed in", "no devices", dev, "remove the device")
	}
	for name, value := range d.svc.Environment {
		if engineAddress.MatchString(value) {
			d.add("the container engine is addressed over the network", "no engine API in any container", name, "remove the variable, and close that port of the engine")
		}
	}
	for _, m := range d.svc.Volumes {
		if isEngineSocket(m.Source) || isEngineSocket(m.Target) {
			d.add("the container engine's socket is mounted", "no engine socket in any container", m.Source+":"+m.Target,
				"remove the mount: who holds the socket holds the host, read-only or not")
		}
	}
}

// engineAddress is an address of a container engine's API.
var engineAddress = regexp.MustCompile(`(?i)^(?:tcp|https?)://[^/]*:237[56]\b`)

// isEngineSocket tells sockets by which a container engine is ruled.
func isEngineSocket(p string) bool {
	p = strings.ToLower(p)
	for _, name := range []string{"docker.sock", "containerd.sock", "podman.sock", "crio.sock", "dockershim.sock", "buildkitd.sock"} {
		if strings.HasSuffix(p, name) {
			return true
		}
	}
	return false
}

func declaresHTTP3(m edgeModel) bool {
	return slices.ContainsFunc(m.entryPoints, func(e edgeEntryPoint) bool { return e.port == 443 && e.node.first("http3") != nil })
}

// providers judges where the edge takes routes from: a provider beside the
// file one lets others than the reviewed files open routes.
func providers(m edgeModel) []stack.Finding {
	var out []stack.Finding
	for _, src := range m.sources {
		for _, all := range src.root.find("providers") {
			if all.value != "" && len(all.kids) == 0 {
				continue
			}
			for _, p := range all.kids {
				name := strings.ToLower(p.name)
				if name == "file" || name == "providersthrottleduration" || name == "precedence" || strings.EqualFold(p.value, "false") {
					continue
				}
				out = append(out, stack.Finding{Subject: "provider " + p.name, Problem: "the edge takes routes from elsewhere than its files",
					Expected: "providers.file only", Observed: "providers." + p.name + " in the " + src.where, Fix: "remove the provider",
					File: src.where, Line: p.line})
			}
		}
	}
	return out
}

// rented says that somebody else's service rules the edge (Traefik Hub).
func rented(m edgeModel) []stack.Finding {
	var out []stack.Finding
	for _, src := range m.sources {
		for _, n := range src.root.find("hub") {
			if len(n.kids) > 0 {
				out = append(out, stack.Finding{Subject: "edge hub", Problem: "the edge takes orders from elsewhere than its files", Expected: "no hub",
					Observed: "hub in the " + src.where, Fix: "remove hub", File: src.where, Line: n.line})
			}
		}
	}
	return out
}

// plugins are code that the edge fetches and runs when it starts.
func plugins(m edgeModel) []stack.Finding {
	var out []stack.Finding
	for _, src := range m.sources {
		for _, kind := range []string{"plugins", "localPlugins"} {
			for _, all := range src.root.find("experimental", kind) {
				for _, p := range all.kids {
					out = append(out, stack.Finding{Subject: "plugin " + p.name, Problem: "the edge runs code that is not in its image", Expected: "no plugins",
						Observed: "experimental." + kind + " in the " + src.where, Fix: "remove the plugin", File: src.where, Line: p.line})
				}
			}
		}
	}
	return out
}

// rawRoutes are connections that the edge passes on unread: whatever service
// they lead to is as good as published.
func rawRoutes(m edgeModel) []stack.Finding {
	var out []stack.Finding
	for _, src := range m.dynamic {
		for _, kind := range []string{"tcp", "udp"} {
			for _, all := range src.root.find(kind, "routers") {
				for _, r := range all.kids {
					out = append(out, stack.Finding{Subject: kind + " router " + r.name, Problem: "the edge passes connections on unread", Expected: "HTTP routes only",
						Observed: cmp.Or(r.text("rule"), "every connection") + " to " + cmp.Or(r.text("service"), "no service"), Fix: "remove the router, or make it an HTTP one", File: src.where, Line: r.line})
				}
			}
		}
	}
	return out
}
