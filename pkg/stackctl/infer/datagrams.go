package infer

import "slices"

// inside are UDP ports that services of the project alone send to, or machines of
// one home: from outside they are for whoever floods others, or feeds a program
// what it takes for its own.
var inside = map[int]string{
	137: "names of a local network", 138: "names of a local network", 1900: "discovery in a local network", 3702: "discovery in a local network", 5353: "discovery in a local network",
	7359: "discovery in a local network", 32410: "discovery in a local network", 32412: "discovery in a local network", 32413: "discovery in a local network", 32414: "discovery in a local network",
	5775: "traces of Jaeger", 6831: "traces of Jaeger", 6832: "traces of Jaeger", 8125: "StatsD", 25826: "collectd", 11211: "memcached",
}

// insideOnly names what nobody outside should send to a UDP port of a service:
// what a store has, or discovery and measurements; empty: the port may be public.
func insideOnly(s Service, p published) string {
	if p.port.Protocol != "udp" || p.loopback {
		return ""
	}
	if known, ok := storeOf(s.Image); ok {
		return known.name
	}
	if inside[p.target] == "" || amongMany(s, p.target) {
		return ""
	}
	return inside[p.target]
}

// amongMany reports whether a UDP port lies in a long row of them, as media streams
// have it: there a number means nothing.
func amongMany(s Service, port int) bool {
	near := 0
	for _, other := range s.Ports {
		if distance := int(other.Target) - port; other.Protocol == "udp" && distance >= -10 && distance <= 10 {
			near++
		}
	}
	return near > 10
}

// datagramsStay reports whether a port over UDP or SCTP stays published.
func datagramsStay(s Service, p published, allow []int) bool {
	if p.outside == 443 { // HTTP/3 of a proxy: the edge serves HTTPS
		return false
	}
	return insideOnly(s, p) == "" || slices.Contains(allow, p.outside)
}
