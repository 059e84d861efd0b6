package deploy

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// publishing is a container of somebody else that holds a port.
func publishing(port, address string, labels map[string]string, layer stack.Layer, compose string) stack.Container {
	return stack.Container{Name: "other-web-1", Project: compose, State: "running", Layer: layer, Labels: labels,
		Ports: []stack.Port{{Published: port, Protocol: "tcp", HostIP: address}}}
}

func TestAPortThatSomebodyElseHoldsIsToldBeforeAnythingIsChanged(t *testing.T) {
	r := stack.Release{ID: "aaaa", Project: "shop", Services: []stack.Service{
		{Name: "edge", Layer: stack.LayerEdge, Deployed: true, Ports: []stack.Port{{Published: "80", Protocol: "tcp"}, {Published: "443", Protocol: "tcp"}}}}}
	plan := stack.Plan{Steps: []stack.Step{{Kind: stack.StepEdge, Services: []string{"edge"}}}}
	ours, another := map[string]string{stack.LabelProject: "shop"}, map[string]string{stack.LabelProject: "blog"}
	for name, c := range map[string]struct {
		there stack.Container
		want  string // "": it may be published
	}{
		"plain compose":         {publishing("80", "0.0.0.0", nil, "", "site"), "write `project: site`"},
		"a container by hand":   {publishing("443", "", nil, "", ""), "docker inspect other-web-1"},
		"another's edge":        {publishing("443", "::", another, stack.LayerEdge, "blog"), "write `shared: true` in the targets of both projects"},
		"another's service":     {publishing("80", "127.0.0.1", another, stack.LayerApp, "blog-bbbb"), "project blog needs it"},
		"the project's own":     {publishing("80", "", ours, stack.LayerApp, "shop-bbbb"), ""},
		"another port":          {publishing("8080", "", nil, "", "site"), ""},
		"whatever port is free": {publishing("0", "", nil, "", "site"), ""},
	} {
		err := checkPorts(plan, r, stack.Target{Host: "shop.example"}, stack.Observed{Containers: []stack.Container{c.there}})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "nothing was changed")) {
			t.Errorf("%s: %v", name, err)
		}
		c.there.State = "exited"
		if err := checkPorts(plan, r, stack.Target{}, stack.Observed{Containers: []stack.Container{c.there}}); err != nil {
			t.Errorf("%s, which does not run: %v", name, err)
		}
	}
	if err := checkPorts(stack.Plan{}, r, stack.Target{}, stack.Observed{Containers: []stack.Container{publishing("80", "", nil, "", "site")}}); err != nil {
		t.Errorf("a plan that starts nothing: %v", err)
	}
}

func TestTwoAddressesOfAHostAreTwoListeners(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"", "127.0.0.1", true}, {"203.0.113.7", "0.0.0.0", true}, {"203.0.113.7", "203.0.113.7", true}, {"203.0.113.7", "127.0.0.1", false}} {
		if got := sameAddress(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %t", c.a, c.b, got)
		}
	}
}
