// Package exposure owns gate G5: nothing but the ports that are meant can be
// reached. It must not know the other families.
package exposure

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// Declared judges what the files would expose.
func Declared() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G5", Name: "exposure", Phase: stack.PhaseStatic,
		Question: "Do the files publish the edge's ports and nothing else?",
		Refs:     []string{"SPEC S1", "SPEC §2", "ASVS 13.2.1", "ASVS 13.4.5"},
		Inspects: "ports, network modes, labels, devices and socket mounts of every service of every profile; providers, plugins and raw routes of the edge",
		Check: func(_ context.Context, s gate.Subject) (gate.Answer, error) {
			found := declaredExposure(s)
			return gate.Answer{Inspected: len(s.Release.Services), Of: "services", Findings: found}, nil
		},
	}
}

// allowedPorts are the TCP ports that may be reached: the configured ones (22,
// 80 and 443 by default) and those by which this target itself is reached.
func allowedPorts(s gate.Subject) []int {
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

func declaredExposure(s gate.Subject) []stack.Finding {
	edge, known := traefik.Service(s.Release, s.Config.Traefik)
	model := traefik.Read(s.Release, s.Config.Traefik)
	var out []stack.Finding
	for _, svc := range s.Release.Services {
		d := service{s: s, svc: svc, edge: known && svc.Name == edge.Name, http3: declaresHTTP3(model)}
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

// service judges one service.
type service struct {
	s     gate.Subject
	svc   stack.Service
	edge  bool
	http3 bool
	out   []stack.Finding
}

func (d *service) add(rule stack.Rule, problem, expected, observed, fix string) {
	d.out = append(d.out, stack.Finding{Subject: "service " + d.svc.Name, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed,
		Fix: fix, File: d.svc.File, Line: d.svc.Line})
}

func (d *service) ports() {
	for _, p := range d.svc.Ports {
		text := probe.PortText(p)
		if !d.edge && declared(d.s, p) {
			continue
		}
		if !d.edge {
			d.add(publishedRule, "a service other than the edge publishes a port", "no published port: the edge is the only service that publishes", text,
				"remove the port; the edge reaches the service over their network")
			continue
		}
		n, err := strconv.Atoi(p.Published)
		udp := strings.EqualFold(p.Protocol, "udp")
		switch {
		case err != nil:
			d.add(publishedRule, "the edge publishes a port that is not fixed", probe.PortList(probe.EdgePorts(d.s)), text, "publish 80 and 443")
		case udp && !(n == 443 && d.http3):
			d.add(publishedRule, "the edge publishes a UDP port that it does not serve", "UDP 443 only, where http3 is declared on the entry point", text, "remove the port")
		case !udp && !slices.Contains(probe.EdgePorts(d.s), n):
			d.add(publishedRule, "the edge publishes another port than its own", probe.PortList(probe.EdgePorts(d.s)), text, "remove the port")
		}
	}
}

// declared reports whether a port beside stackctl's own edge is one that the
// project declares, or one that the host alone reaches.
func declared(s gate.Subject, p stack.Port) bool {
	if !s.Config.Traefik.Own {
		return false
	}
	return p.Local() || s.Config.Gates.Exposure.Declares(p)
}

func (d *service) modes() {
	// Another service's network is judged with that service.
	if of, shares := strings.CutPrefix(d.svc.NetworkMode, "service:"); shares && d.s.Config.Traefik.Own {
		if _, there := d.s.Release.Service(of); there {
			return
		}
	}
	if m := d.svc.NetworkMode; probe.NamedMode(m) {
		d.add(hostNetworkRule, "the service shares a network that no rule of the stack holds", "networks of the compose file", "network_mode: "+m,
			"remove network_mode and name the networks")
	}
}

// badNetworkMode tells the modes that put a container into another network
// namespace, where its listening ports are exposed or shared.
func badNetworkMode(mode string) bool {
	return mode == "host" || strings.HasPrefix(mode, "container:") || strings.HasPrefix(mode, "service:")
}

// secondEdgeLabels begin labels by which other programs publish a service.
var secondEdgeLabels = []string{"traefik.", "caddy", "virtual_", "letsencrypt", "com.github.jrcs.letsencrypt", "com.github.nginx-proxy", "haproxy.", "swag", "cloudflare.tunnel", "tsdproxy.", "docktail."}

// secondEdgeVariables are those that nginx-proxy and its kin act on.
var secondEdgeVariables = []string{"VIRTUAL_HOST", "VIRTUAL_PORT", "LETSENCRYPT_HOST"}

func (d *service) secondEdge() {
	if d.s.Config.Traefik.Own {
		return // what would act on labels is left out; without it they are only text
	}
	for key := range d.svc.Labels {
		lower := strings.ToLower(key)
		for _, prefix := range secondEdgeLabels {
			if strings.HasPrefix(lower, prefix) && !strings.EqualFold(d.svc.Labels[key], "false") {
				d.add(secondEdgeRule, "a label asks for a route beside the edge's files", "routes in the edge's files only", key, "remove the label and write the route in the Traefik files")
				break
			}
		}
	}
	for _, name := range secondEdgeVariables {
		if d.svc.Environment[name] != "" {
			d.add(secondEdgeRule, "a variable asks for a route beside the edge's files", "routes in the edge's files only", name, "remove the variable")
		}
	}
}

func (d *service) host() {
	for _, dev := range d.svc.Devices {
		d.add(devicesRule, "a device of the host is handed in", "no devices", dev, "remove the device")
	}
	for name, value := range d.svc.Environment {
		if engineAddress.MatchString(value) {
			d.add(engineRule, "the container engine is addressed over the network", "no engine API in any container", name, "remove the variable, and close that port of the engine")
		}
	}
	for _, m := range d.svc.Volumes {
		if probe.IsEngineSocket(m.Source) || probe.IsEngineSocket(m.Target) {
			d.add(engineRule, "the container engine's socket is mounted", "no engine socket in any container", m.Source+":"+m.Target,
				"remove the mount: who holds the socket holds the host, read-only or not")
		}
	}
}

// engineAddress is an address of a container engine's API.
var engineAddress = regexp.MustCompile(`(?i)^(?:tcp|https?)://[^/]*:237[56]\b`)

func declaresHTTP3(m traefik.Model) bool {
	return slices.ContainsFunc(m.EntryPoints, func(e traefik.EntryPoint) bool { return e.Port == 443 && e.Node.First("http3") != nil })
}

// providers judges where the edge takes routes from: a provider beside the
// file one lets others than the reviewed files open routes.
func providers(m traefik.Model) []stack.Finding {
	var out []stack.Finding
	for _, src := range m.Sources {
		for _, all := range src.Root.Find("providers") {
			if all.Value != "" && len(all.Kids) == 0 {
				continue
			}
			for _, p := range all.Kids {
				name := strings.ToLower(p.Name)
				if name == "file" || name == "providersthrottleduration" || name == "precedence" || strings.EqualFold(p.Value, "false") {
					continue
				}
				out = append(out, stack.Finding{Subject: "provider " + p.Name, Rule: secondEdgeRule.ID, Problem: "the edge takes routes from elsewhere than its files",
					Expected: "providers.file only", Observed: "providers." + p.Name + " in the " + src.Where, Fix: "remove the provider",
					File: src.Where, Line: p.Line})
			}
		}
	}
	return out
}

// rented says that somebody else's service rules the edge (Traefik Hub).
func rented(m traefik.Model) []stack.Finding {
	var out []stack.Finding
	for _, src := range m.Sources {
		for _, n := range src.Root.Find("hub") {
			if len(n.Kids) > 0 {
				out = append(out, stack.Finding{Subject: "edge hub", Rule: secondEdgeRule.ID, Problem: "the edge takes orders from elsewhere than its files", Expected: "no hub",
					Observed: "hub in the " + src.Where, Fix: "remove hub", File: src.Where, Line: n.Line})
			}
		}
	}
	return out
}

// plugins are code that the edge fetches and runs when it starts.
func plugins(m traefik.Model) []stack.Finding {
	var out []stack.Finding
	for _, src := range m.Sources {
		for _, kind := range []string{"plugins", "localPlugins"} {
			for _, all := range src.Root.Find("experimental", kind) {
				for _, p := range all.Kids {
					out = append(out, stack.Finding{Subject: "plugin " + p.Name, Rule: edgePluginsRule.ID, Problem: "the edge runs code that is not in its image", Expected: "no plugins",
						Observed: "experimental." + kind + " in the " + src.Where, Fix: "remove the plugin", File: src.Where, Line: p.Line})
				}
			}
		}
	}
	return out
}

// rawRoutes are connections that the edge passes on unread: whatever service
// they lead to is as good as published.
func rawRoutes(m traefik.Model) []stack.Finding {
	var out []stack.Finding
	for _, src := range m.Dynamic {
		for _, kind := range []string{"tcp", "udp"} {
			for _, all := range src.Root.Find(kind, "routers") {
				for _, r := range all.Kids {
					out = append(out, stack.Finding{Subject: kind + " router " + r.Name, Rule: rawRoutesRule.ID, Problem: "the edge passes connections on unread", Expected: "HTTP routes only",
						Observed: cmp.Or(r.Text("rule"), "every connection") + " to " + cmp.Or(r.Text("service"), "no service"), Fix: "remove the router, or make it an HTTP one", File: src.Where, Line: r.Line})
				}
			}
		}
	}
	return out
}
