// Package cloud owns servers that are rented for a project's targets: which there
// are to be, by their tags, what comes with one, and in which order all of it is made
// and removed. How a provider is asked is not its concern, nor what runs on a server.
package cloud

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/digitalocean"
	"stackctl/pkg/stackctl/stack"
)

// API is what is asked of the provider.
type API interface {
	Droplets(ctx context.Context, tag string) ([]digitalocean.Droplet, error)
	Droplet(ctx context.Context, id int) (d digitalocean.Droplet, there bool, err error)
	CreateDroplet(ctx context.Context, o digitalocean.Order) (digitalocean.Droplet, error)
	DeleteDroplet(ctx context.Context, id int) error
	Key(ctx context.Context, fingerprint, public, name string) (int, error)
	EnsureTag(ctx context.Context, tag string) error
	DeleteTag(ctx context.Context, tag string) error
	Firewalls(ctx context.Context) ([]digitalocean.Firewall, error)
	SaveFirewall(ctx context.Context, f digitalocean.Firewall) error
	DeleteFirewall(ctx context.Context, id string) error
	Zones(ctx context.Context) ([]string, error)
	Records(ctx context.Context, zone, kind, host string) ([]digitalocean.Record, error)
	CreateRecord(ctx context.Context, zone string, r digitalocean.Record) error
	DeleteRecord(ctx context.Context, zone string, id int) error
}

// Place is a target that a server is rented for.
type Place struct {
	Project, Target string
	From            stack.DigitalOcean
	// Hosts are the names that are to lead to the server.
	Hosts []string
	// Ports are the TCP and UDP ports that are let in beside those of SSH and the web.
	Ports []int
	// SSHPort is where SSH answers.
	SSHPort int
	// PublicKey is the line of the SSH key that logs in.
	PublicKey string
}

// Name is the server's and its firewall's.
func (p Place) Name() string { return strings.ReplaceAll(p.Project+"-"+p.Target, "_", "-") }

// ProjectTag is on every server of a project, Tag on that of one target: what does
// not have it was not made here, and is never touched.
func ProjectTag(project string) string { return "stackctl:" + project }

// Tag is on the server of the target alone.
func (p Place) Tag() string { return ProjectTag(p.Project) + ":" + p.Target }

// Landlord makes and removes servers.
type Landlord struct {
	API API
	// Keep writes what is known of a server; it is called whenever that has changed.
	Keep func(stack.MadeHost) error
	// Say is called with what goes on, Note with what a person must know.
	Say, Note func(string)
	// Settle waits until SSH answers with one of the host keys, and leaves the server
	// with one that nobody else has had.
	Settle func(ctx context.Context, h stack.MadeHost) (stack.MadeHost, error)
	// Now is the time; Pause waits.
	Now   func() time.Time
	Pause func(ctx context.Context, d time.Duration) error
}

// anywhere is every network.
var anywhere = digitalocean.Places{Addresses: []string{"0.0.0.0/0", "::/0"}}

// firewall is the place's: SSH, the web and what the project declares come in.
func (p Place) firewall() digitalocean.Firewall {
	f := digitalocean.Firewall{Name: p.Name(), Tags: []string{p.Tag()}, Droplets: []int{}}
	ports := append([]int{p.SSHPort, 80, 443}, p.Ports...)
	slices.Sort(ports)
	for _, port := range slices.Compact(ports) {
		f.Inbound = append(f.Inbound, digitalocean.Inbound{Protocol: "tcp", Ports: strconv.Itoa(port), Sources: anywhere})
	}
	for _, port := range p.Ports {
		f.Inbound = append(f.Inbound, digitalocean.Inbound{Protocol: "udp", Ports: strconv.Itoa(port), Sources: anywhere})
	}
	f.Inbound = append(f.Inbound, digitalocean.Inbound{Protocol: "icmp", Sources: anywhere})
	for _, protocol := range []string{"tcp", "udp"} {
		f.Outbound = append(f.Outbound, digitalocean.Outbound{Protocol: protocol, Ports: "all", Destinations: anywhere})
	}
	f.Outbound = append(f.Outbound, digitalocean.Outbound{Protocol: "icmp", Destinations: anywhere})
	return f
}

// admits are the rules that let others in, in one order, to compare.
func admits(f digitalocean.Firewall) []string {
	var out []string
	for _, r := range f.Inbound {
		sources := slices.Clone(r.Sources.Addresses)
		slices.Sort(sources)
		out = append(out, r.Protocol+" "+r.Ports+" "+strings.Join(sources, ","))
	}
	slices.Sort(out)
	return out
}

// zoneOf returns the longest of some zones that a host is in; empty: none.
func zoneOf(host string, zones []string) string {
	best := ""
	for _, zone := range zones {
		if (host == zone || strings.HasSuffix(host, "."+zone)) && len(zone) > len(best) {
			best = zone
		}
	}
	return best
}

// inZone is a host's name in a zone's records.
func inZone(host, zone string) string {
	if host == zone {
		return "@"
	}
	return strings.TrimSuffix(host, "."+zone)
}
