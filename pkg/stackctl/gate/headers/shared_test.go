package headers

import (
	"slices"
	"testing"

	"stackctl/pkg/stackctl/traefik"
)

// A path of the public site may be the staff's: what is around it is not.
func TestAHostMayHavePublicAndGuardedPages(t *testing.T) {
	at := []traefik.EntryPoint{{Port: 443, Public: true}}
	route := func(name, rule, host string, middlewares ...string) traefik.Router {
		return traefik.Router{Name: name, Rule: rule, Hosts: []string{host}, EntryPoints: at, Middlewares: middlewares, Service: name, TLS: true}
	}
	office := route("office", "Host(`shop.example`) && PathPrefix(`/office`)", "shop.example", "who")
	shop := route("shop", "Host(`shop.example`)", "shop.example")
	board := route("board", "Host(`board.example`)", "board.example", "who")
	j := &judge{model: traefik.Model{
		Routers:     []traefik.Router{office, shop, board},
		Middlewares: map[string]traefik.Middleware{"who": {Name: "who", Kind: "basicauth", Node: &traefik.Node{}}},
	}}
	places := []staffPlace{{host: "shop.example", path: "/office"}, {host: "board.example", path: "/"}, {host: "board.example", path: "/x"}}
	if got := j.staffHosts(places); !slices.Equal(got, []string{"board.example"}) {
		t.Errorf("the staff's alone are %q", got)
	}
	j.shadowed()
	if len(j.out) > 0 {
		t.Errorf("a guarded path is said to have a way around: %+v", j.out)
	}
	first := route("first", "Host(`shop.example`) && PathPrefix(`/office/open`)", "shop.example")
	first.Priority = 1000
	whole := route("whole", "Host(`board.example`) && Method(`GET`)", "board.example")
	whole.Priority = 1000
	j.model.Routers = append(j.model.Routers, first, whole)
	j.shadowed()
	if len(j.out) != 1 || j.out[0].Subject != "router whole" {
		t.Errorf("%+v", j.out)
	}
}
