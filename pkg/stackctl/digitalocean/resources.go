package digitalocean

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// Droplet is a server.
type Droplet struct {
	ID     int      `json:"id"`
	Name   string   `json:"name"`
	Status string   `json:"status"`
	Size   string   `json:"size_slug"`
	Tags   []string `json:"tags"`
	Made   string   `json:"created_at"`
	Region struct {
		Slug string `json:"slug"`
	} `json:"region"`
	Networks struct {
		V4 []Address `json:"v4"`
		V6 []Address `json:"v6"`
	} `json:"networks"`
}

// Address is one of a droplet's.
type Address struct {
	IP   string `json:"ip_address"`
	Type string `json:"type"` // public or private
}

// Public returns a droplet's public addresses; empty: it has none, or none yet.
func (d Droplet) Public() (v4, v6 string) {
	first := func(list []Address) string {
		for _, a := range list {
			if a.Type == "public" {
				return a.IP
			}
		}
		return ""
	}
	return first(d.Networks.V4), first(d.Networks.V6)
}

// Order is what a droplet is to be.
type Order struct {
	Name     string   `json:"name"`
	Region   string   `json:"region"`
	Size     string   `json:"size"`
	Image    string   `json:"image"`
	Keys     []int    `json:"ssh_keys"`
	IPv6     bool     `json:"ipv6"`
	UserData string   `json:"user_data,omitempty"`
	Tags     []string `json:"tags"`
}

// Firewall is a cloud firewall: it stands before the droplets of its tags.
type Firewall struct {
	ID       string     `json:"id,omitempty"`
	Name     string     `json:"name"`
	Inbound  []Inbound  `json:"inbound_rules"`
	Outbound []Outbound `json:"outbound_rules"`
	Droplets []int      `json:"droplet_ids"`
	Tags     []string   `json:"tags"`
}

// Inbound lets others in; Ports is empty for icmp.
type Inbound struct {
	Protocol string `json:"protocol"`
	Ports    string `json:"ports,omitempty"`
	Sources  Places `json:"sources"`
}

// Outbound lets a droplet out.
type Outbound struct {
	Protocol     string `json:"protocol"`
	Ports        string `json:"ports,omitempty"`
	Destinations Places `json:"destinations"`
}

// Places are networks.
type Places struct {
	Addresses []string `json:"addresses"`
}

// Record is one of a zone's DNS records. Name is relative to the zone; "@" is the zone.
type Record struct {
	ID   int    `json:"id,omitempty"`
	Type string `json:"type"`
	Name string `json:"name"`
	Data string `json:"data"`
	TTL  int    `json:"ttl,omitempty"`
}

// Droplets lists those that have a tag.
func (c *Client) Droplets(ctx context.Context, tag string) ([]Droplet, error) {
	var all []Droplet
	return all, c.pages(ctx, "list the droplets at DigitalOcean", "/v2/droplets?tag_name="+url.QueryEscape(tag), func() (any, func()) {
		page := &struct {
			Droplets []Droplet `json:"droplets"`
		}{}
		return page, func() { all = append(all, page.Droplets...) }
	})
}

// Droplet reads one; there is false where it is gone.
func (c *Client) Droplet(ctx context.Context, id int) (d Droplet, there bool, err error) {
	answer := struct {
		Droplet *Droplet `json:"droplet"`
	}{&d}
	err = c.call(ctx, "look at the droplet at DigitalOcean", http.MethodGet, "/v2/droplets/"+strconv.Itoa(id), nil, &answer)
	if errors.Is(err, errAbsent) {
		return d, false, nil
	}
	return d, err == nil, err
}

// CreateDroplet orders a droplet. It is at work when this returns.
func (c *Client) CreateDroplet(ctx context.Context, o Order) (d Droplet, err error) {
	answer := struct {
		Droplet *Droplet `json:"droplet"`
	}{&d}
	return d, gone(c.call(ctx, "make droplet "+o.Name+" at DigitalOcean", http.MethodPost, "/v2/droplets", o, &answer))
}

// DeleteDroplet removes one; it is no error where that is gone.
func (c *Client) DeleteDroplet(ctx context.Context, id int) error {
	return c.remove(ctx, "remove the droplet at DigitalOcean", "/v2/droplets/"+strconv.Itoa(id))
}

func (c *Client) remove(ctx context.Context, what, path string) error {
	if err := c.call(ctx, what, http.MethodDelete, path, nil, nil); !errors.Is(err, errAbsent) {
		return err
	}
	return nil
}

// gone makes an answer "not found" to a call that makes something an error of its own.
func gone(err error) error {
	if errors.Is(err, errAbsent) {
		return explain("make something at DigitalOcean", &refusal{http.StatusUnprocessableEntity, "what it belongs to is not there", 0})
	}
	return err
}

// Key returns the ID of a public SSH key of the account, by its fingerprint (MD5, as
// the API has it), and adds it under a name where it is not there.
func (c *Client) Key(ctx context.Context, fingerprint, public, name string) (int, error) {
	var answer struct {
		Key struct {
			ID int `json:"id"`
		} `json:"ssh_key"`
	}
	err := c.call(ctx, "look for the SSH key at DigitalOcean", http.MethodGet, "/v2/account/keys/"+url.PathEscape(fingerprint), nil, &answer)
	if errors.Is(err, errAbsent) {
		err = gone(c.call(ctx, "add the SSH key at DigitalOcean", http.MethodPost, "/v2/account/keys", map[string]string{"name": name, "public_key": public}, &answer))
	}
	return answer.Key.ID, err
}

// EnsureTag makes a tag that is not there.
func (c *Client) EnsureTag(ctx context.Context, tag string) error {
	err := c.call(ctx, "look for the tag at DigitalOcean", http.MethodGet, "/v2/tags/"+url.PathEscape(tag), nil, nil)
	if errors.Is(err, errAbsent) {
		return gone(c.call(ctx, "make the tag at DigitalOcean", http.MethodPost, "/v2/tags", map[string]string{"name": tag}, nil))
	}
	return err
}

// DeleteTag removes a tag from everything; it is no error where that is gone.
func (c *Client) DeleteTag(ctx context.Context, tag string) error {
	return c.remove(ctx, "remove the tag at DigitalOcean", "/v2/tags/"+url.PathEscape(tag))
}

// Firewalls lists the account's cloud firewalls.
func (c *Client) Firewalls(ctx context.Context) ([]Firewall, error) {
	var all []Firewall
	return all, c.pages(ctx, "list the firewalls at DigitalOcean", "/v2/firewalls", func() (any, func()) {
		page := &struct {
			Firewalls []Firewall `json:"firewalls"`
		}{}
		return page, func() { all = append(all, page.Firewalls...) }
	})
}

// SaveFirewall makes a firewall, or changes the one that has its ID.
func (c *Client) SaveFirewall(ctx context.Context, f Firewall) error {
	if f.ID == "" {
		return gone(c.call(ctx, "make firewall "+f.Name+" at DigitalOcean", http.MethodPost, "/v2/firewalls", f, nil))
	}
	path := "/v2/firewalls/" + url.PathEscape(f.ID)
	f.ID = ""
	return gone(c.call(ctx, "change firewall "+f.Name+" at DigitalOcean", http.MethodPut, path, f, nil))
}

// DeleteFirewall removes one; it is no error where that is gone.
func (c *Client) DeleteFirewall(ctx context.Context, id string) error {
	return c.remove(ctx, "remove the firewall at DigitalOcean", "/v2/firewalls/"+url.PathEscape(id))
}

// Zones lists the names of the account's DNS zones.
func (c *Client) Zones(ctx context.Context) ([]string, error) {
	var all []string
	return all, c.pages(ctx, "list the DNS zones at DigitalOcean", "/v2/domains", func() (any, func()) {
		page := &struct {
			Domains []struct {
				Name string `json:"name"`
			} `json:"domains"`
		}{}
		return page, func() {
			for _, d := range page.Domains {
				all = append(all, d.Name)
			}
		}
	})
}

// Records lists the records of a type that a zone has for a host, by its whole name.
func (c *Client) Records(ctx context.Context, zone, kind, host string) ([]Record, error) {
	var all []Record
	path := fmt.Sprintf("/v2/domains/%s/records?type=%s&name=%s", url.PathEscape(zone), kind, url.QueryEscape(host))
	return all, c.pages(ctx, "list the records of zone "+zone+" at DigitalOcean", path, func() (any, func()) {
		page := &struct {
			Records []Record `json:"domain_records"`
		}{}
		return page, func() { all = append(all, page.Records...) }
	})
}

// CreateRecord adds a record to a zone.
func (c *Client) CreateRecord(ctx context.Context, zone string, r Record) error {
	return gone(c.call(ctx, "add a record to zone "+zone+" at DigitalOcean", http.MethodPost, "/v2/domains/"+url.PathEscape(zone)+"/records", r, nil))
}

// DeleteRecord removes a record; it is no error where that is gone.
func (c *Client) DeleteRecord(ctx context.Context, zone string, id int) error {
	return c.remove(ctx, "remove a record of zone "+zone+" at DigitalOcean", fmt.Sprintf("/v2/domains/%s/records/%d", url.PathEscape(zone), id))
}
