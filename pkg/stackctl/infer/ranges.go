package infer

import (
	"fmt"
	"slices"
)

// ranges names the row of three ports or more that a port stands in; empty: none.
// A row that begins where people publish a site's front (8000, 8001 and 8002 of
// a gateway) is one of five or more.
func ranges(ports []published) []string {
	out := make([]string, len(ports))
	has := func(target, outside int, like published) bool {
		return outside > 0 && slices.ContainsFunc(ports, func(p published) bool {
			return p.target == target && p.outside == outside && p.loopback == like.loopback && p.port.Protocol == like.port.Protocol
		})
	}
	for i, p := range ports {
		if p.outside == 0 {
			continue
		}
		first, last := 0, 0
		for has(p.target+last+1, p.outside+last+1, p) {
			last++
		}
		for has(p.target-first-1, p.outside-first-1, p) {
			first++
		}
		if n := first + last; n >= 4 || n >= 2 && !slices.Contains(preferred, p.target-first) {
			out[i] = fmt.Sprintf("%d-%d:%d-%d", p.outside-first, p.outside+last, p.target-first, p.target+last)
			if p.udp() {
				out[i] += "/" + p.port.Protocol
			}
		}
	}
	return out
}
