package config

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/go-units"
	"golang.org/x/net/http/httpguts"

	"stackctl/pkg/stackctl/stack"
)

var routePath = regexp.MustCompile(`^/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*$`)

// mostRate is what a bound on one client may be to be one.
const mostRate = 5000

// checkRoutes judges the routes of stackctl's own edge. Whether their services
// exist is judged with the compose files.
func checkRoutes(c stack.Config, d document) error {
	if len(c.Routes) > 0 && !c.Traefik.Own {
		return stack.Usage(d.name, d.line("routes"), "routes are those of stackctl's own edge, and the file names another under traefik",
			"write them into the files of traefik.dynamic, or remove service, static and dynamic under traefik")
	}
	for i, r := range c.Routes {
		problem, fix, key := checkFrom(r)
		if problem == "" {
			problem, fix, key = checkRoute(r)
		}
		for _, other := range c.Routes[:i] {
			if problem == "" && other.Host == r.Host && other.Path == r.Path {
				problem, fix, key = fmt.Sprintf("host %q and path %q stand at line %d already", r.Host, r.Path, other.Line), "a request can go to one service alone", "host"
			}
		}
		if problem != "" {
			return stack.Usage(d.name, d.line("routes", fmt.Sprint(i), key), "routes: "+problem, fix)
		}
	}
	return nil
}

func checkRoute(r stack.RouteSpec) (problem, fix, key string) {
	if r.Redirect != "" {
		return checkRedirect(r)
	}
	switch {
	case r.Service == "":
		return "a route needs a service", "name the compose service that answers, or redirect: https://HOST", "service"
	case r.Port < 1 || r.Port > 65535:
		return fmt.Sprintf("port %d is no port", r.Port), "give the port that the service listens at inside its container", "port"
	case r.Strip && r.Path == "":
		return "strip takes the path away, and there is none", "give a path, or remove strip", "strip"
	case r.Guard != "" && r.Guard != "staff":
		return fmt.Sprintf("there is no guard %q", r.Guard), "write staff, or leave it out for everybody", "guard"
	case !slices.Contains([]string{"", "http", "https", "h2c"}, r.Scheme):
		return fmt.Sprintf("there is no scheme %q", r.Scheme), "write https or h2c, or leave it out for http", "scheme"
	}
	return checkPassed(r)
}

// checkFrom judges what a route answers for.
func checkFrom(r stack.RouteSpec) (problem, fix, key string) {
	switch {
	case r.Host != "" && !hostPrefix.MatchString(r.Host) && !domainName.MatchString(r.Host):
		return fmt.Sprintf("host %q is no part of a host name", r.Host), `leave it out for the domain itself, or write www, or a whole name such as shop.example.org, in lower case`, "host"
	case r.Path != "" && (!routePath.MatchString(r.Path) || strings.HasSuffix(r.Path, "/")):
		return fmt.Sprintf("path %q is no prefix of a path", r.Path), "begin it with / and do not end it with one; leave it out for all paths", "path"
	}
	return "", "", ""
}

// redirectTo is an address that a visitor is sent to; a $ would be a part of the
// one that was asked for.
var redirectTo = regexp.MustCompile(`^https://[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~!&'()*+,;=:@%/-]*)?$`)

// checkRedirect judges a route that leads to no service.
func checkRedirect(r stack.RouteSpec) (problem, fix, key string) {
	switch {
	case r.Service != "" || r.Port != 0:
		return "a route that redirects leads to no service", "remove service and port, or redirect", "redirect"
	case !redirectTo.MatchString(r.Redirect):
		return fmt.Sprintf("redirect %q is no address", r.Redirect), "write https://HOST, with a path where that comes before the request's own", "redirect"
	case r.Strip || r.Guard != "" || r.Scheme != "" || r.Body != "" || r.Compress || r.Sticky:
		return "a route that redirects has no strip, guard, scheme, body, compress or sticky", "remove them", "redirect"
	}
	return checkPassed(r)
}

// checkErrorPage judges who is asked for a page when the service is away.
func checkErrorPage(r stack.RouteSpec) (problem, fix string) {
	const shape = "write errors: {service: pages, port: 80, path: /{status}.html}"
	switch e := r.Errors; {
	case e == nil:
		return "", ""
	case r.Redirect != "":
		return "a route that redirects has no errors", "remove errors"
	case e.Service == "" || e.Service == r.Service:
		return "errors needs a service beside the one that may be away", shape
	case e.Port < 1 || e.Port > 65535:
		return fmt.Sprintf("errors: port %d is no port", e.Port), shape
	case !routePath.MatchString(strings.ReplaceAll(e.Path, "{status}", "502")):
		return fmt.Sprintf("errors: path %q is no path", e.Path), shape
	}
	return "", ""
}

// checkPassed judges what requests and answers pass on their way.
func checkPassed(r stack.RouteSpec) (problem, fix, key string) {
	if r.Rate < 0 || r.Rate > mostRate {
		return fmt.Sprintf("a rate of %d", r.Rate), fmt.Sprintf("give the requests a second that one client may make, at most %d; leave it out for no bound", mostRate), "rate"
	}
	if r.Body != "" {
		if most, err := units.RAMInBytes(r.Body); err != nil || most <= 0 {
			return fmt.Sprintf("body %q is no size", r.Body), "write it as 10m or 1g", "body"
		}
	}
	for _, network := range r.Allow {
		if _, err := netip.ParsePrefix(network); err != nil {
			return fmt.Sprintf("%q is no network", network), "write it as 203.0.113.0/24 or 2001:db8::/32; one address is 203.0.113.7/32", "allow"
		}
	}
	if problem, fix = checkErrorPage(r); problem != "" {
		return problem, fix, "errors"
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(r.Headers[name]) || strings.Contains(r.Headers[name], "{{") {
			return fmt.Sprintf("%q is no header with a value of one line", name), "write it as NAME: value, such as Content-Security-Policy: \"default-src 'self'\"", "headers"
		}
	}
	return "", "", ""
}
