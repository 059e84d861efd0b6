package infer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/stack"
)

// routed are the routes of services, one text each.
func routed(services []infer.Service) []string {
	var out []string
	for _, r := range infer.Routes(services, infer.Layers(services, ""), "example.org", nil).Routes {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s%s=%s:%d %s%s %v", r.Host, r.Path, r.Service, r.Port, r.Scheme, r.Guard, r.Strip)))
	}
	slices.Sort(out)
	return out
}

func TestACaddyfileThatOnlyLeadsNamesToServicesIsRoutes(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want string // empty: Caddy stays, and gets the domain
	}{
		"one site":           {"app.example.com {\n\treverse_proxy app:3000\n}\n", "=app:3000  false"},
		"without braces":     {"example.com\nreverse_proxy app:3000 {\n\tflush_interval -1\n}\n", "=app:3000  false"},
		"names on two lines": {"example.com,\napi.example.com {\n\treverse_proxy app:3000\n}\n", ""},
		"two sites, options and a snippet": {"{\n\temail me@example.com\n}\n(common) {\n\tencode gzip\n\theader -Server\n}\napp.example.com {\n\timport common\n\treverse_proxy app:3000\n}\n" +
			"api.example.com, v2.example.com { # ours\n\treverse_proxy /ws/* api:9000\n\treverse_proxy api:8080 {\n\t\theader_up X-Real-IP {remote_host}\n\t}\n}\nwww.example.com {\n\tredir https://example.com{uri}\n}\n",
			"api/ws=api:9000  false api=api:8080  false app=app:3000  false v2/ws=api:9000  false v2=api:8080  false"},
		"paths":                      {"example.com {\n\thandle_path /api/* {\n\t\treverse_proxy api:8080\n\t}\n\thandle {\n\t\treverse_proxy https://app\n\t}\n}\n", "/api=api:8080  true =app:443 https false"},
		"a name by a variable":       {"{$SITE:localhost} {\n\treverse_proxy app:3000\n}\n", "=app:3000  false"},
		"one that asks who comes":    {"app.example.com {\n\tbasic_auth {\n\t\tbob $2a$14$x\n\t}\n\treverse_proxy app:3000\n}\n", "=app:3000 staff false"},
		"visitors show certificates": {"example.com {\n\ttls {\n\t\tclient_auth {\n\t\t\tmode require\n\t\t}\n\t}\n\treverse_proxy app:3000\n}\n", ""},
		"one address alone":          {"example.com {\n\tbind 10.0.0.2\n\treverse_proxy app:3000\n}\n", ""},
		"a certificate's authority":  {"example.com {\n\ttls me@example.com\n\treverse_proxy app:3000\n}\n", "=app:3000  false"},
		"files of its own":           {"example.com {\n\troot * /srv\n\tfile_server\n}\n", ""},
		"plain HTTP":                 {":80 {\n\treverse_proxy app:3000\n}\n", ""},
		"plain HTTP of a name":       {"http://example.com {\n\treverse_proxy app:3000\n}\n", ""},
		"a machine elsewhere":        {"example.com {\n\treverse_proxy 10.0.0.3:3000\n}\n", ""},
		"a snippet that does more":   {"(x) {\n\tfile_server\n}\nexample.com {\n\timport x\n\treverse_proxy app:3000\n}\n", ""},
		"braces that are not closed": {"example.com {\n\treverse_proxy app:3000\n", ""},
		"a block without a name":     {"example.com {\n\t{\n\t}\n\treverse_proxy app:3000\n}\n", ""},
		"nothing":                    {"", ""},
	} {
		caddy := service("caddy", "caddy:2-alpine", port("80:80"), port("443:443"))
		caddy.Caddyfile = c.text
		services := []infer.Service{caddy, service("app", "acme/app:1"), service("api", "acme/api:1")}
		want := c.want
		if want == "" {
			want = "=caddy:80  false"
		}
		if left := infer.LeftOut(services)["caddy"]; (left != "") != (c.want != "") {
			t.Errorf("%s: Caddy is left out: %q", name, left)
		}
		if got := strings.Join(routed(services), " "); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestProxiesWithHostsOfTheirOwnAreLeftOutBeforeServices(t *testing.T) {
	for _, image := range []string{"jc21/nginx-proxy-manager:2", "lscr.io/linuxserver/swag", "steveltn/https-portal:1"} {
		proxy := service("proxy", image, port("80:80"), port("443:443"), port("81:81"))
		db := service("db", "mariadb:11")
		services := []infer.Service{proxy, db, service("wiki", "acme/wiki:1")}
		r := infer.Routes(services, infer.Layers(services, ""), "example.org", nil)
		if infer.LeftOut(services)["proxy"] == "" || len(r.Routes) > 0 || !strings.Contains(strings.Join(r.Causes["proxy"], " "), "give each a route") {
			t.Errorf("%s: %+v", image, r)
		}
		if left := infer.LeftOut([]infer.Service{proxy, db})["proxy"]; left != "" {
			t.Errorf("%s alone: %s", image, left)
		}
		services[0].Said = stack.LayerApp
		if left := infer.LeftOut(services)["proxy"]; left != "" {
			t.Errorf("%s, which x-stackctl keeps: %s", image, left)
		}
	}
	portal := service("portal", "steveltn/https-portal:1", port("80:80"), port("443:443"), variables("DOMAINS=wiki.example.com -> http://wiki:8080 #production, bob:pw@blog.example.com -> http://blog"))
	services := []infer.Service{portal, service("wiki", "acme/wiki:1"), service("blog", "acme/blog:1")}
	if got := strings.Join(routed(services), " "); got != "blog=blog:80 staff false wiki=wiki:8080  false" {
		t.Errorf("https-portal: %s", got)
	}
}

func TestATraefikThatIsBuiltIsTheEdgesPlace(t *testing.T) {
	proxy := service("proxy", "", port("80:80"), port("443:443"), port("8080:8080"))
	proxy.Build, proxy.Volumes = true, []stack.Mount{{Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock"}}
	api := service("api", "acme/api:1", label("traefik.http.routers.api.rule", "Host(`api.example.com`)"), label("traefik.http.services.api.loadbalancer.server.port", "5000"))
	services := []infer.Service{proxy, api}
	r := infer.Routes(services, infer.Layers(services, ""), "example.org", nil)
	if infer.LeftOut(services)["proxy"] == "" || len(r.Routes) != 1 || !strings.Contains(strings.Join(r.Causes["proxy"], " "), "what is built into its image beside the labels is not carried") {
		t.Errorf("%+v, %v", r, infer.LeftOut(services))
	}
	services[1].Labels = nil // nothing says that it is Traefik
	if left := infer.LeftOut(services)["proxy"]; left != "" {
		t.Errorf("without labels: %s", left)
	}
}

func FuzzCaddyfilesAreReadWithoutAPanic(f *testing.F) {
	f.Add("{\n}\nexample.com {\n\thandle_path /a* {\n\t\treverse_proxy app:1 {\n\t\t\tto\n\t\t}\n\t}\n}\n")
	f.Add("a\nreverse_proxy\n{\n}")
	f.Fuzz(func(_ *testing.T, text string) {
		caddy := service("caddy", "caddy:2", port("80:80"))
		caddy.Caddyfile = text
		services := []infer.Service{caddy, service("app", "acme/app:1")}
		infer.Routes(services, infer.Layers(services, ""), "example.org", nil)
	})
}
