package edge_test

import (
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

func ownEdge(t *testing.T, routes ...stack.RouteSpec) stack.EdgeConfig {
	t.Helper()
	return ownEdgeOf(t, edge.Behind{}, routes...)
}

func ownEdgeOf(t *testing.T, behind edge.Behind, routes ...stack.RouteSpec) stack.EdgeConfig {
	t.Helper()
	c := stack.Config{Policy: stack.PolicyStandard, Traefik: stack.Traefik{Own: true, Resolver: "le-staging"}, Routes: routes, Timeouts: stack.Timeouts{Hold: 30 * time.Second}}
	out, err := edge.Read(c, stack.Target{Domain: "shop.example", ACME: stack.ACME{Directory: "https://acme.example/dir", Email: "ops@shop.example"}}, stack.Service{}, behind)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheOwnEdgeServesTheRoutes(t *testing.T) {
	out := ownEdge(t, stack.RouteSpec{Service: "web", Port: 80}, stack.RouteSpec{Host: "api", Path: "/v1", Service: "api", Port: 8000, Strip: true},
		stack.RouteSpec{Host: "board.other.example", Service: "board", Port: 9443, Scheme: "https", Guard: "staff"})
	routes := map[string]stack.Route{}
	for _, r := range out.Routes {
		routes[r.Name] = r
	}
	for name, want := range map[string]struct{ rule, service, through string }{
		"web":                             {"Host(`shop.example`)", "web", "headers"},
		"web-reads":                       {"Host(`shop.example`) && (Method(`GET`) || Method(`HEAD`))", "web", "headers retry-reads"},
		"api-api-v1":                      {"Host(`api.shop.example`) && PathPrefix(`/v1`)", "api", "headers strip-api-api-v1"},
		"board-board-other-example":       {"Host(`board.other.example`)", "board", "staff-headers staff-auth"},
		"inside":                          {"PathPrefix(`/api/`)", "", "staff-auth"},
		"to-https":                        {"Host(`shop.example`) || Host(`api.shop.example`) || Host(`board.other.example`)", "", "headers to-https"},
		"board-board-other-example-reads": {"Host(`board.other.example`) && (Method(`GET`) || Method(`HEAD`))", "board", "staff-headers staff-auth retry-reads"},
	} {
		r := routes[name]
		if r.Rule != want.rule || r.Service != want.service || strings.Join(r.Middlewares, " ") != want.through {
			t.Errorf("%s: got %+v", name, r)
		}
		if want.service != "" && r.Resolver != "le-staging" {
			t.Errorf("%s has the resolver %q", name, r.Resolver)
		}
	}
	text := string(out.Dynamic[0].Content)
	for _, want := range []string{"https://board:9443", "insecureSkipVerify: true", "usersFile: " + edge.Htpasswd} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if static := string(out.Static); !strings.Contains(static, "caServer: https://acme.example/dir") || !strings.Contains(static, "ops@shop.example") {
		t.Errorf("the authority is not in\n%s", static)
	}
}

func TestRoutesOfOneNameAreToldApart(t *testing.T) {
	out := ownEdge(t, stack.RouteSpec{Path: "/a-b", Service: "web", Port: 80}, stack.RouteSpec{Path: "/a/b", Service: "web", Port: 81})
	up, err := edge.Upstreams(out.Dynamic)
	if err != nil || len(up) != 2 {
		t.Errorf("got %v, %v", up, err)
	}
}

func TestWithoutRoutesTheEdgeIsAFileThatNamesTheRelease(t *testing.T) {
	out := ownEdge(t)
	files, err := edge.Point(out.Dynamic, "0123456789ab", nil)
	if err != nil || edge.Release(files[0].Content) != "0123456789ab" || len(out.Routes) > 0 || len(out.Static) > 0 {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestARouteHasHeadersAndARateOfItsOwn(t *testing.T) {
	out := ownEdge(t, stack.RouteSpec{Service: "web", Port: 80, Rate: 50, Headers: map[string]string{"content-security-policy": "default-src 'self'"}, Path: "/a", Strip: true})
	if len(out.Routes) == 0 || strings.Join(out.Routes[len(out.Routes)-2].Middlewares, " ") != "headers-web-a headers rate-web-a strip-web-a" {
		t.Errorf("got %+v", out.Routes)
	}
	text := string(out.Dynamic[0].Content)
	for _, want := range []string{"Content-Security-Policy: default-src 'self'", "average: 50", "burst: 100", "ipv6Subnet: 64"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func TestARouteBoundsWhoAsksAndWhatIsSent(t *testing.T) {
	out := ownEdge(t,
		stack.RouteSpec{Service: "web", Port: 80, Allow: []string{"203.0.113.0/24", "2001:db8::/32"}, Body: "10m", Compress: true},
		stack.RouteSpec{Host: "www", Redirect: "https://shop.example/"})
	text := string(out.Dynamic[0].Content)
	for _, want := range []string{"maxRequestBodyBytes: 10485760", "compress: {}", "- 203.0.113.0/24", "replacement: https://shop.example\n", "regex: ^[^:]+://[^/]+\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for _, r := range out.Routes {
		if r.Name == "redirect-www" && (r.Service != "" || strings.Join(r.Middlewares, " ") != "headers redirect-redirect-www") {
			t.Errorf("the redirect is %+v", r)
		}
		if r.Name == "web" && strings.Join(r.Middlewares, " ") != "headers allow-web body-web compress-web" {
			t.Errorf("the route is %+v", r)
		}
	}
	if strings.Contains(text, "redirect-www-reads") {
		t.Error("a redirect is asked again on another connection, and there is none")
	}
}

func TestARouteHasAnErrorPageOfAnotherService(t *testing.T) {
	out := ownEdgeOf(t, edge.Behind{Recreated: []string{"forum"}}, stack.RouteSpec{Service: "forum", Port: 80, Errors: &stack.ErrorPage{Service: "pages", Port: 8080, Path: "/{status}.html"}}, stack.RouteSpec{Host: "api", Service: "api", Port: 80})
	text := string(out.Dynamic[0].Content)
	for _, want := range []string{"query: /{status}.html\n", "service: errors-forum\n", "- 502-504\n", "url: http://pages:8080\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for _, r := range out.Routes {
		if want := map[string]string{"forum": "headers errors-forum hold-most hold", "api-api": "headers"}[r.Name]; want != "" && strings.Join(r.Middlewares, " ") != want {
			t.Errorf("%s passes %v, want %s", r.Name, r.Middlewares, want)
		}
	}
	files, err := edge.Point(out.Dynamic, "0123456789ab", map[string]string{"forum": "forum-live", "pages": "pages-0123456789ab", "api": "api-0123456789ab"})
	if err != nil || !strings.Contains(string(files[0].Content), "http://pages-0123456789ab:8080") {
		t.Errorf("the page is not the release's: %v\n%s", err, files[0].Content)
	}
}

func TestRequestsToWhatIsRecreatedAreHeld(t *testing.T) {
	out := ownEdgeOf(t, edge.Behind{Recreated: []string{"books"}}, stack.RouteSpec{Service: "web", Port: 80}, stack.RouteSpec{Host: "books", Service: "books", Port: 8081, Scheme: "https"},
		stack.RouteSpec{Host: "old", Service: "books", Port: 8080})
	routes := map[string]string{}
	for _, r := range out.Routes {
		routes[r.Name] = strings.Join(r.Middlewares, " ")
	}
	if routes["books-books"] != "headers hold-most hold" || routes["books-old"] != "headers hold-most hold" || routes["web"] != "headers" || routes["web-reads"] != "headers retry-reads" {
		t.Errorf("the routes go through %v", routes)
	}
	if _, twice := routes["books-books-reads"]; twice {
		t.Error("reads have a router beside the one that holds them")
	}
	text := string(out.Dynamic[0].Content)
	for _, want := range []string{"attempts: 83\n", "initialInterval: 250ms\n", "amount: 2000\n", "own-certificate-no-reuse:\n      forwardingTimeouts:\n        dialTimeout: 300ms\n      insecureSkipVerify: true\n      maxIdleConnsPerHost: -1\n", "    no-reuse:\n      forwardingTimeouts:\n        dialTimeout: 300ms\n      maxIdleConnsPerHost: -1\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestAServiceIsNotKeptFromStopping holds that the edge keeps no connection open
// for long: a service of an older release would wait for one that was never used.
func TestAServiceIsNotKeptFromStopping(t *testing.T) {
	out := ownEdgeOf(t, edge.Behind{}, stack.RouteSpec{Service: "web", Port: 80}, stack.RouteSpec{Host: "books", Service: "books", Port: 8081, Scheme: "https"}, stack.RouteSpec{Host: "api", Service: "api", Port: 50051, Scheme: "h2c"})
	text := string(out.Dynamic[0].Content)
	for _, want := range []string{"    brief:\n      forwardingTimeouts:\n        idleConnTimeout: 1s\n", "    own-certificate-brief:\n      forwardingTimeouts:\n        idleConnTimeout: 1s\n      insecureSkipVerify: true\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "serversTransport:"); n != 2 {
		t.Errorf("%d services have a transport of their own:\n%s", n, text)
	}
}
