package release

import (
	"net/netip"

	"github.com/compose-spec/compose-go/v2/types"
)

// aside sets, for a service that stackctl adds, an address at the end of a network's subnet,
// for each family of which others have fixed ones there: an Engine hands out the lowest
// that is free, which would be theirs where they start later. nil: none has.
func (d Draft) aside(network string) *types.ServiceNetworkConfig {
	taken := map[netip.Addr]bool{}
	fixed4, fixed6 := false, false
	for _, s := range d.project.Services {
		if n := s.Networks[network]; n != nil {
			fixed4, fixed6 = fixed4 || n.Ipv4Address != "", fixed6 || n.Ipv6Address != ""
			take(taken, n.Ipv4Address, n.Ipv6Address)
		}
	}
	var out types.ServiceNetworkConfig
	for _, pool := range d.project.Networks[network].Ipam.Config {
		if pool == nil {
			continue
		}
		subnet, err := netip.ParsePrefix(pool.Subnet)
		if err != nil {
			continue // it was refused, or will be
		}
		take(taken, pool.Gateway)
		for _, reserved := range pool.AuxiliaryAddresses {
			take(taken, reserved)
		}
		switch is4 := subnet.Addr().Is4(); {
		case is4 && fixed4 && out.Ipv4Address == "":
			out.Ipv4Address = highest(subnet, taken)
		case !is4 && fixed6 && out.Ipv6Address == "":
			out.Ipv6Address = highest(subnet, taken)
		}
	}
	if out.Ipv4Address == "" && out.Ipv6Address == "" {
		return nil
	}
	return &out
}

func take(taken map[netip.Addr]bool, written ...string) {
	for _, w := range written {
		if address, err := netip.ParseAddr(w); err == nil {
			taken[address] = true
		}
	}
}

// highest is the last address of a subnet that is free, without the one by which all are
// meant; empty: there is none.
func highest(subnet netip.Prefix, taken map[netip.Addr]bool) string {
	last := subnet.Masked().Addr().AsSlice()
	for bit := subnet.Bits(); bit < len(last)*8; bit++ {
		last[bit/8] |= 1 << (7 - bit%8)
	}
	address, _ := netip.AddrFromSlice(last)
	for address = address.Prev(); subnet.Contains(address) && address != subnet.Masked().Addr(); address = address.Prev() {
		if !taken[address] {
			return address.String()
		}
	}
	return ""
}
