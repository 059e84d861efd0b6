package release_test

import (
	"context"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

func TestTheOwnEdgeOfASharedTarget(t *testing.T) {
	s := plainShop(t, stack.RouteSpec{Service: "web", Port: 8000})
	s.target.Shared = true
	r := s.freeze(t)
	edge, _ := r.Service("edge")
	if len(edge.Ports) != 0 || strings.Join(edge.Networks, " ") != "default "+stack.IngressProject || !r.Shared() {
		t.Errorf("the edge is %+v", edge)
	}
	if base := string(r.Base); !strings.Contains(base, stack.IngressAlias("shop")) || strings.Contains(base, "published: \"443\"") {
		t.Errorf("the base is\n%s", base)
	}
	if services, _, _ := strings.Cut(string(r.App), "\nnetworks:"); strings.Contains(services, stack.IngressProject) {
		t.Errorf("a service of the release is on the ingress's network:\n%s", services)
	}
}

func TestAnEdgeOfTheProjectsOwnInASharedTarget(t *testing.T) {
	for ports, want := range map[string]string{
		`["80:80", "443:443", "8080:8080"]`:   "",
		`["80:80", "443:443", "443:443/udp"]`: "publishes 443 as 443/udp",
		`["80:8000", "443:443"]`:              "publishes 80 as 8000/tcp",
	} {
		s := newShop(t, map[string]string{"compose.yaml": "services:\n  proxy:\n    image: traefik:v3\n    ports: " + ports + "\n    x-stackctl: {layer: edge}\n  web: {image: web}\n"})
		s.config.Traefik.Service = "proxy"
		s.target.Shared = true
		d, err := release.Read(context.Background(), s.config, s.target)
		if want != "" {
			if err == nil || stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "compose.yaml:2") {
				t.Errorf("%s: %v", ports, err)
			}
			continue
		}
		edge, err2 := d.EdgeService()
		if err != nil || err2 != nil || len(edge.Ports) != 1 || edge.Ports[0].Published != "8080" || !strings.Contains(strings.Join(edge.Networks, " "), stack.IngressProject) {
			t.Errorf("%s: %+v, %v, %v", ports, edge, err, err2)
		}
	}
}
