package probe

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// EdgePorts are the ports that the edge may publish.
func EdgePorts(s gate.Subject) []int {
	list := []int{80, 443}
	for _, p := range []int{s.Target.Edge.HTTPPort, s.Target.Edge.HTTPSPort} {
		if p != 0 && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// PortText is a published port as a finding shows it.
func PortText(p stack.Port) string {
	host := cmp.Or(p.HostIP, "0.0.0.0")
	return fmt.Sprintf("%s:%s->%d/%s", host, cmp.Or(p.Published, "(any)"), p.Target, cmp.Or(p.Protocol, "tcp"))
}

// PortList is a list of ports as a finding shows it.
func PortList(list []int) string {
	var words []string
	for _, p := range list {
		words = append(words, strconv.Itoa(p))
	}
	return strings.Join(words, ", ")
}
