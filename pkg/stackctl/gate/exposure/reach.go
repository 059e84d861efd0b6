package exposure

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// Reachable joins what is declared, what is there and what answers.
func Reachable() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G5", Name: "exposure", Phase: stack.PhasePost,
		Question:  "Can only the allowed ports be reached from outside?",
		Refs:      []string{"SPEC S1", "SPEC §2", "ASVS 13.2.1", "ASVS 13.4.5"},
		Inspects:  "the ports of every container on the host, its listening sockets, and TCP connects from outside over IPv4 and IPv6 (all 65535 ports under --all-tests)",
		Artifacts: []string{"exposure.json"},
		Budget:    scanWall + 20*time.Second,
		Check:     checkReachable,
	}
}

// record is exposure.json: the three views.
type record struct {
	Allowed    []int             `json:"allowed"`
	Declared   []declaredPort    `json:"declared"`
	Containers []publishedPort   `json:"containers"`
	Sockets    []socket          `json:"sockets"`
	Scans      []scanResult      `json:"scans"`
	Notes      []string          `json:"notes,omitempty"`
	Findings   []stack.Finding   `json:"findings,omitempty"`
	holders    map[string]string // "5432/tcp" → container
	written    map[string]bool   // "53/udp": a service publishes what the project declares
}

type declaredPort struct {
	Service string `json:"service"`
	Port    string `json:"port"`
}

type publishedPort struct {
	Container string `json:"container"`
	Project   string `json:"project,omitempty"`
	Port      string `json:"port,omitempty"`
	Network   string `json:"network_mode,omitempty"`
}

func checkReachable(ctx context.Context, s gate.Subject) (gate.Answer, error) {
	if s.Server == nil || s.Outside == nil {
		return gate.Answer{}, errors.New("no connection to the server")
	}
	rec := &record{Allowed: allowedPorts(s), holders: map[string]string{}, written: map[string]bool{}}
	a := gate.Answer{Of: "ports, containers and sockets"}
	a.Findings = declaredExposure(s)
	for _, svc := range s.Release.Services {
		for _, p := range svc.Ports {
			rec.Declared = append(rec.Declared, declaredPort{svc.Name, probe.PortText(p)})
		}
	}
	containers, err := s.Server.Containers(ctx)
	if err != nil {
		return a, fmt.Errorf("list the host's containers: %w", err)
	}
	a.Findings = append(a.Findings, rec.actual(s, containers)...)
	a.Findings = append(a.Findings, strangers(s, containers)...)
	if rec.Sockets, err = listening(ctx, s.Server); err != nil {
		return a, err
	}
	found, err := rec.reach(ctx, s, containers)
	a.Findings = append(a.Findings, found...)
	if err == nil {
		found, err = rec.datagramsReach(ctx, s)
		a.Findings = append(a.Findings, found...)
	}
	a.Inspected = len(containers) + len(rec.Sockets)
	for _, r := range rec.Scans {
		a.Inspected += r.Asked
	}
	rec.Findings = a.Findings
	for i := range a.Findings {
		a.Findings[i].Evidence = "exposure.json"
	}
	return a, errors.Join(err, rec.keep(s))
}

func (rec *record) keep(s gate.Subject) error {
	if s.Artifacts == nil {
		return nil
	}
	doc, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	return s.Artifacts.Artifact("exposure.json", append(doc, '\n'))
}

// ours reports whether a container belongs to the project, whatever release.
func ours(s gate.Subject, c stack.Container) bool {
	return stack.Owns(c, s.Release.Project) || probe.Current(s, c)
}

// actual judges what the containers on the host really publish. Published
// ports pass the host's firewall, so a rule there excuses nothing.
func (rec *record) actual(s gate.Subject, containers []stack.Container) []stack.Finding {
	edge, _ := traefik.Service(s.Release, s.Config.Traefik)
	http3 := declaresHTTP3(traefik.Read(s.Release, s.Config.Traefik))
	var out []stack.Finding
	for _, c := range containers {
		if !c.Active() {
			continue
		}
		mine := ours(s, c)
		if badNetworkMode(c.NetworkMode) && !(mine && withSibling(s, c, containers)) {
			rec.Containers = append(rec.Containers, publishedPort{Container: c.Name, Project: c.Project, Network: c.NetworkMode})
			if mine {
				out = append(out, stack.Finding{Subject: "container " + cmp.Or(c.Service, c.Name), Rule: hostNetworkRule.ID, Problem: "a container runs in another network namespace than its own",
					Expected: "networks of the compose file", Observed: c.NetworkMode, Fix: "remove network_mode from the compose files, deploy again"})
			}
		}
		for _, p := range c.Ports {
			if p.Published == "" && p.Mode != "host" {
				continue // exposed to its networks, not published
			}
			rec.Containers = append(rec.Containers, publishedPort{Container: c.Name, Project: c.Project, Port: probe.PortText(p)})
			rec.holders[p.Published+"/"+cmp.Or(p.Protocol, "tcp")] = c.Name
			if mine && written(s, c, p) {
				rec.written[p.Published+"/"+strings.ToLower(cmp.Or(p.Protocol, "tcp"))] = true
				continue
			}
			if f, bad := rec.published(c, p, mine && c.Service == edge.Name || ingress(s, c), mine, http3); bad {
				if !slices.ContainsFunc(out, func(o stack.Finding) bool { return o.Subject == f.Subject && o.Problem == f.Problem }) {
					out = append(out, f)
				}
			}
		}
	}
	return out
}

// withSibling reports whether a container is in the network of the service that
// its own names (network_mode: service:NAME), which is judged with that one.
func withSibling(s gate.Subject, c stack.Container, all []stack.Container) bool {
	svc, _ := s.Release.Service(c.Service)
	of, shares := strings.CutPrefix(svc.NetworkMode, "service:")
	return shares && s.Config.Traefik.Own && slices.ContainsFunc(all, func(o stack.Container) bool {
		return o.Service == of && ours(s, o) && c.NetworkMode == "container:"+o.ID
	})
}

// written reports whether a container publishes what the compose file says of its
// service, and the project declares.
func written(s gate.Subject, c stack.Container, p stack.Port) bool {
	svc, ok := s.Release.Service(c.Service)
	return ok && declared(s, p) && slices.ContainsFunc(svc.Ports, func(w stack.Port) bool {
		return w.Published == p.Published && w.Target == p.Target && strings.EqualFold(cmp.Or(w.Protocol, "tcp"), cmp.Or(p.Protocol, "tcp"))
	})
}

// ingress reports whether a container is the server's ingress, which has the ports
// of the edges behind it.
func ingress(s gate.Subject, c stack.Container) bool {
	return s.Release.Shared() && c.Project == stack.IngressProject && stack.Owns(c, stack.IngressProject)
}

func (rec *record) published(c stack.Container, p stack.Port, edge, mine, http3 bool) (stack.Finding, bool) {
	n, err := strconv.Atoi(p.Published)
	udp := strings.EqualFold(p.Protocol, "udp")
	loop := false
	if ip, e := netip.ParseAddr(p.HostIP); e == nil {
		loop = ip.Unmap().IsLoopback()
	}
	f := stack.Finding{Subject: fmt.Sprintf("port %s/%s", cmp.Or(p.Published, "(any)"), cmp.Or(p.Protocol, "tcp")), Observed: probe.PortText(p) + " by container " + c.Name,
		Expected: "published ports: " + probe.PortList(rec.Allowed), Fix: "remove the port from container " + c.Name + "; a firewall does not hold ports that the engine publishes"}
	allowed := err == nil && (!udp && slices.Contains(rec.Allowed, n) || udp && n == 443 && http3)
	switch {
	case mine && !edge:
		f.Rule, f.Problem, f.Expected = publishedRule.ID, "a container other than the edge publishes a port", "no published port"
	case loop:
		return f, false
	case !allowed:
		f.Rule, f.Problem = publishedRule.ID, "a container publishes a port that is not allowed"
	case !edge:
		f.Rule, f.Problem, f.Expected = publishedRule.ID, "a stranger's container publishes one of the site's ports", "published by the edge alone"
	default:
		return f, false
	}
	return f, true
}

// reach connects from outside.
func (rec *record) reach(ctx context.Context, s gate.Subject, containers []stack.Container) ([]stack.Finding, error) {
	listens := rec.tcpPorts(containers)
	ports := append(slices.Clone(listens), rec.Allowed...)
	ports = unique(append(ports, wellKnown...))
	var rest []int
	if s.All {
		for p := 1; p <= 65535; p++ {
			if !slices.Contains(ports, p) {
				rest = append(rest, p)
			}
		}
	}
	addresses, err := rec.addresses(ctx, s)
	if err != nil {
		return nil, err
	}
	var out []stack.Finding
	ctx, cancel := context.WithTimeout(ctx, scanWall)
	defer cancel()
	scanned := 0
	for _, address := range addresses {
		speed, answers := control(ctx, s.Outside, address, rec.Allowed)
		if !answers {
			rec.Scans = append(rec.Scans, scanResult{Address: address, Skipped: "none of the allowed ports answers here: not reachable from this machine"})
			continue
		}
		if answersEverything(ctx, s.Outside, address, listens, speed.careful) {
			return out, fmt.Errorf("a connect to any port of %s succeeds, so nothing can be told: ask from another network", address)
		}
		r, err := scan(ctx, s.Outside, address, ports, speed.careful)
		if err == nil && len(rest) > 0 {
			var more scanResult
			more, err = scan(ctx, s.Outside, address, rest, speed.quick)
			r.join(more)
		}
		rec.Scans = append(rec.Scans, r)
		out = append(out, rec.open(r, out)...)
		if err != nil {
			return out, err
		}
		scanned++
	}
	if scanned == 0 {
		return out, fmt.Errorf("none of the host's addresses (%s) answers from this machine", strings.Join(addresses, ", "))
	}
	return append(out, rec.silent(s, containers)...), nil
}

// silent makes findings of declared ports that containers publish and nobody outside
// can connect to, at any address.
func (rec *record) silent(s gate.Subject, containers []stack.Container) []stack.Finding {
	var out []stack.Finding
	for _, c := range containers {
		for _, p := range c.Ports {
			n, err := strconv.Atoi(p.Published)
			tcp := strings.EqualFold(cmp.Or(p.Protocol, "tcp"), "tcp")
			if err != nil || !tcp || p.Local() || !c.Active() || !ours(s, c) || !written(s, c, p) ||
				slices.ContainsFunc(rec.Scans, func(r scanResult) bool { return slices.Contains(r.Open, n) }) {
				continue
			}
			f := stack.Finding{Subject: fmt.Sprintf("port %d/tcp", n), Rule: silentRule.ID, Problem: "a declared port does not answer from outside",
				Expected: "a connection to container " + c.Name, Observed: "none within the time of the scan", Fix: silentRule.Fix}
			if !slices.ContainsFunc(out, func(o stack.Finding) bool { return o.Subject == f.Subject }) { // IPv4 and IPv6
				out = append(out, f)
			}
		}
	}
	return out
}

// open makes findings of ports that answered and must not.
func (rec *record) open(r scanResult, before []stack.Finding) []stack.Finding {
	var out []stack.Finding
	for _, p := range r.Open {
		subject := fmt.Sprintf("port %d/tcp", p)
		if slices.Contains(rec.Allowed, p) || slices.ContainsFunc(before, func(f stack.Finding) bool { return f.Subject == subject }) {
			continue
		}
		holder := "a process of the host"
		if c := rec.holders[strconv.Itoa(p)+"/tcp"]; c != "" {
			holder = "container " + c
		}
		out = append(out, stack.Finding{Subject: subject, Rule: reachableRule.ID, Problem: "the port can be reached from outside",
			Expected: "only " + probe.PortList(rec.Allowed), Observed: "a TCP connect to " + net.JoinHostPort(r.Address, strconv.Itoa(p)) + " succeeds, held by " + holder,
			Fix: "stop what listens there, bind it to loopback, or allow the port under gates.exposure.allow"})
	}
	return out
}

// tcpPorts are the ports on which something listens for more than the host.
func (rec *record) tcpPorts(containers []stack.Container) []int {
	var out []int
	for _, k := range rec.Sockets {
		if k.Protocol == "tcp" && !k.local() {
			out = append(out, k.Port)
		}
	}
	for _, c := range containers {
		for _, p := range c.Ports {
			if n, err := strconv.Atoi(p.Published); err == nil && n > 0 && !strings.EqualFold(p.Protocol, "udp") {
				out = append(out, n)
			}
		}
	}
	return unique(out)
}

// addresses are what is asked from outside: the edge's address, the host's,
// and the host's own global ones. A loopback address stands for a forward to
// the host; behind it are this machine's own ports, so it is left out.
func (rec *record) addresses(ctx context.Context, s gate.Subject) ([]string, error) {
	var out []string
	add := func(a netip.Addr) {
		a = a.Unmap()
		if text := a.String(); !a.IsLoopback() && a.IsValid() && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	for _, name := range []string{s.Target.Edge.Address, s.Target.Host} {
		if name == "" {
			continue
		}
		if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			add(a)
			continue
		}
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		if err != nil {
			rec.Notes = append(rec.Notes, fmt.Sprintf("%s was not resolved: %s", name, probe.Shown(err.Error())))
			continue
		}
		for _, a := range found {
			add(a)
		}
	}
	own, err := hostAddresses(ctx, s.Server)
	switch {
	case err != nil && len(out) == 0:
		return nil, err
	case err != nil:
		rec.Notes = append(rec.Notes, probe.Shown(err.Error()))
	}
	// A private address of a host may mean some other machine where the
	// operator is, but not where the operator reaches the host by such a one.
	near := len(out) == 0 || slices.ContainsFunc(own, func(a netip.Addr) bool { return a.IsPrivate() && slices.Contains(out, a.String()) })
	for _, a := range own {
		if near || !a.IsPrivate() {
			add(a)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("the target is reached by a loopback address and the host has no other one to ask")
	}
	return out, nil
}

// unique keeps the first of each.
func unique(list []int) []int {
	seen := map[int]bool{}
	return slices.DeleteFunc(slices.Clone(list), func(n int) bool {
		had := seen[n]
		seen[n] = true
		return had || n <= 0 || n > 65535
	})
}
