package probe

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
)

// TooWide returns a network of a list that holds more than any operator's own
// does: /8 and shorter for public IPv4, /16 for IPv6. Many smaller ones that
// hold as much together count as well.
func TooWide(list []string) string {
	public := 0.0
	for _, text := range list {
		p, ok := ReadNetwork(text)
		if !ok {
			continue
		}
		private := p.Addr().IsPrivate() || p.Addr().IsLoopback()
		if p.Addr().Is4() && (p.Bits() < 8 || p.Bits() == 8 && !private) || p.Addr().Is6() && p.Bits() <= 16 && !(private && p.Bits() >= 7) {
			return p.String()
		}
		if p.Addr().Is4() && !private {
			public += math.Pow(2, float64(32-p.Bits()))
		}
	}
	if public >= 1<<24 {
		return fmt.Sprintf("%.0f public addresses in all", public)
	}
	return ""
}

// ReadNetwork reads a network or an address. The edge takes an IPv4 network in
// IPv6 form (::ffff:0.0.0.0/96) for the IPv4 one.
func ReadNetwork(text string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(strings.TrimSpace(text))
	if err != nil {
		a, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil {
			return p, false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p, true
}
