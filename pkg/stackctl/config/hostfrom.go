package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"regexp"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// slug is a word of DigitalOcean's for a region, a size or an image; images also have
// numbers.
var slug = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)

// taggable are names that a tag at DigitalOcean may hold.
var taggable = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

func checkDigitalOcean(d stack.DigitalOcean) (problem, fix string) {
	for _, one := range []struct{ key, value, example string }{{"region", d.Region, "fra1"}, {"size", d.Size, "s-1vcpu-1gb"}, {"image", d.Image, "debian-12-x64"}} {
		if !slug.MatchString(one.value) {
			return fmt.Sprintf("%s %q is no slug", one.key, one.value), "write one of DigitalOcean's, such as " + one.example
		}
	}
	if u, err := url.Parse(d.API); d.API != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "127.0.0.1")) {
		return fmt.Sprintf("api %q is no https URL", withoutUser(d.API)), "leave it out: DigitalOcean's own is meant then"
	}
	return "", ""
}

// fillHosts sets the host of targets without one to that of the server which was made for them.
func fillHosts(c *stack.Config) error {
	for name, t := range c.Targets {
		if !t.HostFrom.Named() {
			continue
		}
		if !taggable.MatchString(name) {
			return stack.Usage(c.File, 0, fmt.Sprintf("target %s: no server can be made for a target of this name", name), "use lower-case letters, digits, - and _")
		}
		if secret := t.HostFrom.DigitalOcean.TokenSecret; secret != "" {
			if _, has := c.Secrets[secret]; !has {
				return stack.Usage(c.File, 0, fmt.Sprintf("target %s: there is no secret %q for host_from.digitalocean.token_secret", name, secret), "name one that stackctl.yaml has under secrets")
			}
		}
		if t.Host != "" {
			continue
		}
		made, err := Made(*c, name)
		if err != nil {
			return err
		}
		t.Host = made.Address
		c.Targets[name] = t
	}
	return nil
}

// Made reads what is known of the server that was made for a target; the zero value:
// nothing.
func Made(c stack.Config, target string) (stack.MadeHost, error) {
	var made stack.MadeHost
	file := stack.MadeHostFile(c.Root, target)
	raw, err := given.Read(file, maxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return made, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &made)
	}
	if err != nil {
		return stack.MadeHost{}, stack.Usage(file, 0, "it cannot be read: "+err.Error(), "remove it, and run `stackctl host create`, which finds the server by its tag")
	}
	return made, nil
}
