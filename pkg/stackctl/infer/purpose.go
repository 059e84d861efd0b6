package infer

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// debugged are the ways in which commands and variables open a port for a debugger,
// at whatever port: the JVM's, Node's, Python's, Go's, and the JVM's management,
// which loads what it is told to.
var debugged = regexp.MustCompile(`(?:\bjdwp=\S*?\baddress=|--inspect(?:-brk|-wait)?[= ]|\bdebugpy\b.*?--listen[= ]|\bdlv\b.*?--listen[= ]|\bjmxremote\.(?:rmi\.)?port=)["']?(?:[\w.*-]*:)?(\d{2,5})\b`)

// debugger reports whether a service opens a port for a debugger, by what its
// command and its variables say.
func debugger(s Service, port int) bool {
	texts := []string{commandText(s)}
	for _, key := range sortedKeys(s.Environment) {
		texts = append(texts, s.Environment[key])
	}
	return slices.ContainsFunc(texts, func(text string) bool {
		return slices.ContainsFunc(debugged.FindAllStringSubmatch(text, 16), func(m []string) bool { return m[1] == strconv.Itoa(port) })
	})
}

// purposes are ends of variables that name a port, and what answers there.
var purposes = []struct {
	ends *regexp.Regexp
	what string
	// inside reports that services alone should reach it: it asks nobody.
	inside bool
}{
	{regexp.MustCompile(`(?i)(?:^|_)GRPC(?:_\w+)?_(?:PORT|ADDR|ADDRESS)$`), grpc, false},
	{regexp.MustCompile(`(?i)(?:^|_)RCON_*(?:\w+_)?PORT$`), rcon, false},
	{regexp.MustCompile(`(?i)(?:^|_)(?:METRICS|PROMETHEUS|PPROF|DEBUG|MANAGEMENT(?:_SERVER)?|ACTUATOR)(?:_\w+)?_(?:PORT|ADDR|ADDRESS)$`), "metrics or management", true},
}

var lastNumber = regexp.MustCompile(`(?:^|:)(\d{2,5})$`)

// purpose names what a service's own variables say that answers at a port; empty:
// they say nothing. GRPC_PORT: 9090 is no HTTP, METRICS_ADDR: :2112 for nobody outside.
func purpose(s Service, port int) (what string, inside bool) {
	if port == 2112 && s.Build { // of Prometheus's library for Go
		return "metrics", true
	}
	for _, key := range []string{"PORT", "HTTP_PORT", "SERVER_PORT", "APP_PORT"} {
		if s.Environment[key] == strconv.Itoa(port) {
			return "", false
		}
	}
	for _, key := range sortedKeys(s.Environment) {
		m := lastNumber.FindStringSubmatch(strings.Trim(s.Environment[key], `"' `))
		if m == nil || m[1] != strconv.Itoa(port) {
			continue
		}
		for _, p := range purposes {
			if p.ends.MatchString(key) {
				return p.what, p.inside
			}
		}
	}
	return "", false
}

// answers names what answers at a port of a service, reports whether it may be HTTP,
// and whether it asks nobody and services alone should reach it. main are the ports
// of the program's own page.
func answers(s Service, p published, main []int) (what string, http, closed bool) {
	what, http = p.http()
	switch meant, inside := purpose(s, p.target); {
	case p.udp():
	case slices.Contains(main, p.target):
		http = true
	case debugger(s, p.target):
		return cmp.Or(what, "a debugger"), false, false
	case meant != "":
		return meant, false, inside
	}
	return what, http, false
}

// called decides about ports of gRPC: in a project that has nothing else for visitors
// the first one is what they come for, and gets the domain. Others should have TLS
// before them, if anybody outside is to call them at all.
func (r *Routing) called() {
	for _, p := range r.calls {
		if len(r.Routes) == 0 {
			r.add(stack.RouteSpec{Service: p.service, Port: p.target, Scheme: "h2c"}, "port "+p.text()+" is gRPC, and nothing else of the project is for visitors (scheme: h2c)")
			continue
		}
		if !r.routed(p.service, p.target) {
			r.tell(p.service, "port %s is not published any more: services reach it inside (gRPC). Where others call it: a route to port %d with scheme: h2c, which has TLS; or its port under gates.exposure.allow", p.text(), p.target)
		}
	}
}

// isGateway reports whether a service is named for the gateway of all others:
// api-gateway is, payment-gateway is one service of many.
func isGateway(name string) bool {
	rest := slices.DeleteFunc(words(name), func(word string) bool {
		return slices.Contains([]string{"api", "app", "service", "server", "svc", "spring", "cloud", "web", "public", "edge", "main"}, word)
	})
	return len(rest) == 1 && (rest[0] == "gateway" || rest[0] == "apigateway" || rest[0] == "gatewayserver" || rest[0] == "gatewayservice")
}

// servesHTTP3 reports whether a service publishes HTTP/3, for which it has
// certificates of its own.
func servesHTTP3(s Service) bool {
	return slices.ContainsFunc(portsOf(s), func(p published) bool { return p.outside == 443 && p.port.Protocol == "udp" })
}
