package edge_test

import (
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

func TestReplicasBehindAStickyRouteAreServersOfTheirOwn(t *testing.T) {
	const id = "0123456789ab"
	out := ownEdgeOf(t, edge.Behind{Recreated: []string{"books"}, Replicas: map[string]int{"web": 2, "api": 2}},
		stack.RouteSpec{Service: "web", Port: 80, Sticky: true}, stack.RouteSpec{Host: "api", Service: "api", Port: 80},
		stack.RouteSpec{Host: "one", Service: "one", Port: 80, Sticky: true}, stack.RouteSpec{Host: "books", Service: "books", Port: 80, Sticky: true})
	r := stack.Release{ID: id, Project: "shop", Services: []stack.Service{{Name: "web", Layer: stack.LayerApp, Replicas: 2},
		{Name: "api", Layer: stack.LayerApp, Replicas: 2}, {Name: "one", Layer: stack.LayerApp}, {Name: "books", Layer: stack.LayerApp, Upstream: "books-live-aaaaaaaaaaaa"}}}
	files, err := edge.Point(out.Dynamic, id, r.Upstreams())
	if err != nil {
		t.Fatal(err)
	}
	up, err := edge.Upstreams(files)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"web":         {"http://shop-" + id + "-web-1:80", "http://shop-" + id + "-web-2:80"},
		"api-api":     {"http://api-" + id + ":80"},
		"one-one":     {"http://one-" + id + ":80"},
		"books-books": {"http://books-live-aaaaaaaaaaaa:80"},
	} {
		if !slices.Equal(up[name], want) {
			t.Errorf("%s leads to %v, want %v", name, up[name], want)
		}
	}
	for host, want := range map[string]string{"shop-" + id + "-web-2": "web", "web~1": "web", "api-" + id: "api", "books-live-aaaaaaaaaaaa": "books", "elsewhere": "elsewhere"} {
		if got := r.ServiceAt(host); got != want {
			t.Errorf("%s is service %s, want %s", host, got, want)
		}
	}
	if got := edge.Routed(files, id); !slices.Equal(got, []string{"api", "books", "one", "web"}) {
		t.Errorf("the files lead to %v", got)
	}
	text := string(out.Dynamic[0].Content)
	for want, times := range map[string]int{"name: stackctl-replica-web\n": 1, "name: stackctl-replica-one-one\n": 1, "stackctl-replica-books": 0, "httpOnly: true\n": 2, "secure: true\n": 2, "passiveHealthCheck:": 1} {
		if got := strings.Count(text, want); got != times {
			t.Errorf("%q is %d times in\n%s", want, got, text)
		}
	}
	for _, route := range out.Routes {
		if want := map[string]string{"web": "headers another-replica", "api-api": "headers", "books-books": "headers hold-most hold"}[route.Name]; want != "" && strings.Join(route.Middlewares, " ") != want {
			t.Errorf("%s passes %v, want %s", route.Name, route.Middlewares, want)
		}
		if route.Name == "web" && route.Service != "web" {
			t.Errorf("the route is of service %q", route.Service)
		}
	}
}

// Where both are judged by what they failed, both can be out: then nobody is served.
func TestReplicasOnSeveralNodesAreTriedInTurnAndNoneIsJudged(t *testing.T) {
	out := ownEdgeOf(t, edge.Behind{Replicas: map[string]int{"web": 2}, Apart: true}, stack.RouteSpec{Service: "web", Port: 80})
	text := string(out.Dynamic[0].Content)
	for want, times := range map[string]int{"- url: http://web~": 2, "attempts: 20": 1, "dialTimeout: 300ms": 1, "passiveHealthCheck": 0} {
		if got := strings.Count(text, want); got != times {
			t.Errorf("%q is %d times in\n%s", want, got, text)
		}
	}
}
