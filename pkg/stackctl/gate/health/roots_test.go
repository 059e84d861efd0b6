package health

import (
	"net/http"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
)

// TestAProjectThatNamesNoEndpointIsAskedAtTheRootOfEachRoute: what it answers
// there is its own to choose, as long as it answers.
func TestAProjectThatNamesNoEndpointIsAskedAtTheRootOfEachRoute(t *testing.T) {
	for status, good := range map[int]bool{200: true, 302: true, 401: true, 404: true, 500: false, 502: false} {
		for _, g := range []gate.Gate{Inside(), Public()} {
			d := gatetest.GoodDeployment(t)
			d.Config.Gates.Health = nil
			d.Config.Routes = []stack.RouteSpec{{Service: "web", Port: 80}, {Service: "web", Port: 80, Path: "/"}}
			d.Site.Wrap = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/" {
					w.WriteHeader(status)
				}
				return r.URL.Path == "/"
			}
			a, err := g.Check(t.Context(), d.Subject)
			if err != nil {
				t.Fatal(err)
			}
			if (len(a.Findings) == 0) != good || len(a.Latencies) != 1 {
				t.Errorf("%s, %d: %d endpoints, findings %v", g.Phase, status, len(a.Latencies), a.Findings)
			}
		}
	}
}

func TestAReleaseIsNotAskedForARouteThatIsNewerThanIt(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	d.Config.Gates.Health = nil
	d.Config.Routes = []stack.RouteSpec{{Service: "web", Port: 80}, {Host: "fresh", Service: "web", Port: 80}}
	for _, g := range []gate.Gate{Inside(), Public()} {
		if a, err := g.Check(t.Context(), d.Subject); err != nil || len(a.Findings) > 0 || len(a.Latencies) != 1 {
			t.Errorf("%s: %d endpoints, findings %v, %v", g.Phase, len(a.Latencies), a.Findings, err)
		}
	}
	d.Config.Routes = d.Config.Routes[1:]
	if _, err := Inside().Check(t.Context(), d.Subject); err == nil {
		t.Error("a release without any of the routes is judged")
	}
}
