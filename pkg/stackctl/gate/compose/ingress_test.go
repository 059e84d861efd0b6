package compose

import (
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestTheIngressNetworkIsForTheEdgeAlone(t *testing.T) {
	network := stack.Network{Name: "front", Real: stack.IngressProject, External: true}
	edge := stack.Service{Name: "edge", Layer: stack.LayerEdge, Deployed: true, Networks: []string{"front", stack.IngressProject}}
	for name, c := range map[string]struct {
		services []stack.Service
		network  stack.Network
		want     bool
	}{
		"the edge":             {[]stack.Service{edge}, network, true},
		"a service beside it":  {[]stack.Service{edge, {Name: "web", Layer: stack.LayerApp, Networks: []string{"front"}}}, network, false},
		"without a shared one": {[]stack.Service{{Name: "edge", Layer: stack.LayerEdge, Deployed: true}}, network, false},
		"another's network":    {[]stack.Service{edge}, stack.Network{Name: "front", Real: "proxy", External: true}, false},
	} {
		if got := ofIngress(stack.Release{Project: "shop", Services: c.services}, c.network); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
