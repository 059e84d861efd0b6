package infer

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

var middleware = regexp.MustCompile(`^traefik\.http\.middlewares\.([^.]+)\.([a-z]+)(?:\.(.*))?$`)

// demand is what a proxy asks of a visitor before a service sees the request.
type demand struct {
	guarded bool
	allow   []string
}

// guardWords are what people name a middleware that keeps visitors out.
var guardWords = []string{"secured", "protected", "private", "internal", "local", "lan", "vpn", "sso", "oidc", "login", "keycloak", "whitelist", "allowlist", "restricted", "only"}

// guards reports whether a middleware keeps visitors out, by its name alone.
func guards(name string) bool {
	return strings.Contains(name, "auth") || strings.Contains(name, "whitelist") || strings.Contains(name, "allowlist") ||
		slices.ContainsFunc(words(name), func(word string) bool { return slices.Contains(guardWords, word) })
}

// demands returns what a list of Traefik's middlewares asks of a visitor. Labels
// of any service define them. One that only files define is taken by its name:
// who reads `authelia@file` for nothing opens what was closed.
func demands(services []Service) func(list string) demand {
	known, chains := map[string]demand{}, map[string]string{}
	for _, s := range services {
		for _, key := range sortedKeys(s.Labels) {
			m := middleware.FindStringSubmatch(strings.ToLower(key))
			if m == nil {
				continue
			}
			one := known[m[1]]
			switch m[2] {
			case "basicauth", "digestauth", "forwardauth":
				one.guarded = true
			case "ipallowlist", "ipwhitelist":
				if m[3] == "sourcerange" {
					if list := networks(s.Labels[key]); !slices.Contains(list, "0.0.0.0/0") { // which is everybody
						one.allow = append(one.allow, list...)
					}
				}
			case "chain":
				chains[m[1]] = s.Labels[key]
			}
			known[m[1]] = one
		}
	}
	return func(list string) (all demand) {
		for range len(chains) + 1 { // a chain may name chains
			var next []string
			for name := range strings.SplitSeq(list, ",") {
				name, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(name)), "@")
				one, defined := known[name]
				all.guarded = all.guarded || one.guarded || !defined && chains[name] == "" && guards(name)
				all.allow = append(all.allow, one.allow...)
				next = append(next, chains[name])
			}
			list = strings.Join(next, ",")
		}
		slices.Sort(all.allow)
		all.allow = slices.Compact(all.allow)
		return all
	}
}

// networks are addresses and networks in CIDR notation.
func networks(list string) []string {
	var out []string
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		if address, err := netip.ParseAddr(one); err == nil {
			one = netip.PrefixFrom(address, address.BitLen()).String()
		}
		out = append(out, one)
	}
	return out
}

// reachable are the networks from which anybody can reach a server: those of homes
// and offices cannot.
func reachable(allow []string) []string {
	return slices.DeleteFunc(slices.Clone(allow), func(one string) bool {
		network, err := netip.ParsePrefix(one)
		return err == nil && (network.Addr().IsPrivate() || network.Addr().IsLoopback() || network.Addr().IsLinkLocalUnicast())
	})
}

func hasPrefix(labels map[string]string, prefix string) bool {
	return slices.ContainsFunc(sortedKeys(labels), func(key string) bool { return strings.HasPrefix(strings.ToLower(key), prefix) })
}
