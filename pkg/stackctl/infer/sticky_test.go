package infer_test

import (
	"testing"

	"stackctl/pkg/stackctl/infer"
)

func TestVisitorsThatAProxyKeepsAtAReplicaStayThere(t *testing.T) {
	labelled := func(labels map[string]string) []infer.Service {
		app := service("app", "acme/app:1")
		app.Labels = labels
		return []infer.Service{app}
	}
	traefik := func(key, value string) []infer.Service {
		return labelled(map[string]string{"traefik.http.routers.app.rule": "Host(`app.example.com`)", "traefik.http.services.app.loadbalancer.server.port": "3000", key: value})
	}
	caddyfile := func(policy string) []infer.Service {
		caddy := service("caddy", "caddy:2-alpine", port("80:80"), port("443:443"))
		caddy.Caddyfile = "app.example.com {\n\treverse_proxy app:3000 {\n\t\tlb_policy " + policy + "\n\t}\n}\n"
		return []infer.Service{caddy, service("app", "acme/app:1")}
	}
	for name, c := range map[string]struct {
		services []infer.Service
		want     bool
	}{
		"Traefik, a cookie":                {traefik("traefik.http.services.app.loadbalancer.sticky.cookie", "true"), true},
		"Traefik, a cookie by its name":    {traefik("traefik.http.services.app.loadbalancer.sticky.cookie.name", "lb"), true},
		"Traefik, in capitals":             {traefik("traefik.http.services.app.loadBalancer.sticky", "true"), true},
		"Traefik, none":                    {traefik("traefik.http.services.app.loadbalancer.sticky.cookie", "false"), false},
		"Traefik, another label":           {traefik("traefik.http.services.app.loadbalancer.passhostheader", "true"), false},
		"Traefik 1":                        {labelled(map[string]string{"traefik.frontend.rule": "Host:app.example.com", "traefik.port": "3000", "traefik.backend.loadbalancer.stickiness": "true"}), true},
		"Caddy by labels":                  {labelled(map[string]string{"caddy": "app.example.com", "caddy.reverse_proxy": "{{upstreams 3000}}", "caddy.reverse_proxy.lb_policy": "cookie lb secret"}), true},
		"Caddy by labels, by turns":        {labelled(map[string]string{"caddy": "app.example.com", "caddy.reverse_proxy": "{{upstreams 3000}}", "caddy.reverse_proxy.lb_policy": "round_robin"}), false},
		"a Caddyfile, by address":          {caddyfile("ip_hash"), true},
		"a Caddyfile, by the least in use": {caddyfile("least_conn"), false},
	} {
		routes := infer.Routes(c.services, infer.Layers(c.services, ""), "example.org", nil).Routes
		if len(routes) != 1 || routes[0].Sticky != c.want || routes[0].Port != 3000 {
			t.Errorf("%s: %+v", name, routes)
		}
	}
}
