package release_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

const plain = `services:
  web:
    build: .
    ports: ["80:8000", "222:22", "9:9"]
    depends_on: {db: {condition: service_started}, traefik: {condition: service_started}}
  traefik:
    image: traefik:v3
    command: [--providers.docker]
    ports: ["443:443"]
  db:
    image: postgres:16
    ports: ["5432:5432"]
  back:
    image: back:1
    networks: [inside]
  seed:
    image: back:1
    profiles: [tools]
  vpn:
    image: vpn:1
    network_mode: host
networks:
  inside: {internal: true}
`

func plainShop(t *testing.T, routes ...stack.RouteSpec) shop {
	t.Helper()
	s := newShop(t, map[string]string{"compose.yaml": plain})
	s.config.Traefik.Own, s.config.Routes = true, routes
	s.config.Gates.Exposure.Allow = []int{22, 80, 443, 222}
	return s
}

func TestTheOwnEdgeJoinsWhatItRoutesTo(t *testing.T) {
	s := plainShop(t, stack.RouteSpec{Service: "web", Port: 8000})
	r := s.freeze(t)
	edge, _ := r.Service("edge")
	web, _ := r.Service("web")
	db, _ := r.Service("db")
	if edge.Layer != stack.LayerEdge || strings.Join(edge.Networks, " ") != "default" || len(edge.Ports) != 2 || !edge.ReadOnly {
		t.Errorf("the edge is %+v", edge)
	}
	if len(web.Ports) != 1 || web.Ports[0].Published != "222" || len(db.Ports) != 0 || !strings.HasPrefix(web.Image, "shop-web:") {
		t.Errorf("got %+v and %+v", web.Ports, db.Ports)
	}
	if _, there := r.Service("traefik"); there || db.Layer != stack.LayerData || strings.Contains(string(r.App), "traefik") {
		t.Errorf("layer of db %s\n%s", db.Layer, r.App)
	}
	pinned, err := os.ReadFile("../../../compose/stack.yaml")
	if err != nil || !regexp.MustCompile(`image: `+regexp.QuoteMeta(edge.Image)+`\n`).Match(pinned) {
		t.Errorf("compose/stack.yaml has another Traefik than %s, %v", edge.Image, err)
	}
}

func TestTheOwnEdgeHasANetworkThatPublishes(t *testing.T) {
	r := plainShop(t, stack.RouteSpec{Service: "back", Port: 1}).freeze(t)
	if edge, _ := r.Service("edge"); strings.Join(edge.Networks, " ") != "inside stackctl-edge" {
		t.Errorf("got %v", edge.Networks)
	}
}

func TestWithoutRoutesThereIsNoEdge(t *testing.T) {
	s := plainShop(t)
	if _, there := s.freeze(t).Service("edge"); there {
		t.Error("there is one")
	}
	d, err := release.Read(context.Background(), s.config, s.target)
	if err != nil {
		t.Fatal(err)
	}
	if edge, err := d.EdgeService(); err != nil || edge.Name != "" {
		t.Errorf("got %+v, %v", edge, err)
	}
}

func TestARouteThatLeadsNowhereIsRefused(t *testing.T) {
	for service, want := range map[string]string{
		"api": `stackctl.yaml:7: routes: there is no service "api"`, "traefik": "is left out", "seed": "in no profile", "vpn": "where the edge cannot reach it",
	} {
		s := plainShop(t, stack.RouteSpec{Service: service, Port: 80, Line: 7})
		if _, err := release.Read(context.Background(), s.config, s.target); err == nil || stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", service, err)
		}
	}
}

// A visitor's replica is reached by the name of its container.
func TestAStickyRouteToAReplicaWithTooLongANameIsRefused(t *testing.T) {
	for scale, refused := range map[string]bool{"1": false, "2": true} {
		s := newShop(t, map[string]string{"compose.yaml": "services:\n  a-service-with-a-name-that-goes-on-for-longer:\n    image: acme/web:1\n    scale: " + scale + "\n"})
		s.config.Traefik.Own, s.config.Routes = true, []stack.RouteSpec{{Service: "a-service-with-a-name-that-goes-on-for-longer", Port: 80, Sticky: true, Line: 7}}
		_, err := release.Read(context.Background(), s.config, s.target)
		if got := err != nil && stack.CauseOf(err) == stack.CauseUsage && strings.Contains(err.Error(), "7: routes: sticky: a container of service"); got != refused {
			t.Errorf("with %s of it: %v", scale, err)
		}
	}
}

func TestTheEdgeReachesWhoHasTheErrorPage(t *testing.T) {
	s := plainShop(t, stack.RouteSpec{Service: "web", Port: 8000, Errors: &stack.ErrorPage{Service: "back", Port: 80, Path: "/"}})
	if edge, _ := s.freeze(t).Service("edge"); strings.Join(edge.Networks, " ") != "default inside" {
		t.Errorf("it is on %v", edge.Networks)
	}
	s = plainShop(t, stack.RouteSpec{Service: "web", Port: 8000, Line: 7, Errors: &stack.ErrorPage{Service: "nobody", Port: 80, Path: "/"}})
	if _, err := release.Read(context.Background(), s.config, s.target); err == nil || !strings.Contains(err.Error(), `stackctl.yaml:7: routes: there is no service "nobody"`) {
		t.Errorf("got %v", err)
	}
}

func TestAGuardedRouteNeedsTheStaffsPassword(t *testing.T) {
	s := plainShop(t, stack.RouteSpec{Service: "web", Port: 8000, Guard: "staff"})
	s.config.Traefik.Staff.PasswordFile = s.config.Root + "/staff_password"
	if _, err := release.Read(context.Background(), s.config, s.target); err == nil || !strings.Contains(err.Error(), "init --secrets") {
		t.Errorf("got %v", err)
	}
	files, err := release.SecretFiles(s.config)
	if err != nil || files[release.StaffHtpasswd] != s.config.Root+"/staff_htpasswd" {
		t.Errorf("got %v, %v", files, err)
	}
	must(t, os.WriteFile(s.config.Root+"/staff_htpasswd", []byte("staff:x"), 0o600))
	if edge, _ := s.freeze(t).Service("edge"); len(edge.Secrets) != 1 {
		t.Errorf("got %v", edge.Secrets)
	}
}
