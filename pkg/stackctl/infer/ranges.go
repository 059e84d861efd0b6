package infer

import (
	"fmt"
	"slices"
)

// ranges names the row of three ports or more that a port stands in; empty: none.
// A row that begins where people publish a site's front (8000, 8001 and 8002 of
// a gateway), or of ports of TCP that nobody wrote as a range (9380, 9381 and 9382 of
// a program are three things of their own), is one of five or more.
func ranges(ports []published, written []string) []string {
	type place struct {
		target, outside int
		loopback        bool
		protocol        string
	}
	at := func(p published, step int) place {
		return place{p.target + step, p.outside + step, p.loopback, p.port.Protocol}
	}
	there, rows := map[place]bool{}, map[place]string{}
	for _, p := range ports {
		there[at(p, 0)] = p.outside > 0
	}
	for _, p := range ports {
		if p.outside == 0 || there[at(p, -1)] {
			continue
		}
		last := 0
		for there[at(p, last+1)] {
			last++
		}
		if last < 2 || last < 4 && (slices.Contains(preferred, p.target) || !p.udp() && !covered(written, p.target, p.target+last)) {
			continue
		}
		row := fmt.Sprintf("%d-%d:%d-%d", p.outside, p.outside+last, p.target, p.target+last)
		if p.udp() {
			row += "/" + p.port.Protocol
		}
		for step := range last + 1 {
			rows[at(p, step)] = row
		}
	}
	out := make([]string, len(ports))
	for i, p := range ports {
		out[i] = rows[at(p, 0)]
	}
	return out
}

// covered reports whether a range that a file writes meets a row of ports.
func covered(written []string, first, last int) bool {
	return slices.ContainsFunc(written, func(text string) bool {
		var from, to int
		_, err := fmt.Sscanf(text, "%d-%d", &from, &to)
		return err == nil && from <= last && to >= first
	})
}
