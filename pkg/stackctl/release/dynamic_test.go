package release_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/stack"
)

func TestRoutesOfATraefiksFilesAreCarried(t *testing.T) {
	text := "services:\n  traefik:\n    image: traefik:v3\n    command: [--providers.docker=true, --providers.file.directory=/etc/traefik/dynamic]\n    ports: [\"80:80\", \"443:443\"]\n" +
		"    volumes: [\"/var/run/docker.sock:/var/run/docker.sock:ro\", \"./dynamic:/etc/traefik/dynamic:ro\"]\n  app:\n    image: acme/app:1\n  board:\n    image: acme/board:1\n" +
		"  wiki:\n    image: acme/wiki:1\n    labels: {traefik.http.routers.w.rule: \"Host(`wiki.example.com`)\", traefik.http.routers.w.middlewares: closed@file, traefik.http.services.w.loadbalancer.server.port: \"3000\"}\n"
	s := newProject(t, map[string]string{"compose.yaml": text,
		"dynamic/routes.yml": "http:\n  routers:\n    app: {rule: \"Host(`app.example.com`)\", service: app, middlewares: [closed]}\n    board: {rule: \"Host(`board.example.com`) && PathPrefix(`/b`)\", service: board@file}\n" +
			"    far: {rule: \"Host(`far.example.com`)\", service: far}\n    inner: {rule: \"Host(`t.example.com`)\", service: api@internal}\n" +
			"  services:\n    app: {loadBalancer: {servers: [{url: \"http://app:3000\"}], sticky: {cookie: {secure: true}}}}\n    board: {loadBalancer: {servers: [{url: \"https://board\"}]}}\n    far: {loadBalancer: {servers: [{url: \"http://10.0.0.9:80\"}]}}\n" +
			"  middlewares:\n    closed: {basicAuth: {users: [\"a:b\"]}}\n",
		"dynamic/broken.yml": "{{ template }}\n",
	})
	services := s.look(t).Services
	var got []string
	for _, r := range infer.Routes(services, infer.Layers(services, ""), "example.org", nil).Routes {
		got = append(got, fmt.Sprintf("%s%s=%s:%d%s%s%v", r.Host, r.Path, r.Service, r.Port, r.Scheme, r.Guard, r.Sticky))
	}
	slices.Sort(got)
	if text := strings.Join(got, " "); text != "app=app:3000stafftrue board/b=board:443httpsfalse wiki=wiki:3000stafffalse" {
		t.Errorf("%s", text)
	}
	if infer.LeftOut(services)["traefik"] == "" {
		t.Error("Traefik stays")
	}
	r, err := s.read()
	must(t, err)
	if labels := started(t, r, "app").Labels; len(labels["traefik.http.routers.app-of-files.rule"]) > 0 {
		t.Errorf("app is deployed with the labels %v", labels)
	}
}

func TestACaddyfileIsReadWhereItIsMountedOrBuiltIn(t *testing.T) {
	caddyfile := "example.com {\n\treverse_proxy app:3000\n}\n"
	for name, c := range map[string]struct {
		caddy string
		files map[string]string
		left  bool
	}{
		"its folder":         {"image: caddy:2\n    volumes: [\"./caddy:/etc/caddy\"]", map[string]string{"caddy/Caddyfile": caddyfile}, true},
		"the file":           {"image: caddy:2\n    volumes: [\"./Caddyfile:/etc/caddy/Caddyfile:ro\"]", map[string]string{"Caddyfile": caddyfile}, true},
		"elsewhere":          {"image: caddy:2\n    volumes: [\"./Caddyfile:/etc/caddyfile\"]", map[string]string{"Caddyfile": caddyfile}, false},
		"in its image":       {"build: ./caddy", map[string]string{"caddy/Dockerfile": "FROM caddy:2-alpine\nCOPY ./Caddyfile /etc/caddy/Caddyfile\n", "caddy/Caddyfile": caddyfile}, true},
		"in an image of Go":  {"build: ./caddy", map[string]string{"caddy/Dockerfile": "FROM golang:1\nCOPY ./Caddyfile /etc/caddy/Caddyfile\n", "caddy/Caddyfile": caddyfile}, false},
		"not in its context": {"build: ./caddy", map[string]string{"caddy/Dockerfile": "FROM caddy:2\nCOPY Caddyfile /etc/caddy/\n"}, false},
	} {
		files := map[string]string{"compose.yaml": "services:\n  caddy:\n    " + c.caddy + "\n    ports: [\"80:80\", \"443:443\"]\n  app:\n    image: acme/app:1\n"}
		for file, text := range c.files {
			files[file] = text
		}
		s := newProject(t, files)
		if left := infer.LeftOut(s.look(t).Services)["caddy"]; (left != "") != c.left {
			t.Errorf("%s: Caddy is left out: %q", name, left)
		}
		s.config.Routes = []stack.RouteSpec{{Service: "caddy", Port: 80}}
		if left := infer.LeftOut(s.look(t).Services)["caddy"]; left != "" {
			t.Errorf("%s: Caddy, to which a route leads, is left out: %q", name, left)
		}
	}
}
