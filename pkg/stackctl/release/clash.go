package release

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// published is one port that a service takes of the server.
type published struct {
	service, port, protocol string
	at                      string // its address; empty: all
}

// meets reports whether two cannot both be had.
func (p published) meets(o published) bool {
	return p.port == o.port && p.protocol == o.protocol &&
		(p.at == o.at || p.at == "" || o.at == "" || p.covers(o) || o.covers(p))
}

// covers reports whether an address is all of the family of another one.
func (p published) covers(o published) bool {
	return p.at == "0.0.0.0" && !strings.Contains(o.at, ":") || p.at == "::" && strings.Contains(o.at, ":")
}

// portClashes refuses the ports of the server that two containers would have. Of a range
// an Engine takes one that is free.
func (d Draft) portClashes() []error {
	var faults []error
	var taken []published
	for _, name := range sortedKeys(d.project.Services) {
		s := d.project.Services[name]
		if !d.deployed(s) {
			continue
		}
		for _, p := range s.Ports {
			if _, err := strconv.Atoi(p.Published); err != nil {
				continue
			}
			one := published{name, p.Published, p.Protocol, p.HostIP}
			problem, fix := "", "publish one of them at another port"
			if s.GetScale() > 1 {
				problem, fix = "port "+one.port+" is published by each container of service "+name, "give it one container, or a range of ports"
			}
			for _, o := range taken {
				switch {
				case one.meets(o) && o.service == name:
					problem = "service " + name + " publishes port " + one.port + " twice"
				case one.meets(o):
					problem = "service " + name + " publishes port " + one.port + ", which service " + o.service + " has already"
				}
			}
			taken = append(taken, one)
			if problem != "" {
				faults = append(faults, refuse(d.sources, d.places[name], problem, fix, "services", name, "ports"))
			}
		}
	}
	return faults
}

// addressFaults refuses subnets and fixed addresses that an Engine refuses.
func (d Draft) addressFaults() []error {
	subnets, faults := d.subnets()
	taken := map[netip.Addr]string{}
	for _, name := range sortedKeys(d.project.Services) {
		s := d.project.Services[name]
		if !d.deployed(s) {
			continue
		}
		for _, network := range sortedKeys(s.Networks) {
			n := s.Networks[network]
			if n == nil || bool(d.project.Networks[network].External) {
				continue
			}
			for _, written := range []string{n.Ipv4Address, n.Ipv6Address} {
				problem, fix := misplaced(written, network, subnets[network])
				address, _ := netip.ParseAddr(written)
				if other := taken[address]; written != "" && problem == "" && other != "" {
					problem, fix = "which service "+other+" has already", "give each its own"
				}
				taken[address] = name
				if problem != "" {
					faults = append(faults, refuse(d.sources, d.places[name], "service "+name+" has the address "+written+", "+problem, fix, "services", name, "networks", network))
				}
			}
		}
	}
	return faults
}

// misplaced returns why no container of a network can have an address; empty: one can,
// or none is asked for.
func misplaced(written, network string, subnets []netip.Prefix) (problem, fix string) {
	if written == "" {
		return "", ""
	}
	address, err := netip.ParseAddr(written)
	if err != nil {
		return "which is none", "correct it"
	}
	var all []string
	for _, s := range subnets {
		if s.Contains(address) {
			return "", ""
		}
		all = append(all, s.String())
	}
	if len(all) == 0 {
		return "and network " + network + " has no subnet of its own", "write ipam: {config: [{subnet: …}]} at the network, or leave the address out: services have names"
	}
	return "which is not in " + strings.Join(all, ", ") + " of network " + network, "correct the address, or the subnet"
}

// subnets are those that the files give the networks of deployed services, without the
// ones that it refuses.
func (d Draft) subnets() (map[string][]netip.Prefix, []error) {
	out := map[string][]netip.Prefix{}
	var faults []error
	for _, name := range d.usedNetworks() {
		n := d.project.Networks[name]
		refused := func(problem, fix string) {
			faults = append(faults, refuse(d.sources, place{file: d.config.Compose.Files[0]}, "network "+name+" "+problem, fix, "networks", name, "ipam", "config"))
		}
		for _, pool := range n.Ipam.Config {
			if pool == nil || pool.Subnet == "" {
				continue
			}
			subnet, err := netip.ParsePrefix(pool.Subnet)
			if err != nil {
				refused("has the subnet "+strconv.Quote(pool.Subnet)+", which is none", "write it such as 172.28.0.0/24")
				continue
			}
			for _, other := range sortedKeys(out) {
				for _, o := range out[other] {
					if o.Overlaps(subnet) && bridged(n) && bridged(d.project.Networks[other]) {
						refused("has the subnet "+pool.Subnet+", which overlaps "+o.String()+" of network "+other, "give each its own")
					}
				}
			}
			out[name] = append(out[name], subnet)
		}
	}
	return out, faults
}

// usedNetworks are the networks of the project that deployed services are on.
func (d Draft) usedNetworks() []string {
	used := map[string]bool{}
	for _, s := range d.project.Services {
		for name := range s.Networks {
			if n, there := d.project.Networks[name]; there && d.deployed(s) && !bool(n.External) {
				used[name] = true
			}
		}
	}
	return sortedKeys(used)
}

// bridged reports whether a network's subnet is its own: that of a macvlan is the host's.
func bridged(n types.NetworkConfig) bool {
	return n.Driver == "" || n.Driver == "bridge" || n.Driver == "default"
}
