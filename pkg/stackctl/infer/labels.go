package infer

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// OfFiles ends the names of routers that are given to services for those of a
// Traefik's files.
const OfFiles = "-of-files"

// labelled is a route that a service's labels or variables ask a proxy for.
type labelled struct {
	service string
	// host is as the label has it; empty: any.
	host  string
	path  string
	port  int
	strip bool
	// scheme is how the service answers there: "" (http), "https" or "h2c".
	scheme string
	// sticky reports whether a visitor gets the same replica each time.
	sticky bool
	// guessed reports whether no label and no port names the port.
	guessed bool
	// middlewares are what a Traefik does with a request first, separated by commas.
	middlewares string
	// guarded reports whether the proxy asks who comes.
	guarded bool
	// told is what says so; empty: labels.
	told string
}

var (
	routerRule    = regexp.MustCompile(`^traefik\.http\.routers\.([^.]+)\.rule$`)
	ruleHost      = regexp.MustCompile("(?i)Host\\(([^)]*)\\)")
	rulePath      = regexp.MustCompile("(?i)Path(?:Prefix)?\\(([^)]*)\\)")
	quoted        = regexp.MustCompile("[`\"']([^`\"']*)[`\"']")
	serviceServer = regexp.MustCompile(`^traefik\.http\.services\.([^.]+)\.loadbalancer\.server\.(port|scheme)$`)
	serviceSticky = regexp.MustCompile(`^traefik\.http\.services\.([^.]+)\.loadbalancer\.sticky(?:\.cookie(?:\..+)?)?$`)
	caddySticky   = regexp.MustCompile(`^(?:cookie|ip_hash|client_ip_hash)\b`)
	upstreams     = regexp.MustCompile(`upstreams\s+(?:(https?|h2c)\s+)?(\d+)`)
	hostPattern   = regexp.MustCompile(`(?i)HostRegexp\(`)
	caddySite     = regexp.MustCompile(`^caddy(?:_\d+)?$`)
	caddyOrder    = regexp.MustCompile(`^\d+_|_\d+$`)
)

// labelledRoutes are the routes that a service asks a proxy of the given kinds for.
func labelledRoutes(s Service) []labelled {
	if strings.EqualFold(s.Labels["traefik.enable"], "false") {
		return nil
	}
	out := slices.Concat(traefikRoutes(s), oldTraefikRoutes(s), virtualHosts(s), caddyRoutes(s))
	for i := range out {
		out[i].service = s.Name
		if out[i].port == 0 {
			out[i].port, out[i].guessed = ownPort(s)
		}
	}
	return out
}

// traefikRoutes reads the labels of Traefik 2 and 3.
func traefikRoutes(s Service) []labelled {
	ports, schemes, sticky := map[string]int{}, map[string]string{}, map[string]bool{}
	for _, key := range sortedKeys(s.Labels) {
		if m := serviceSticky.FindStringSubmatch(strings.ToLower(key)); m != nil && !strings.EqualFold(s.Labels[key], "false") {
			sticky[m[1]] = true
		}
		m := serviceServer.FindStringSubmatch(strings.ToLower(key))
		switch {
		case m == nil:
		case m[2] == "port":
			ports[m[1]], _ = strconv.Atoi(s.Labels[key])
		default:
			schemes[m[1]] = secure(s.Labels[key])
		}
	}
	var out []labelled
	for _, key := range sortedKeys(s.Labels) {
		m := routerRule.FindStringSubmatch(strings.ToLower(key))
		if m == nil {
			continue
		}
		router := key[:len(key)-len(".rule")]
		to := strings.ToLower(s.Labels[router+".service"])
		if strings.HasSuffix(to, "@internal") {
			continue
		}
		to = strings.TrimSuffix(to, "@docker")
		port, scheme := only(ports, to), only(schemes, to)
		if port == 443 && scheme == "" { // as Traefik does
			scheme = "https"
		}
		for _, r := range ruleRoutes(s.Labels[key]) {
			before := s.Labels[router+".middlewares"]
			r.guarded = mutual.MatchString(s.Labels[router+".tls.options"])
			r.port, r.scheme, r.strip, r.sticky = port, scheme, strips(s, before, r.path), only(sticky, to)
			same := slices.IndexFunc(out, func(o labelled) bool { return o.host == r.host && o.path == r.path && o.port == r.port })
			if same >= 0 { // one router for http and one for https
				out[same].middlewares += "," + before
				out[same].guarded = out[same].guarded || r.guarded
				out[same].strip = out[same].strip || r.strip
				continue
			}
			r.middlewares = before
			if strings.HasSuffix(router, OfFiles) {
				r.told = "the files of a Traefik say so"
			}
			out = append(out, r)
		}
	}
	return out
}

// mutual is in names of TLS options that ask visitors for a certificate, as
// far as a name tells: what the options are stands in a file.
var mutual = regexp.MustCompile(`(?i)mtls|mutual|client`)

// only is what a key has, or the one value that there is at all.
func only[V comparable](of map[string]V, key string) V {
	value := of[key]
	if _, there := of[key]; !there && len(of) == 1 {
		for _, value = range of {
			break
		}
	}
	return value
}

// secure is a scheme as routes write it: they leave http out.
func secure(scheme string) string {
	if scheme = strings.ToLower(strings.TrimSpace(scheme)); scheme == "https" || scheme == "h2c" {
		return scheme
	}
	return ""
}

// ruleRoutes are the hosts and paths of a rule: each alternative at its top has
// its own.
func ruleRoutes(rule string) []labelled {
	var out []labelled
	for _, one := range alternatives(rule) {
		out = append(out, hostsAndPaths(one)...)
	}
	return out
}

// alternatives are the parts of a rule between the `||` that no parenthesis holds.
func alternatives(rule string) []string {
	var out []string
	depth, from := 0, 0
	for i := range len(rule) {
		switch {
		case rule[i] == '(':
			depth++
		case rule[i] == ')':
			depth--
		case depth == 0 && strings.HasPrefix(rule[i:], "||"):
			out = append(out, rule[from:i])
			from = i + len("||")
		}
	}
	return append(out, rule[min(from, len(rule)):])
}

func hostsAndPaths(rule string) []labelled {
	var hosts, paths []string
	for _, m := range ruleHost.FindAllStringSubmatch(rule, -1) {
		for _, q := range quoted.FindAllStringSubmatch(m[1], -1) {
			hosts = append(hosts, q[1])
		}
	}
	for _, m := range rulePath.FindAllStringSubmatch(rule, -1) {
		for _, q := range quoted.FindAllStringSubmatch(m[1], -1) {
			paths = append(paths, strings.TrimSuffix(q[1], "/"))
		}
	}
	if len(hosts) == 0 && hostPattern.MatchString(rule) {
		return nil // hosts by a pattern, not every host
	}
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	if len(paths) == 0 {
		paths = []string{""}
	}
	var out []labelled
	for _, h := range hosts {
		for _, p := range paths {
			out = append(out, labelled{host: h, path: p})
		}
	}
	return out
}

// strips reports whether one of a router's middlewares takes the path away.
func strips(s Service, middlewares, path string) bool {
	for name := range strings.SplitSeq(middlewares, ",") {
		name, _, _ = strings.Cut(strings.TrimSpace(name), "@")
		prefixes := s.Labels["traefik.http.middlewares."+name+".stripprefix.prefixes"]
		for prefix := range strings.SplitSeq(prefixes, ",") {
			if path != "" && strings.TrimSuffix(strings.TrimSpace(prefix), "/") == path {
				return true
			}
		}
	}
	return false
}

// oldTraefikRoutes reads the labels of Traefik 1.
func oldTraefikRoutes(s Service) []labelled {
	rule, ok := s.Labels["traefik.frontend.rule"]
	if !ok {
		return nil
	}
	port, _ := strconv.Atoi(s.Labels["traefik.port"])
	sticky := s.Labels["traefik.backend.loadbalancer.stickiness"] == "true" || s.Labels["traefik.backend.loadbalancer.sticky"] == "true"
	path := ""
	var hosts []string
	for part := range strings.SplitSeq(rule, ";") {
		kind, list, _ := strings.Cut(part, ":")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "host":
			for h := range strings.SplitSeq(list, ",") {
				hosts = append(hosts, strings.TrimSpace(h))
			}
		case "pathprefix", "path", "pathprefixstrip":
			path = strings.TrimSuffix(strings.TrimSpace(list), "/")
		}
	}
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	var out []labelled
	for _, h := range hosts {
		out = append(out, labelled{host: h, path: path, port: port, strip: strings.Contains(rule, "PathPrefixStrip"), sticky: sticky, guarded: hasPrefix(s.Labels, "traefik.frontend.auth.")})
	}
	return out
}

// virtualHosts reads the variables of nginx-proxy.
func virtualHosts(s Service) []labelled {
	var out []labelled
	port, _ := strconv.Atoi(s.Environment["VIRTUAL_PORT"])
	scheme := secure(s.Environment["VIRTUAL_PROTO"])
	if h, named := s.Environment["VIRTUAL_HOST"]; named && strings.TrimSpace(h) == "" { // to be filled in
		return []labelled{{path: strings.TrimSuffix(s.Environment["VIRTUAL_PATH"], "/"), port: port, scheme: scheme}}
	}
	for h := range strings.SplitSeq(s.Environment["VIRTUAL_HOST"], ",") {
		if h = strings.TrimSpace(h); h != "" && !strings.ContainsAny(h, "*~^") {
			h, _, _ = strings.Cut(h, ":")
			out = append(out, labelled{host: h, path: strings.TrimSuffix(s.Environment["VIRTUAL_PATH"], "/"), port: port, scheme: scheme})
		}
	}
	return out
}

// caddyRoutes reads the labels of caddy-docker-proxy: a service may have several
// sites (caddy_0, caddy_1), and a site several paths.
func caddyRoutes(s Service) []labelled {
	var out []labelled
	for _, site := range sortedKeys(s.Labels) {
		if !caddySite.MatchString(site) {
			continue
		}
		guarded := slices.ContainsFunc(sortedKeys(s.Labels), func(key string) bool {
			return strings.HasPrefix(key, site+".") && (strings.Contains(key, "basic_auth") || strings.Contains(key, "basicauth") || strings.Contains(key, "forward_auth"))
		})
		for h := range strings.FieldsFuncSeq(s.Labels[site], func(r rune) bool { return r == ',' || r == ' ' }) {
			h = strings.TrimPrefix(strings.TrimPrefix(h, "https://"), "http://")
			for _, one := range caddyPaths(s, site) {
				one.host, one.guarded = h, guarded
				out = append(out, one)
			}
		}
	}
	return out
}

// caddyPaths are the paths of a site that lead to a service, with its port; one
// without a path where no label names any.
func caddyPaths(s Service, site string) []labelled {
	var out []labelled
	for _, key := range sortedKeys(s.Labels) {
		rest, ok := strings.CutPrefix(key, site+".")
		parts := strings.Split(rest, ".")
		if !ok || caddyOrder.ReplaceAllString(parts[len(parts)-1], "") != "reverse_proxy" {
			continue
		}
		one, at := labelled{}, s.Labels[key]
		if m := upstreams.FindStringSubmatch(at); m != nil {
			one.port, _ = strconv.Atoi(m[2])
			one.scheme = secure(m[1])
		}
		one.sticky = caddySticky.MatchString(s.Labels[key+".lb_policy"])
		for i, part := range parts[:len(parts)-1] {
			if matcher := s.Labels[site+"."+strings.Join(parts[:i+1], ".")]; strings.HasPrefix(matcher, "/") {
				at, one.strip = matcher, caddyOrder.ReplaceAllString(part, "") == "handle_path"
			}
		}
		if path, _, _ := strings.Cut(at, " "); strings.HasPrefix(path, "/") {
			one.path = strings.TrimSuffix(strings.TrimSuffix(path, "*"), "/")
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		return []labelled{{}}
	}
	return out
}

// ownPort is the port that a service is known to answer HTTP at.
func ownPort(s Service) (port int, guessed bool) {
	ports, main := portsOf(s), mainPorts(Repository(s.Image))
	sort.SliceStable(ports, func(i, j int) bool { return rank(ports[i], main) < rank(ports[j], main) })
	for _, p := range ports {
		if _, ok := p.http(); ok {
			return p.target, false
		}
	}
	for _, e := range s.Expose {
		e, _, _ = strings.Cut(e, "/")
		if n, err := strconv.Atoi(e); err == nil && wellKnown(n) == "" {
			return n, false
		}
	}
	for _, key := range []string{"PORT", "HTTP_PORT", "SERVER_PORT", "APP_PORT"} {
		if n, err := strconv.Atoi(s.Environment[key]); err == nil && n > 0 && n < 65536 {
			return n, false
		}
	}
	return 80, true
}

// base is what the host names of labels have in common: the domain that they
// were written for. One name alone is it, of several the longest common end.
func base(hosts []string) string {
	if len(hosts) == 0 {
		return ""
	}
	common := strings.Split(hosts[0], ".")
	for _, h := range hosts[1:] {
		parts := strings.Split(h, ".")
		n := 0
		for n < len(common) && n < len(parts) && common[len(common)-1-n] == parts[len(parts)-1-n] {
			n++
		}
		common = common[len(common)-n:]
	}
	return strings.Join(common, ".")
}

// prefix turns a label's host into what routes write: the part before the
// domain. A host of another domain is kept whole.
func prefix(host, domain, written string) string {
	host = strings.ToLower(strings.Trim(host, "."))
	for _, d := range []string{domain, written} {
		if host == d || d == "" && host == "" {
			return ""
		}
		if front, ok := strings.CutSuffix(host, "."+d); ok && d != "" {
			return strings.ReplaceAll(front, ".", "-")
		}
	}
	return host
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Name is a service's name as a part of a host name.
func Name(service string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(service))
	if name = strings.Trim(name, "-"); name == "" {
		return "service"
	}
	return fmt.Sprintf("%.63s", name)
}
