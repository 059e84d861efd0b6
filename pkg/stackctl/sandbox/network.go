package sandbox

import (
	"context"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// The hosts on a sandbox's network, by the last byte of their address.
const (
	gatewayHost = 1
	dropletHost = 10
	dnsHost     = 11
	mailHost    = 12
	openidHost  = 13
	// The second and further droplets, up to acmeHost.
	furtherHost = 14
	// Each start of the ACME server takes the next address from here on: a
	// restarted one has forgotten its accounts, and clients notice a new
	// authority by its new address.
	acmeHost = 20
)

// ensureNetwork makes the sandbox's bridge, with IPv6 where the Engine can.
func (b *builder) ensureNetwork(ctx context.Context) (State, error) {
	s := State{Name: b.Name, Dir: b.Dir, Domain: b.Domain}
	seen, err := b.api.NetworkInspect(ctx, b.named(""), client.NetworkInspectOptions{})
	switch {
	case err == nil && seen.Network.Labels[label] != b.Name:
		return s, fault("make network "+b.named(""), fmt.Errorf("a network of that name exists and is not the sandbox's"), "remove it, or pick another name")
	case err == nil:
		return s, s.address(seen.Network.IPAM.Config)
	case !errdefs.IsNotFound(err):
		return s, fault("look for network "+b.named(""), err, "")
	}
	pools, err := b.createNetwork(ctx)
	if err != nil {
		return s, err
	}
	return s, s.address(pools)
}

func (b *builder) createNetwork(ctx context.Context) ([]network.IPAMConfig, error) {
	start := fnv.New32a()
	start.Write([]byte(b.Name))
	var last error
	for i := range 256 {
		n := byte(start.Sum32() + uint32(i)) //nolint:gosec // it wraps around on purpose
		four := network.IPAMConfig{
			Subnet:  netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 213, n, 0}), 24),
			Gateway: netip.AddrFrom4([4]byte{10, 213, n, gatewayHost}),
		}
		if taken(four.Subnet) {
			continue
		}
		six := network.IPAMConfig{
			Subnet:  netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 0x73, 0x74, 0x61, 0x63, 0x6b, 0, n}), 64),
			Gateway: netip.AddrFrom16([16]byte{0xfd, 0x73, 0x74, 0x61, 0x63, 0x6b, 0, n, 15: gatewayHost}),
		}
		for _, pools := range [][]network.IPAMConfig{{four, six}, {four}} {
			both := len(pools) == 2
			_, last = b.api.NetworkCreate(ctx, b.named(""), client.NetworkCreateOptions{
				Driver: "bridge", Labels: b.labels(), EnableIPv6: &both, IPAM: &network.IPAM{Driver: "default", Config: pools},
			})
			if last == nil {
				b.say("network %s, %s", b.named(""), four.Subnet)
				return pools, nil
			}
		}
		if !strings.Contains(last.Error(), "overlap") {
			break
		}
	}
	return nil, fault("make network "+b.named(""), last, "")
}

// taken reports whether this machine already has an address in the subnet.
func taken(subnet netip.Prefix) bool {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false // the Engine checks too
	}
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Masked().Overlaps(subnet) {
			return true
		}
	}
	return false
}

// address sets the droplet's addresses from the network's pools.
func (s *State) address(pools []network.IPAMConfig) error {
	for _, p := range pools {
		if p.Subnet.Addr().Is4() {
			s.Subnet, s.Gateway, s.Address = p.Subnet, at(p.Subnet, gatewayHost), at(p.Subnet, dropletHost)
		} else {
			s.Address6 = at(p.Subnet, dropletHost)
		}
	}
	if !s.Address.IsValid() {
		return fault("read the sandbox's network", fmt.Errorf("it has no IPv4 subnet"), "run `stackctl sandbox down` and up again")
	}
	return nil
}

// at is the address of a host in a subnet.
func at(subnet netip.Prefix, host byte) netip.Addr {
	return lastByte(subnet.Masked().Addr(), host)
}

// endpoint fixes a container's addresses on the sandbox's network.
func (b *builder) endpoint(s State, host byte) *network.NetworkingConfig {
	ipam := &network.EndpointIPAMConfig{IPv4Address: at(s.Subnet, host)}
	if s.Address6.IsValid() && (host == dropletHost || host >= furtherHost && host < acmeHost) {
		ipam.IPv6Address = lastByte(s.Address6, host)
	}
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{b.named(""): {IPAMConfig: ipam}}}
}
