package infer

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// Routing is which service answers which host, and what becomes of ports.
type Routing struct {
	Routes []stack.RouteSpec
	// Causes says per service why it is routed, or why not, one line each.
	Causes map[string][]string
	// Allow are the TCP ports that stay published, sorted.
	Allow []int

	// calls are the published ports of gRPC.
	calls []published
}

func (r *Routing) tell(service, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.Causes[service], text) {
		r.Causes[service] = append(r.Causes[service], text)
	}
}

// Routes decides the routes of a project that has none yet: what people asked
// for first, then what labels say, then published ports that look like HTTP.
func Routes(services []Service, layers map[string]Decision, domain string, asked []stack.RouteSpec) Routing {
	r := Routing{Causes: map[string][]string{}}
	left := LeftOut(services)
	var there []Service
	for _, s := range services {
		if left[s.Name] == "" && s.Deployed {
			there = append(there, s)
		}
	}
	for _, s := range services {
		if left[s.Name] != "" {
			r.dropped(s, services)
		}
	}
	markUnsecured(there)
	sort.SliceStable(there, func(i, j int) bool { return there[i].Line < there[j].Line })
	for _, a := range asked {
		r.add(a, "--route says so")
	}
	r.labels(there, fromProxies(services, left), domain, demands(services))
	r.published(there, layers)
	r.called()
	if len(r.Routes) == 0 {
		r.exposed(there, layers)
	}
	sort.Ints(r.Allow)
	r.Allow = slices.Compact(r.Allow)
	return r
}

// add adds a route where its host and path are free. One that wants the
// domain when it is taken gets a name of its own.
func (r *Routing) add(spec stack.RouteSpec, cause string) {
	free := func(host string) bool {
		return !slices.ContainsFunc(r.Routes, func(o stack.RouteSpec) bool { return o.Host == host && o.Path == spec.Path })
	}
	for _, name := range []string{spec.Host, Name(spec.Service), Name(spec.Service) + "-" + strconv.Itoa(spec.Port)} {
		if free(name) {
			spec.Host = name
			r.Routes = append(r.Routes, spec)
			r.tell(spec.Service, "%s: %s", r.where(spec), cause)
			return
		}
	}
	r.tell(spec.Service, "port %d has no route: its host names are taken", spec.Port)
}

// where is a route in a few words.
func (r *Routing) where(spec stack.RouteSpec) string {
	host := "the domain"
	switch {
	case strings.Contains(spec.Host, "."):
		host = spec.Host
	case spec.Host != "":
		host = spec.Host + ".DOMAIN"
	}
	return host + spec.Path + " → port " + strconv.Itoa(spec.Port)
}

// routed reports whether a port of a service has a route.
func (r *Routing) routed(service string, port int) bool {
	return slices.ContainsFunc(r.Routes, func(o stack.RouteSpec) bool { return o.Service == service && o.Port == port })
}

// has reports whether a service has any route.
func (r *Routing) has(service string) bool {
	return slices.ContainsFunc(r.Routes, func(o stack.RouteSpec) bool { return o.Service == service })
}

func (r *Routing) labels(services []Service, all []labelled, domain string, asks func(middlewares string) demand) {
	var hosts []string
	for _, s := range services {
		all = append(all, labelledRoutes(s)...)
	}
	for _, l := range all {
		if host := strings.ToLower(strings.Trim(l.host, ".")); host != "" && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	written := base(hosts)
	if !strings.Contains(written, ".") && len(hosts) > 1 && !slices.Contains([]string{"localhost", "local", "test", "lan", "home", "unset"}, written) {
		written = "" // names that have a top-level domain in common have nothing in common
	}
	for _, l := range all {
		host := prefix(l.host, domain, written)
		if strings.Contains(host, ".") && written == "" {
			host, _, _ = strings.Cut(host, ".")
		}
		if r.routed(l.service, l.port) && slices.ContainsFunc(r.Routes, func(o stack.RouteSpec) bool { return o.Host == host && o.Path == l.path }) {
			continue
		}
		cause := cmp.Or(l.told, "its labels say so")
		if l.host != "" {
			cause += " (there: " + l.host + ")"
		}
		if l.guessed {
			cause += "; no label names a port, 80 is assumed"
		}
		spec := stack.RouteSpec{Host: host, Path: l.path, Service: l.service, Port: l.port, Strip: l.strip, Scheme: l.scheme, Sticky: l.sticky}
		if asked := asks(l.middlewares); asked.guarded || l.guarded || len(asked.allow) > 0 {
			spec.Allow, spec.Guard = reachable(asked.allow), "staff"
			cause += "; they ask who comes, and here the staff's password does (guard: staff)"
		}
		r.add(spec, cause)
	}
	for _, s := range services {
		r.uncarried(s)
	}
}

// uncarried tells of labels that the edge has nothing for.
func (r *Routing) uncarried(s Service) {
	if (hasPrefix(s.Labels, "traefik.tcp.") || hasPrefix(s.Labels, "traefik.udp.")) && len(s.Ports) == 0 {
		r.tell(s.Name, "its labels ask the proxy for TCP or UDP, and the edge carries HTTP alone: publish the port at the service")
	}
	for _, key := range sortedKeys(s.Labels) {
		if routerRule.MatchString(strings.ToLower(key)) && hostPattern.MatchString(s.Labels[key]) {
			r.tell(s.Name, "hosts by a pattern (HostRegexp) have no route: name them under routes")
		}
	}
}

// candidate is a service with ports that look like HTTP, best first.
type candidate struct {
	service Service
	ports   []published
	score   int
}

// published turns published ports into routes, or says what becomes of them.
func (r *Routing) published(services []Service, layers map[string]Decision) {
	var found []candidate
	for _, s := range services {
		if c := r.sift(s, layers[s.Name]); len(c.ports) > 0 && !r.settled(&c) {
			found = append(found, c)
		}
	}
	found = r.aside(found)
	sort.SliceStable(found, func(i, j int) bool { return found[i].score > found[j].score })
	for i, c := range found {
		first := i == 0 && !slices.ContainsFunc(r.Routes, func(o stack.RouteSpec) bool { return o.Host == "" && o.Path == "" })
		closed := notForVisitors(c.service)
		if closed != "" && !(first && len(found) == 1) {
			for _, p := range c.ports {
				r.tell(c.service.Name, "port %s is not published any more: %s. A route with guard: staff shows it to staff", p.text(), closed)
			}
			continue
		}
		p := c.ports[0]
		spec := stack.RouteSpec{Service: c.service.Name, Port: p.target, Host: Name(c.service.Name), Scheme: scheme(c.service, p)}
		cause := "port " + p.text() + " looks like HTTP"
		if first {
			spec.Host = ""
			cause += ", " + why(c, len(found))
		}
		if closed != "" {
			spec.Guard = "staff"
			cause += "; " + closed + ", so the staff's password comes first (guard: staff)"
		}
		r.add(spec, cause)
		// A route whose port does not speak HTTP is a site that is down: a
		// second one is for people to ask for.
		for _, p := range c.ports[1:] {
			r.tell(c.service.Name, "port %s is not published any more: %s has one route. If it is HTTP: --route NAME=%s:%d; if not, and others need it: its port under gates.exposure.allow", p.text(), c.service.Name, c.service.Name, p.target)
		}
	}
}

// aside takes away the ports that the server alone reaches, and those without
// a port of the host, where the project has others that everyone does, or routes
// by labels: there the file says which are for visitors. A project without such
// others has a proxy before it that is not in the file, and the edge takes its
// place.
func (r *Routing) aside(found []candidate) []candidate {
	open := func(p published) bool { return !p.loopback && p.port.Published != "" }
	if len(r.Routes) == 0 && !slices.ContainsFunc(found, func(c candidate) bool {
		return notForVisitors(c.service) == "" && slices.ContainsFunc(c.ports, open)
	}) {
		return found
	}
	var out []candidate
	for _, c := range found {
		var left []published
		for _, p := range c.ports {
			switch {
			case open(p):
				left = append(left, p)
				continue
			case p.loopback:
				r.tell(c.service.Name, "port %s stays published on the server alone, as others are open to everyone. If visitors need it: --route NAME=%s:%d", p.text(), c.service.Name, p.target)
			default:
				r.tell(c.service.Name, "port %s is not published any more: it names no port of the host, as others do. If visitors need it: --route NAME=%s:%d", p.text(), c.service.Name, p.target)
			}
		}
		if c.ports = left; len(left) > 0 {
			c.score = score(c)
			out = append(out, c)
		}
	}
	return out
}

// settled reports whether a candidate needs no route of its own any more: what
// labels or people named is the way to it.
func (r *Routing) settled(c *candidate) bool {
	if !r.has(c.service.Name) {
		return false
	}
	for _, p := range c.ports {
		if !r.routed(c.service.Name, p.target) {
			r.tell(c.service.Name, "port %s is not published any more: the routes lead to it, add one for this port if it is wanted", p.text())
		}
	}
	return true
}

func why(c candidate, of int) string {
	switch {
	case of == 1:
		return "and no other service's does"
	case names(fronts, Repository(c.service.Image)):
		return "and it is the proxy in front"
	case c.ports[0].outside == 80 || c.ports[0].outside == 443:
		return "and it is published where browsers ask first"
	}
	return "and it looks most like the site"
}

// scheme is how a service answers at a port: what it publishes as 443, with
// nothing as 80, has a certificate of its own.
func scheme(s Service, p published) string {
	plain := slices.ContainsFunc(portsOf(s), func(o published) bool { return o.outside == 80 || o.target == 80 })
	if slices.Contains(overTLS, p.target) || p.outside == 443 && !plain {
		return "https"
	}
	return ""
}

// sift parts a service's published ports: what may be HTTP is left.
func (r *Routing) sift(s Service, d Decision) candidate {
	c := candidate{service: s}
	ports := portsOf(s)
	if s.NetworkMode == "host" && len(ports) > 0 {
		return c
	}
	runs, main := ranges(ports, s.Ranges), mainPorts(Repository(s.Image))
	for i, p := range ports {
		what, http, closed := answers(s, p, main)
		switch {
		case d.Layer == stack.LayerData && !p.udp():
			r.tell(s.Name, "port %s is not published any more: services reach it inside, nobody else should", p.text())
		case p.udp() && p.outside == 443:
			r.tell(s.Name, "port %s is not published any more: the edge serves HTTPS", p.text())
		case insideOnly(s, p) != "":
			r.tell(s.Name, "port %s is not published any more: services send to it inside, nobody else should (%s). Where others must: its port under gates.exposure.allow", p.text(), insideOnly(s, p))
		case p.udp():
			r.tell(s.Name, "port %s stays published (%s)", cmp.Or(runs[i], p.text()), what)
		case fastCGI(s, p.target):
			r.tell(s.Name, "port %s is not published any more: it is PHP's own protocol (FastCGI), and a web server goes before it", p.text())
		case (slices.Contains(debuggers, p.target) || debugger(s, p.target)) && !p.loopback:
			r.tell(s.Name, "port %s is not published any more: who reaches it runs what they like (%s)", p.text(), what)
		case !p.loopback && (slices.Contains(openProxies, p.target) && !http || names(forwarders, Repository(s.Image))):
			r.tell(s.Name, "port %s is not published any more: who reaches it goes out in the server's name (%s)", p.text(), cmp.Or(what, "a proxy"))
		case slices.Contains(s.Open, p.target) && !p.loopback:
			r.tell(s.Name, "port %s is not published any more: its settings let everybody in without a password (%s). Give it one, and its port under gates.exposure.allow", p.text(), what)
		case slices.Contains(shares, p.target) && !http && !p.loopback:
			r.tell(s.Name, "port %s is not published any more: a share of files is for a network of one's own (%s). Where others must: its port under gates.exposure.allow", p.text(), what)
		case openPort(s, p.target) != "" && !p.loopback:
			r.tell(s.Name, "port %s is not published any more: %s asks nobody to sign in, unless it is told to. Where it is: --route %s=%s:%d", p.text(), openPort(s, p.target), Name(s.Name), s.Name, p.target)
		case what == rcon && !p.loopback:
			r.tell(s.Name, "port %s is not published any more: who guesses its password, which it takes in clear, runs what they like (%s). Where it must be reached: its port under gates.exposure.allow", p.text(), what)
		case what == grpc && !p.loopback:
			r.calls = append(r.calls, p)
		case (closed || slices.Contains(receivers, p.target)) && !p.loopback:
			r.tell(s.Name, "port %s is not published any more: it asks nobody to sign in, and services reach it inside (%s)", p.text(), what)
		case storeBehind(p.target) != "" && !p.loopback:
			r.tell(s.Name, "port %s is not published any more: services reach it inside, nobody else should (%s)", p.text(), what)
		case withoutSignIn(s) && !http:
			r.tell(s.Name, "port %s is not published any more: services reach it inside (%s)", p.text(), what)
		case runs[i] != "":
			r.stay(s.Name, p, "a range, so no HTTP", runs[i])
		case !http:
			r.stay(s.Name, p, what, p.text())
		default:
			c.ports = append(c.ports, p)
		}
	}
	c.ports = r.withoutTLS(s.Name, c.ports, main)
	sort.SliceStable(c.ports, func(i, j int) bool { return rank(c.ports[i], main) < rank(c.ports[j], main) })
	c.score = score(c)
	return c
}

// stay keeps a TCP port published, and declares it. text is the port, or the
// range that it is part of.
func (r *Routing) stay(service string, p published, what, text string) {
	if p.outside == 0 {
		r.tell(service, "port %s is not published any more: it names no port of the host (%s)", text, what)
		return
	}
	if !p.loopback {
		r.Allow = append(r.Allow, p.outside)
	}
	r.tell(service, "port %s stays published (%s)", text, what)
}

// withoutTLS drops the ports over TLS of a service that has one without: the
// edge brings the certificate. What is the program's own page stays, for the
// other port is another program's.
func (r *Routing) withoutTLS(service string, ports []published, main []int) []published {
	var out []published
	for _, p := range ports {
		page := len(main) > 0 && main[0] == p.target
		plain := !page && slices.ContainsFunc(ports, func(o published) bool { return slices.Contains(plainly[p.target], o.target) })
		twice := slices.ContainsFunc(out, func(o published) bool { return o.target == p.target })
		switch {
		case plain:
			r.tell(service, "port %s is not published any more: the edge serves HTTPS", p.text())
		case !twice:
			out = append(out, p)
		}
	}
	return out
}

// exposed finds the site of a project that publishes nothing: a service that
// exposes a port, as behind a proxy that stands elsewhere.
func (r *Routing) exposed(services []Service, layers map[string]Decision) {
	var found []candidate
	for _, s := range services {
		if d := layers[s.Name]; d.Layer != stack.LayerApp || d.OneShot || s.NetworkMode == "host" {
			continue
		}
		c := candidate{service: s}
		for _, e := range s.Expose {
			e, protocol, _ := strings.Cut(e, "/")
			if n, err := strconv.Atoi(e); err == nil && protocol != "udp" && wellKnown(n) == "" && !fastCGI(s, n) && !debugger(s, n) {
				c.ports = append(c.ports, published{service: s.Name, target: n})
			}
		}
		if len(c.ports) > 0 {
			c.score = score(c)
			found = append(found, c)
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].score > found[j].score })
	for i, c := range found {
		if i == 0 {
			r.add(stack.RouteSpec{Service: c.service.Name, Port: c.ports[0].target}, "nothing is published, and it exposes the port; "+why(c, len(found)))
			continue
		}
		r.tell(c.service.Name, "port %d is exposed to the other services alone: no route", c.ports[0].target)
	}
}
