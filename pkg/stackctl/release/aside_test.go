package release_test

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// An Engine gives a container the lowest address that is free. The edge starts before
// the app: it must not take an address that the files give to a service.
func TestTheEdgeTakesNoAddressThatAServiceHas(t *testing.T) {
	for pools, want := range map[string]string{
		`{subnet: 10.7.0.0/24}`: "10.7.0.254",
		`{subnet: 10.7.0.0/24, gateway: 10.7.0.254, aux_addresses: {x: 10.7.0.253}}`: "10.7.0.252",
		`{subnet: 10.7.0.0/16}, {subnet: "fd00::/64"}`:                               "10.7.255.254",
		`{subnet: 10.7.0.0/29}`: "10.7.0.5",
	} {
		s := newProject(t, map[string]string{"compose.yaml": `services:
  web:
    image: acme/web:1
    networks: {n: {ipv4_address: 10.7.0.2}, free: {}}
  api:
    image: acme/api:1
    networks: {n: {ipv4_address: 10.7.0.6}}
networks:
  n: {enable_ipv6: true, ipam: {config: [` + pools + `]}}
  free: {ipam: {config: [{subnet: 10.8.0.0/24}]}}
`})
		s.config.Traefik.Own, s.config.Traefik.Service = true, "stackctl-edge"
		s.config.Traefik.Static, s.config.Traefik.Dynamic = s.config.Root+"/.stackctl/traefik.yml", s.config.Root+"/.stackctl/dynamic"
		s.config.Routes = []stack.RouteSpec{{Service: "web", Port: 80}}
		r, err := s.read()
		must(t, err)
		edge, _ := r.Service("stackctl-edge")
		if edge.FixedAddress != want {
			t.Errorf("%s: the edge has %q, want %s", pools, edge.FixedAddress, want)
		}
		if n := strings.Count(string(r.Base), "ipv4_address"); n != 1 {
			t.Errorf("%s: the edge has %d fixed addresses", pools, n)
		}
	}
}
