package operate

import (
	"slices"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestTheIngressOfASharedServer(t *testing.T) {
	kept := stack.Release{Project: "shop", Services: []stack.Service{{Name: "edge", Layer: stack.LayerEdge, Deployed: true, Networks: []string{stack.IngressProject}}}}
	running := stack.Container{Project: stack.IngressProject, Service: stack.IngressService, State: "running", Health: "healthy"}
	hosts := map[string][]string{"shop": {"example.org"}, "notes": {"example.net"}, "blog": {"example.com"}}
	if i := ingressOf(stack.Release{Project: "shop"}, stack.Observed{Containers: []stack.Container{running}, Ingress: hosts}); i != nil {
		t.Errorf("a release that shares nothing has %+v", i)
	}
	for name, c := range map[string]struct {
		change  func(*stack.Observed)
		problem string
	}{
		"well":          {func(*stack.Observed) {}, ""},
		"gone":          {func(o *stack.Observed) { o.Containers = nil }, "is not there"},
		"stopped":       {func(o *stack.Observed) { o.Containers[0].State = "exited" }, "is exited"},
		"ill":           {func(o *stack.Observed) { o.Containers[0].Health = "unhealthy" }, "is unhealthy"},
		"without hosts": {func(o *stack.Observed) { o.Ingress = map[string][]string{"notes": {"example.net"}} }, "leads nobody here"},
	} {
		seen := stack.Observed{Containers: []stack.Container{running}, Ingress: hosts}
		c.change(&seen)
		i := ingressOf(kept, seen)
		if i == nil || i.Problem != c.problem {
			t.Fatalf("%s: %+v", name, i)
		}
		if name == "well" && (!slices.Equal(i.Others, []string{"blog", "notes"}) || !slices.Equal(i.Hosts, []string{"example.org"})) {
			t.Errorf("it is %+v", i)
		}
		h := Health{State: "good"}
		if h.behind(i); (h.State == "good") != (c.problem == "") || (len(h.Advice) == 0) != (c.problem == "") {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

func TestTheIngressOfEachEdgeNodeIsLookedAt(t *testing.T) {
	kept := stack.Release{Project: "shop", Services: []stack.Service{{Name: "edge", Layer: stack.LayerEdge, Deployed: true, Networks: []string{stack.IngressProject}}}}
	on := func(node, state string) stack.Container {
		return stack.Container{Project: stack.IngressProject, Service: stack.IngressService, State: state, Node: node}
	}
	seen := stack.Observed{Edges: []string{"one", "two"}, Ingress: map[string][]string{"shop": {"example.org"}}, Containers: []stack.Container{on("one", "running"), on("two", "running"), on("", "created")}}
	if i := ingressOf(kept, seen); i.Problem != "" || i.Node != "" {
		t.Errorf("a node that is away: %+v", i)
	}
	seen.Containers[1].State = "exited"
	h := Health{State: "good"}
	if h.behind(ingressOf(kept, seen)); len(h.Problems) != 1 || h.Problems[0] != "the ingress of two is exited" {
		t.Errorf("%v", h.Problems)
	}
}
