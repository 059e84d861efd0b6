package edge

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// ownStatic is the static file of stackctl's own edge.
//
//go:embed own.yml
var ownStatic []byte

// Htpasswd is where the own edge finds the hash of the staff's password.
const Htpasswd = "/run/secrets/stackctl_staff_htpasswd"

// Behind is what stackctl's own edge must know of the services behind it.
type Behind struct {
	// Recreated are those that never run beside their successors: requests to
	// them are held meanwhile.
	Recreated []string
	// Replicas is how many containers those have that have several.
	Replicas map[string]int
	// Apart reports whether the containers of a service may be on several nodes: each
	// is a server of its own then, so that one that is gone takes nobody.
	Apart bool
}

// apart reports whether the edge reaches each container of a route's service by itself.
func (b Behind) apart(r stack.RouteSpec) bool { return b.Apart && b.Replicas[r.Service] > 1 }

// own makes the files of stackctl's own edge of a project's routes. Without
// routes there is no edge: the file that says which release is live is all.
func own(c stack.Config, t stack.Target, behind Behind) (stack.EdgeConfig, error) {
	if len(c.Routes) == 0 {
		return stack.EdgeConfig{Env: map[string]string{}, Dynamic: []stack.File{{Path: "routes.yml", Mode: 0o644, Content: []byte("http: {}\n")}}}, nil
	}
	static, err := Static(c.Traefik.Static, ownStatic, c.Traefik.Resolver, t, acmeStaging)
	if err != nil {
		return stack.EdgeConfig{}, err
	}
	if t.Shared {
		if static, _, err = behindIngress(c.Traefik.Static, static, t); err != nil {
			return stack.EdgeConfig{}, err
		}
	}
	dynamic, err := ownDynamic(c, t.Domain, behind)
	if err != nil {
		return stack.EdgeConfig{}, err
	}
	out := stack.EdgeConfig{Static: static, Env: map[string]string{}, Flags: []string{"--configFile=/etc/traefik/traefik.yml"},
		Dynamic: []stack.File{{Path: "routes.yml", Mode: 0o644, Content: dynamic}}}
	if out.Routes, err = Routes(out.Dynamic); err != nil {
		return out, err
	}
	return share(c, t, out)
}

// Guarded reports whether a route asks for the staff's password. Traefik's own
// API asks for it as well then.
func Guarded(routes []stack.RouteSpec) bool {
	return slices.ContainsFunc(routes, func(r stack.RouteSpec) bool { return r.Guard == "staff" })
}

// Host is the whole host name of a route.
func Host(r stack.RouteSpec, domain string) string {
	switch {
	case r.Host == "":
		return domain
	case strings.Contains(r.Host, "."):
		return r.Host
	}
	return r.Host + "." + domain
}

// object is a mapping of a file that is written.
type object = map[string]any

// dynamicFile is the file of the routes while it is made.
type dynamicFile struct {
	config                                     stack.Config
	behind                                     Behind
	routers, services, middlewares, transports object
}

// ownDynamic writes the routes, and what they share. Port 80 redirects by routers,
// so that nobody else's host is answered.
func ownDynamic(c stack.Config, domain string, behind Behind) ([]byte, error) {
	f := dynamicFile{config: c, behind: behind, routers: object{}, services: object{}, middlewares: ownMiddlewares(c), transports: object{}}
	var hosts []string
	for i, r := range c.Routes {
		name, host := routeName(r), fmt.Sprintf("Host(`%s`)", Host(r, domain))
		if f.routers[name] != nil {
			name += "-" + strconv.Itoa(i)
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
		f.add(name, host, r)
	}
	f.routers["to-https"] = object{"rule": strings.Join(hosts, " || "), "entryPoints": []string{"web"}, "middlewares": []string{"headers", "to-https"}, "service": "noop@internal"}
	inside := object{"rule": "PathPrefix(`/api/`)", "entryPoints": []string{"internal"}, "service": "api@internal"}
	if Guarded(c.Routes) {
		inside["middlewares"] = []string{"staff-auth"}
	}
	f.routers["inside"] = inside
	all := object{"routers": f.routers, "services": f.services, "middlewares": f.middlewares}
	if len(f.transports) > 0 {
		all["serversTransports"] = f.transports
	}
	var b bytes.Buffer
	b.WriteString("# Made by stackctl of the routes in stackctl.yaml.\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(object{"http": all}); err != nil {
		return nil, fmt.Errorf("write the edge's routes: %w", err)
	}
	return b.Bytes(), e.Close()
}

// add adds a route: a router of its own, and for what may be asked twice one more
// that asks again on another connection. What is recreated needs one alone: it
// holds every request. A longer path wins over a shorter one, a read over the rest
// of its route.
func (f dynamicFile) add(name, rule string, r stack.RouteSpec) {
	if r.Path != "" {
		rule += fmt.Sprintf(" && PathPrefix(`%s`)", r.Path)
	}
	through := passed(f.config, r, name, f.middlewares)
	router := func(rule string, priority int, service string, more ...string) object {
		return object{"rule": rule, "priority": priority + 2*len(r.Path), "entryPoints": []string{"websecure"},
			"middlewares": append(slices.Clone(through), more...), "service": service, "tls": object{"certResolver": f.config.Traefik.Resolver}}
	}
	recreated := slices.Contains(f.behind.Recreated, r.Service)
	switch {
	case r.Redirect != "":
		f.routers[name] = router(rule, 100, "noop@internal")
		return
	case recreated:
		maps.Copy(f.middlewares, holding(f.config))
		f.routers[name] = router(rule, 100, name, "hold-most", "hold")
	case r.Sticky || f.behind.apart(r):
		f.middlewares["another-replica"] = anotherReplica
		f.routers[name] = router(rule, 100, name, "another-replica")
	default:
		f.routers[name] = router(rule, 100, name)
		f.routers[name+"-reads"] = router(rule+" && (Method(`GET`) || Method(`HEAD`))", 101, name, "retry-reads")
	}
	f.services[name] = f.upstream(name, r)
	if r.Errors != nil {
		f.services[errorPages(name)] = f.upstream(errorPages(name), stack.RouteSpec{Service: r.Errors.Service, Port: r.Errors.Port})
	}
}

// errorPages is Traefik's name of who has the error page of a route.
func errorPages(route string) string { return "errors-" + route }

// passed are the middlewares of a route in their order, those of its own added
// to all. The first of several that set headers has the last word.
func passed(c stack.Config, r stack.RouteSpec, name string, all object) []string {
	var out []string
	own := func(kind string, settings object) {
		out = append(out, kind+"-"+name)
		all[kind+"-"+name] = settings
	}
	if len(r.Headers) > 0 {
		sent := object{}
		for header, value := range r.Headers { // the settings' reader has folded them
			sent[http.CanonicalHeaderKey(header)] = value
		}
		own("headers", object{"headers": object{"customResponseHeaders": sent}})
	}
	if r.Guard == "staff" {
		out = append(out, "staff-headers")
	} else {
		out = append(out, "headers")
	}
	if len(r.Allow) > 0 {
		own("allow", object{"ipAllowList": object{"sourceRange": r.Allow}})
	}
	if rate := rateOf(c, r); rate > 0 {
		own("rate", object{"rateLimit": object{"average": rate, "period": "1s", "burst": 2 * rate,
			"sourceCriterion": object{"ipStrategy": object{"ipv6Subnet": 64}}}})
	}
	if r.Guard == "staff" {
		out = append(out, "staff-auth")
	}
	if r.Body != "" {
		most, _ := units.RAMInBytes(r.Body) // the settings' reader has judged it
		own("body", object{"buffering": object{"maxRequestBodyBytes": most}})
	}
	if r.Errors != nil {
		own("errors", object{"errors": object{"status": []string{"502-504"}, "service": errorPages(name), "query": r.Errors.Path}})
	}
	if r.Compress {
		own("compress", object{"compress": object{}})
	}
	if r.Strip {
		own("strip", object{"stripPrefix": object{"prefixes": []string{r.Path}}})
	}
	if r.Redirect != "" {
		own("redirect", object{"redirectRegex": object{"regex": "^[^:]+://[^/]+", "replacement": strings.TrimSuffix(r.Redirect, "/"), "permanent": true}})
	}
	return out
}

// strictRate is the bound of a route that names none, under policy strict.
const strictRate = 500

func rateOf(c stack.Config, r stack.RouteSpec) int {
	if r.Rate == 0 && strict(c) {
		return strictRate
	}
	return r.Rate
}

func strict(c stack.Config) bool { return c.Policy != stack.PolicyStandard }

// mostHeld is how many requests to one host may wait for a service that is recreated.
const mostHeld = 2000

// heldDial is for how long the edge tries to connect to a service that is recreated.
// A connection begun at the address of one that has just gone is only tried again by
// the kernel after a second; the next try asks for the address anew.
const heldDial = "300ms"

// holding are the middlewares that let requests wait while a service is recreated.
// Traefik's retry tries a connection again and never a request: once its headers
// are written to a service, that is the end (pkg/middlewares/retry of Traefik). So
// writes wait as well, and are sent once. Tries are a quarter of a second to half of
// one apart.
func holding(c stack.Config) object {
	attempts := max(2, int(c.Timeouts.Hold/(360*time.Millisecond)))
	return object{
		"hold":      object{"retry": object{"attempts": attempts, "initialInterval": "250ms"}},
		"hold-most": object{"inFlightReq": object{"amount": mostHeld}},
	}
}

// upstream is where a route leads. A service that is recreated is reached by a
// new connection for each request: one that it closes at its end must not be met
// by a request on its way, which could not be sent again. To any other an idle
// connection is kept for a second: programs that are told to stop wait for one on
// which nothing was ever asked, as a burst leaves them (nginx and gunicorn until
// they are killed), and those that close theirs after some seconds must not meet a
// write on it.
func (f dynamicFile) upstream(route string, r stack.RouteSpec) object {
	balancer, held := object{"servers": []object{server(r, r.Service)}}, slices.Contains(f.behind.Recreated, r.Service)
	replicas := f.behind.Replicas[r.Service]
	if r.Sticky && !held {
		stick(balancer, route)
	}
	if (r.Sticky || f.behind.apart(r)) && !held && replicas > 1 {
		spread(balancer, r, replicas)
	}
	name, settings := []string{}, object{}
	if r.Scheme == "https" {
		name, settings["insecureSkipVerify"] = append(name, "own-certificate"), true
	}
	switch {
	case held:
		name, settings["maxIdleConnsPerHost"] = append(name, "no-reuse"), -1
		settings["forwardingTimeouts"] = object{"dialTimeout": heldDial}
	case f.behind.apart(r): // a node that is gone refuses nothing: it does not answer
		name, settings["forwardingTimeouts"] = append(name, "apart"), object{"idleConnTimeout": "1s", "dialTimeout": heldDial}
	case r.Scheme != "h2c": // HTTP/2 says on its one connection that it ends
		name, settings["forwardingTimeouts"] = append(name, "brief"), object{"idleConnTimeout": "1s"}
	}
	if len(name) > 0 {
		transport := strings.Join(name, "-")
		balancer["serversTransport"], f.transports[transport] = transport, settings
	}
	return object{"loadBalancer": balancer}
}

// server is one server of a route's service.
func server(r stack.RouteSpec, host string) object {
	return object{"url": cmp.Or(r.Scheme, "http") + "://" + net.JoinHostPort(host, strconv.Itoa(r.Port))}
}

// routeName names a route's router and service: what it leads to and from where.
func routeName(r stack.RouteSpec) string {
	parts := []string{r.Service}
	if r.Redirect != "" {
		parts[0] = "redirect"
	}
	if r.Host != "" {
		parts = append(parts, r.Host)
	}
	if r.Path != "" {
		parts = append(parts, strings.Trim(r.Path, "/"))
	}
	return strings.ToLower(strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, strings.Join(parts, "-")))
}

// ownMiddlewares are what all routes share. Under policy standard their headers
// break no site: how a page may be framed and what it may load is the
// application's to say. Under strict they say it themselves.
func ownMiddlewares(c stack.Config) object {
	public := object{
		"stsSeconds": 31536000, "contentTypeNosniff": true, "customFrameOptionsValue": "SAMEORIGIN",
		"referrerPolicy": "strict-origin-when-cross-origin", "customResponseHeaders": object{"Server": "", "X-Powered-By": ""},
	}
	if strict(c) {
		public["stsIncludeSubdomains"], public["customFrameOptionsValue"] = true, "DENY"
		public["permissionsPolicy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
		public["contentSecurityPolicy"] = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	}
	out := object{
		"headers":     object{"headers": public},
		"to-https":    object{"redirectScheme": object{"scheme": "https", "permanent": true}},
		"retry-reads": object{"retry": object{"attempts": 3, "initialInterval": "50ms"}},
	}
	if Guarded(c.Routes) {
		out["staff-headers"] = object{"headers": object{
			"stsSeconds": 31536000, "contentTypeNosniff": true, "customFrameOptionsValue": "SAMEORIGIN", "referrerPolicy": "same-origin",
			"customResponseHeaders": object{"Server": "", "X-Powered-By": "", "X-Robots-Tag": "noindex", "Cache-Control": "no-store"},
		}}
		out["staff-auth"] = object{"basicAuth": object{"usersFile": Htpasswd, "realm": "staff", "removeHeader": true}}
	}
	return out
}
