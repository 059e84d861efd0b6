package infer

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// proxyKind is a program that asks Docker which containers there are, and
// serves them by their labels or variables. The edge takes its place.
type proxyKind struct {
	name string
	// images are repositories, as names reads them.
	images []string
	// helpers are images that do nothing without it.
	helpers []string
}

var proxies = []proxyKind{
	{"Traefik", []string{"traefik", "traefik/traefik", "containous/traefik", "rpi-traefik"}, []string{"traefik-forward-auth", "traefik-certs-dumper"}},
	{"nginx-proxy", []string{"nginx-proxy"}, []string{"acme-companion", "letsencrypt-nginx-proxy-companion", "docker-gen", "nginx-proxy-letsencrypt"}},
	{"caddy-docker-proxy", []string{"caddy-docker-proxy"}, nil},
}

// kindOf is the kind of that name.
func kindOf(name string) proxyKind {
	return proxies[slices.IndexFunc(proxies, func(k proxyKind) bool { return k.name == name })]
}

// socketProxies hand a part of the Docker socket to a proxy.
var socketProxies = []string{"docker-socket-proxy", "socket-proxy"}

// certificateTools get certificates for a proxy that has none of its own.
var certificateTools = []string{"certbot", "neilpang/acme.sh", "acme.sh", "docker-certbot"}

// certificates is where they put them.
const certificates = "/etc/letsencrypt"

// getsCertificates reports whether a service does nothing but get certificates.
func getsCertificates(s Service) bool {
	repository := Repository(s.Image)
	return (names(certificateTools, repository) || strings.HasPrefix(repository, "certbot/")) && len(s.Ports) == 0
}

// selfCertified are web servers that get certificates by themselves, from the
// domains in their settings.
var selfCertified = []string{"swag", "linuxserver/letsencrypt", "https-portal", "nginx-proxy-manager", "caddy", "traefik", "nginx-certbot", "docker-nginx-certbot", "bunkerweb", "zoraxy", "gitlab-ce", "gitlab-ee"}

// Certificates returns, by service, what changes behind the edge for those that
// serve certificates of their own.
func Certificates(services []Service) map[string]string {
	out := map[string]string{}
	for _, s := range services {
		// A mail server needs them for ports that the edge does not carry.
		ports := portsOf(s)
		if len(ports) > 0 && !slices.ContainsFunc(ports, func(p published) bool { _, http := p.http(); return http }) {
			continue
		}
		const behind = ": behind the edge it must answer plain HTTP, without a redirect to HTTPS; the edge has certificates of its own"
		for _, m := range s.Volumes {
			if strings.HasPrefix(m.Target+"/", certificates+"/") && !getsCertificates(s) {
				out[s.Name] = "it serves certificates from " + m.Target + behind
			}
		}
		overTLS := slices.ContainsFunc(ports, func(p published) bool { return p.target == 443 || p.outside == 443 })
		built := s.Build && slices.Contains(selfCertified, strings.ToLower(s.Name))
		if overTLS && servesHTTP3(s) {
			out[s.Name] = "it serves HTTPS by itself (443/udp is HTTP/3)" + behind
		}
		if overTLS && (built || names(selfCertified, Repository(s.Image)) || s.Environment["TLS_DOMAIN"] != "") {
			out[s.Name] = "it gets certificates by itself, which fails where the edge has port 80 and 443" + behind
		}
	}
	return out
}

// LeftOut are the services that are not deployed, with the reason: proxies that
// serve by Docker's labels, for which the edge stands in, with what only they
// need; and those that no server needs.
func LeftOut(services []Service) map[string]string {
	out, kinds := unwanted(services), map[string]bool{}
	for _, s := range services {
		if kind, ok := proxyOf(s, services); ok && s.Said == "" {
			out[s.Name] = kind.name + " serves by what it asks Docker; stackctl's own edge takes its place"
			kinds[kind.name] = true
		}
	}
	for _, s := range services {
		switch {
		case s.Said != "" || s.Routed:
		case len(caddyfileRoutes(s, services)) > 0:
			out[s.Name] = "its Caddyfile only leads names to services; stackctl's own edge takes its place"
		case s.LeadsByFiles && len(s.Ports) > 0:
			out[s.Name] = "its files lead names to services; stackctl's own edge takes its place"
		case keepsHosts(s, services):
			out[s.Name] = "it gets certificates, and sends plain HTTP away, so that it cannot stand behind stackctl's own edge, which takes its place"
		}
		if getsCertificates(s) {
			out[s.Name] = "it gets certificates; stackctl's own edge gets its own"
		}
		repository := Repository(s.Image)
		for _, kind := range proxies {
			if kinds[kind.name] && names(kind.helpers, repository) {
				out[s.Name] = "only " + kind.name + " needs it"
			}
		}
		if cause := idle(s, services); cause != "" && out[s.Name] == "" {
			out[s.Name] = cause
		}
		if len(out) > 0 && names(socketProxies, repository) && onlyNeededBy(s.Name, services, out) {
			out[s.Name] = "only what is left out needs it"
		}
	}
	return out
}

func proxyOf(s Service, services []Service) (proxyKind, bool) {
	repository := Repository(s.Image)
	for _, kind := range proxies {
		if !names(kind.images, repository) {
			continue
		}
		return kind, kind.name != "Traefik" || byLabels(s, services)
	}
	if builtNginxProxy(s) {
		return kindOf("nginx-proxy"), true
	}
	if builtTraefik(s, services) {
		return kindOf("Traefik"), true
	}
	return proxyKind{}, false
}

// builtTraefik reports whether a service whose image nobody knows is built of
// Traefik: it publishes a site's ports and looks for Docker's socket, and others
// have Traefik's labels.
func builtTraefik(s Service, services []Service) bool {
	return s.Image == "" && s.Build && mountsSocket(s) &&
		slices.ContainsFunc(portsOf(s), func(p published) bool { return p.outside == 80 || p.outside == 443 }) &&
		slices.ContainsFunc(services, func(o Service) bool { return len(traefikRoutes(o)) > 0 || len(oldTraefikRoutes(o)) > 0 })
}

// builtNginxProxy reports whether a service whose image nobody knows is built of
// nginx-proxy: that one looks for Docker's socket in a place of its own.
func builtNginxProxy(s Service) bool {
	return slices.ContainsFunc(s.Volumes, func(m stack.Mount) bool { return m.Target == "/tmp/docker.sock" }) &&
		slices.ContainsFunc(portsOf(s), func(p published) bool { return p.target == 80 })
}

// byLabels reports whether a Traefik serves what Docker's labels say: files of
// its own alone keep it, files beside labels do not.
func byLabels(s Service, services []Service) bool {
	settings := traefikSettings(s)
	if !strings.Contains(settings, "docker") && !strings.Contains(settings, "swarm") && !mountsSocket(s) {
		return false
	}
	return len(ownFiles(s)) == 0 && !unseenFiles(settings) || slices.ContainsFunc(services, func(o Service) bool {
		return len(traefikRoutes(o)) > 0 || len(oldTraefikRoutes(o)) > 0
	})
}

// ServedByTraefik reports whether a service is a Traefik that asks Docker what to
// serve: the edge takes its place, and its files may hold routes as well.
func ServedByTraefik(s Service) bool {
	return names(kindOf("Traefik").images, Repository(s.Image)) && (mountsSocket(s) || strings.Contains(traefikSettings(s), "docker"))
}

// traefikSettings are a Traefik's flags and variables, in lower case and as flags.
func traefikSettings(s Service) string {
	settings := strings.ToLower(commandText(s))
	for k, v := range s.Environment {
		settings += " " + strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(k), "traefik_"), "_", ".") + "=" + v
	}
	return settings
}

var fileProvider = regexp.MustCompile(`providers\.file\.(?:directory|filename)=(\S+)`)

// unseenFiles reports whether a Traefik reads files whose place its settings do
// not tell.
func unseenFiles(settings string) bool {
	return !fileProvider.MatchString(settings) && (strings.Contains(settings, "providers.file") || strings.Contains(settings, "--file"))
}

// ownFiles are the mounts from which a Traefik reads routes that the team wrote.
// A place that nothing of the project is mounted at holds none: people copy the
// flag from examples, and programs put their certificates there.
func ownFiles(s Service) []string {
	var out []string
	for _, place := range fileProvider.FindAllStringSubmatch(traefikSettings(s), -1) {
		at := strings.TrimSuffix(strings.Trim(place[1], `"'`), "/") + "/"
		for _, m := range s.Volumes {
			in := strings.ToLower(strings.TrimSuffix(m.Target, "/")) + "/"
			if m.Type == "bind" && (strings.HasPrefix(at, in) || strings.HasPrefix(in, at)) {
				out = append(out, m.Source)
			}
		}
	}
	return out
}

// uncarriedFiles are the mounted settings of a Traefik that the edge takes the
// place of: they may hold routes and guards.
func uncarriedFiles(s Service) []string {
	out := ownFiles(s)
	for _, m := range s.Volumes {
		settings := strings.HasPrefix(m.Target, "/etc/traefik") || slices.Contains([]string{".yml", ".yaml", ".toml"}, path.Ext(m.Target))
		if m.Type == "bind" && settings {
			out = append(out, m.Source)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func mountsSocket(s Service) bool {
	for _, v := range s.Volumes {
		if strings.HasSuffix(v.Source, "/docker.sock") || strings.HasSuffix(v.Target, "/docker.sock") {
			return true
		}
	}
	return false
}

// onlyNeededBy reports whether something of a set waits for a service, and
// nothing else does.
func onlyNeededBy(name string, services []Service, set map[string]string) bool {
	needed := false
	for _, other := range services {
		if _, waits := other.DependsOn[name]; waits {
			if set[other.Name] == "" {
				return false
			}
			needed = true
		}
	}
	return needed
}
