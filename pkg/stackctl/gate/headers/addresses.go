package headers

import (
	"net/netip"

	"stackctl/pkg/stackctl/gate/probe"
)

// dockerPool is what Docker takes the addresses of its networks from. Clients
// that reach a published port through Docker's proxy, such as those over IPv6,
// have an address of it.
var dockerPool = netip.MustParsePrefix("172.16.0.0/12")

// dockersOwn returns a network of a list that holds whole networks of Docker.
func dockersOwn(list []string) string {
	for _, text := range list {
		if p, ok := probe.ReadNetwork(text); ok && p.Bits() <= 16 && p.Overlaps(dockerPool) {
			return p.String()
		}
	}
	return ""
}
