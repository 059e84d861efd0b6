package cloud

import (
	"context"
	"fmt"
	"slices"

	"stackctl/pkg/stackctl/digitalocean"
	"stackctl/pkg/stackctl/stack"
)

// Removal is what goes with a server, and what stays although it belongs to it.
type Removal struct {
	// Droplet is nil where the server is gone already.
	Droplet  *digitalocean.Droplet `json:"droplet,omitempty"`
	Firewall string                `json:"firewall,omitempty"`
	Records  []Led                 `json:"records,omitempty"`
	Kept     []string              `json:"kept,omitempty"`
	tag      string
}

// Led is a DNS record that leads to a server.
type Led struct {
	Zone string `json:"zone"`
	Host string `json:"host"`
	digitalocean.Record
}

// Empty reports whether there is nothing to remove.
func (r Removal) Empty() bool { return r.Droplet == nil && r.Firewall == "" && len(r.Records) == 0 }

// Lines tell what is removed and what stays.
func (r Removal) Lines() []string {
	var out []string
	if d := r.Droplet; d != nil {
		v4, _ := d.Public()
		out = append(out, fmt.Sprintf("droplet %s (%d, %s) at %s, with its disk", d.Name, d.ID, d.Size, v4))
	}
	if r.Firewall != "" {
		out = append(out, "its firewall")
	}
	for _, led := range r.Records {
		out = append(out, fmt.Sprintf("DNS record %s %s %s", led.Type, led.Host, led.Data))
	}
	for _, kept := range r.Kept {
		out = append(out, "stays: "+kept)
	}
	return out
}

// Removal finds what belongs to the server of a place. Only what has the place's tag
// was made here; what others use as well stays.
func (l Landlord) Removal(ctx context.Context, p Place, known stack.MadeHost) (Removal, error) {
	r := Removal{tag: p.Tag()}
	d, there, err := l.find(ctx, p)
	if err != nil {
		return r, err
	}
	v4, v6 := known.Address, known.Address6
	if there {
		r.Droplet = &d
		v4, v6 = d.Public()
	}
	all, err := l.API.Firewalls(ctx)
	if err != nil {
		return r, err
	}
	for _, f := range all {
		others := slices.ContainsFunc(f.Droplets, func(id int) bool { return id != d.ID }) || slices.ContainsFunc(f.Tags, func(tag string) bool { return tag != p.Tag() })
		switch {
		case f.Name != p.Name() || !slices.Contains(f.Tags, p.Tag()):
		case others:
			r.Kept = append(r.Kept, "firewall "+f.Name+": others are behind it")
		default:
			r.Firewall = f.ID
		}
	}
	return r, l.led(ctx, p, map[string]string{"A": v4, "AAAA": v6}, &r)
}

// led finds the records that lead to a server's addresses.
func (l Landlord) led(ctx context.Context, p Place, addresses map[string]string, r *Removal) error {
	zones, err := l.API.Zones(ctx)
	if err != nil {
		return err
	}
	for _, host := range p.Hosts {
		zone := zoneOf(host, zones)
		for _, kind := range []string{"A", "AAAA"} {
			if zone == "" || addresses[kind] == "" {
				continue
			}
			have, err := l.API.Records(ctx, zone, kind, host)
			if err != nil {
				return err
			}
			for _, record := range have {
				if record.Data == addresses[kind] {
					r.Records = append(r.Records, Led{zone, host, record})
				} else {
					r.Kept = append(r.Kept, fmt.Sprintf("DNS record %s %s: it leads to %s", kind, host, record.Data))
				}
			}
		}
	}
	return nil
}

// Destroy removes what was found. Names go first: nobody is to be led to an address
// that is the next tenant's. It may be run again.
func (l Landlord) Destroy(ctx context.Context, r Removal) error {
	for _, led := range r.Records {
		l.Say("remove DNS record " + led.Type + " " + led.Host)
		if err := l.API.DeleteRecord(ctx, led.Zone, led.ID); err != nil {
			return err
		}
	}
	if r.Droplet != nil {
		l.Say("remove droplet " + r.Droplet.Name)
		if err := l.API.DeleteDroplet(ctx, r.Droplet.ID); err != nil {
			return err
		}
	}
	if r.Firewall != "" {
		l.Say("remove the firewall")
		if err := l.API.DeleteFirewall(ctx, r.Firewall); err != nil {
			return err
		}
	}
	if len(r.Kept) > 0 {
		return nil // the tag may be what keeps it
	}
	return l.API.DeleteTag(ctx, r.tag)
}
