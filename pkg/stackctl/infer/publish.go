package infer

import (
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// Published reports which of a service's published ports stay so beside
// stackctl's own edge, in their order: what is declared under
// gates.exposure.allow, UDP that others may send to, and what the host alone
// reaches. Ports with a route, and 80 and 443, are the edge's.
func Published(s Service, routes []stack.RouteSpec, allow []int) []bool {
	out := make([]bool, len(s.Ports))
	for i, p := range portsOf(s) {
		routed := slices.ContainsFunc(routes, func(r stack.RouteSpec) bool { return r.Service == s.Name && r.Port == p.target })
		switch {
		case p.udp():
			out[i] = datagramsStay(s, p, allow)
		case routed, p.outside == 80, p.outside == 443:
		case p.loopback:
			out[i] = true
		default:
			out[i] = allowed(p, allow)
		}
	}
	return out
}

func allowed(p published, allow []int) bool {
	first, last, isRange := strings.Cut(p.port.Published, "-")
	if !isRange {
		last = first
	}
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if err1 != nil || err2 != nil || to-from > 65535 {
		return false
	}
	for port := from; port <= to; port++ {
		if !slices.Contains(allow, port) {
			return false
		}
	}
	return true
}
