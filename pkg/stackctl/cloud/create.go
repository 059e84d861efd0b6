package cloud

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/digitalocean"
	"stackctl/pkg/stackctl/stack"
)

const (
	// lookEvery is how often it is seen whether a server has started, startLimit how
	// long that may take.
	lookEvery  = 3 * time.Second
	startLimit = 10 * time.Minute
	// ttl of DNS records, in seconds: short, as they may have to be changed.
	ttl = 300
)

// Create makes the server of a place with what belongs to it, or takes up what is
// there of it. known is what was kept of it.
func (l Landlord) Create(ctx context.Context, p Place, known stack.MadeHost) (stack.MadeHost, error) {
	what := "make the server of target " + p.Target
	d, there, err := l.find(ctx, p)
	if err != nil {
		return known, err
	}
	if err := l.surround(ctx, p); err != nil {
		return known, err
	}
	if !there {
		if d, known, err = l.order(ctx, p); err != nil {
			return known, err
		}
	} else {
		l.Say(fmt.Sprintf("droplet %s (%d) is there", d.Name, d.ID))
		if known.ID != d.ID && (known.ID != 0 || known.Name != d.Name || len(known.HostKeys) == 0) {
			known = stack.MadeHost{} // made from elsewhere: its key is not known here
		}
	}
	known.Name, known.ID = d.Name, d.ID
	if err := l.Keep(known); err != nil {
		return known, stack.Fault(stack.CauseStep, what, err, "")
	}
	if d, err = l.started(ctx, d); err != nil {
		return known, err
	}
	known.Address, known.Address6 = d.Public()
	if err := l.Keep(known); err != nil {
		return known, stack.Fault(stack.CauseStep, what, err, "")
	}
	if err := l.lead(ctx, p, known); err != nil {
		return known, err
	}
	return l.Settle(ctx, known)
}

// find returns the server of a place.
func (l Landlord) find(ctx context.Context, p Place) (d digitalocean.Droplet, there bool, err error) {
	list, err := l.API.Droplets(ctx, p.Tag())
	switch {
	case err != nil || len(list) == 0:
		return d, false, err
	case len(list) > 1:
		return d, false, stack.Fault(stack.CauseUsage, "find the server of target "+p.Target, fmt.Errorf("%d droplets have the tag %s", len(list), p.Tag()), "take the tag from those that are not it")
	}
	return list[0], true, nil
}

// surround makes what a server has around it, before there is one: it is never
// without its firewall.
func (l Landlord) surround(ctx context.Context, p Place) error {
	for _, tag := range []string{ProjectTag(p.Project), p.Tag()} {
		if err := l.API.EnsureTag(ctx, tag); err != nil {
			return err
		}
	}
	all, err := l.API.Firewalls(ctx)
	if err != nil {
		return err
	}
	want := p.firewall()
	at := slices.IndexFunc(all, func(f digitalocean.Firewall) bool { return f.Name == want.Name })
	if at < 0 {
		l.Say("make firewall " + want.Name)
		return l.API.SaveFirewall(ctx, want)
	}
	have := all[at]
	if !slices.Contains(have.Tags, p.Tag()) {
		return stack.Fault(stack.CauseUsage, "make firewall "+want.Name, errors.New("there is one of that name that is not for the tag "+p.Tag()), "give it another name, or the target")
	}
	if slices.Equal(admits(have), admits(want)) {
		return nil
	}
	l.Say("change firewall " + want.Name)
	want.ID, want.Tags, want.Droplets = have.ID, have.Tags, have.Droplets // others may be behind it
	return l.API.SaveFirewall(ctx, want)
}

// order orders a server that has an SSH host key of ours for its first login.
func (l Landlord) order(ctx context.Context, p Place) (d digitalocean.Droplet, known stack.MadeHost, err error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(p.PublicKey))
	if err != nil {
		return d, known, stack.Fault(stack.CauseUsage, "read the SSH key of target "+p.Target, err, "name the file of a public key under host_from.digitalocean.ssh_key")
	}
	id, err := l.API.Key(ctx, ssh.FingerprintLegacyMD5(key), strings.TrimSpace(p.PublicKey), "stackctl "+p.Project)
	if err != nil {
		return d, known, err
	}
	private, public, err := newHostKey()
	if err != nil {
		return d, known, err
	}
	// Before the order: one whose answer is lost is found again by its tag.
	known = stack.MadeHost{Name: p.Name(), Made: l.Now().UTC().Truncate(time.Second), HostKeys: []string{public}}
	if err := l.Keep(known); err != nil {
		return d, known, stack.Fault(stack.CauseStep, "keep what is known of the server", err, "")
	}
	l.Say(fmt.Sprintf("make droplet %s: %s in %s, %s", p.Name(), p.From.Size, p.From.Region, p.From.Image))
	d, err = l.API.CreateDroplet(ctx, digitalocean.Order{Name: p.Name(), Region: p.From.Region, Size: p.From.Size, Image: p.From.Image, Keys: []int{id}, IPv6: true,
		UserData: userData(private, public), Tags: []string{ProjectTag(p.Project), p.Tag()}})
	return d, known, err
}

// started waits until a server runs and has an address.
func (l Landlord) started(ctx context.Context, d digitalocean.Droplet) (digitalocean.Droplet, error) {
	what, until, said := "wait for droplet "+d.Name, l.Now().Add(startLimit), ""
	for {
		v4, _ := d.Public()
		switch {
		case d.Status == "active" && v4 != "":
			return d, nil
		case d.Status == "off" || d.Status == "archive":
			return d, stack.Fault(stack.CauseStep, what, fmt.Errorf("it is %s", d.Status), "turn it on in DigitalOcean's control panel, or remove it with `stackctl host destroy`")
		case l.Now().After(until):
			return d, stack.Fault(stack.CauseStep, what, fmt.Errorf("it is %s after %s", d.Status, startLimit), "run the same command again: it takes up what is there")
		}
		if now := "droplet " + d.Name + " is " + d.Status; now != said {
			said = now
			l.Say(now)
		}
		if err := l.Pause(ctx, lookEvery); err != nil {
			return d, stack.Interrupted(ctx, what)
		}
		next, there, err := l.API.Droplet(ctx, d.ID)
		if err != nil {
			return d, err
		}
		if !there {
			return d, stack.Fault(stack.CauseStep, what, errors.New("it is gone: somebody has removed it"), "run the same command again")
		}
		d = next
	}
}

// lead makes the records that are not there, in the zones that the provider has.
// What leads elsewhere is a person's to change.
func (l Landlord) lead(ctx context.Context, p Place, h stack.MadeHost) error {
	if len(p.Hosts) == 0 {
		return nil
	}
	zones, err := l.API.Zones(ctx)
	if err != nil {
		return err
	}
	var elsewhere []string
	for _, host := range p.Hosts {
		zone := zoneOf(host, zones)
		if zone == "" {
			elsewhere = append(elsewhere, host)
			continue
		}
		for kind, address := range map[string]string{"A": h.Address, "AAAA": h.Address6} {
			if err := l.record(ctx, zone, kind, host, address); err != nil {
				return err
			}
		}
	}
	if len(elsewhere) > 0 {
		records := "A " + h.Address
		if h.Address6 != "" {
			records += " and AAAA " + h.Address6
		}
		l.Note(fmt.Sprintf("DigitalOcean has no zone of %s: set %s where its DNS is", strings.Join(elsewhere, ", "), records))
	}
	return nil
}

func (l Landlord) record(ctx context.Context, zone, kind, host, address string) error {
	have, err := l.API.Records(ctx, zone, kind, host)
	if err != nil {
		return err
	}
	for _, r := range have {
		if r.Data != address {
			l.Note(fmt.Sprintf("%s leads to %s (%s): left as it is; an authority asks every address of a name", host, r.Data, kind))
			return nil
		}
	}
	if len(have) > 0 || address == "" {
		return nil
	}
	l.Say(fmt.Sprintf("lead %s to %s", host, address))
	return l.API.CreateRecord(ctx, zone, digitalocean.Record{Type: kind, Name: inZone(host, zone), Data: address, TTL: ttl})
}
