package infer_test

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/infer"
)

func TestDatagramsForTheProjectAloneAreNotPublished(t *testing.T) {
	allow := []int{8125}
	for name, c := range map[string]struct {
		image, port string
		stays       bool
	}{
		"traces":                     {"jaegertracing/all-in-one", "6831:6831/udp", false},
		"a cache":                    {"memcached:1", "11211:11211/udp", false},
		"a registry's own names":     {"consul:1", "8600:8600/udp", false},
		"discovery in a home":        {"jellyfin/jellyfin", "1900:1900/udp", false},
		"on the host alone":          {"jaegertracing/all-in-one", "127.0.0.1:6831:6831/udp", true},
		"somebody said so":           {"statsd/statsd", "8125:8125/udp", true},
		"names for everyone":         {"pihole/pihole", "53:53/udp", true},
		"a tunnel":                   {"linuxserver/wireguard", "51820:51820/udp", true},
		"HTTP/3, which the edge has": {"caddy", "443:443/udp", false},
		"a telephone's, by SCTP":     {"acme/core", "38412:38412/sctp", true},
	} {
		s := service("x", c.image, port(c.port))
		if got := infer.Published(s, nil, allow); got[0] != c.stays {
			t.Errorf("%s: stays %v", name, got[0])
		}
		told := strings.Join(infer.Routes([]infer.Service{s}, infer.Layers([]infer.Service{s}, ""), "example.org", nil).Causes["x"], "\n")
		if !c.stays && !strings.Contains(told, "is not published any more") || c.stays && name != "somebody said so" && !strings.Contains(told, "stays published") {
			t.Errorf("%s: it tells %q", name, told)
		}
	}
}
