package swarm

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/swarm"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/stack"
)

// edgeNodes are two nodes that visitors reach, and one that they do not.
var edgeNodes = []stack.Node{{Name: "one", Labels: []string{"edge", "data"}}, {Name: "two", Labels: []string{"edge"}}, {Name: "three", Labels: []string{"app"}}}

// placed are the Swarm services of a compose file, by name.
func placed(t *testing.T, project, compose string) map[string]swarm.ServiceSpec {
	t.Helper()
	p, err := engine.Project(context.Background(), project, []byte(compose))
	if err != nil {
		t.Fatal(err)
	}
	slots, err := Place(Demands(p), edgeNodes, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, out := blueprint{project: p, nodes: edgeNodes}, map[string]swarm.ServiceSpec{}
	for _, s := range slots {
		spec, err := b.spec(p.Services[s.Service], s)
		if err != nil {
			t.Fatal(err)
		}
		if len(spec.Name) > 63 {
			t.Errorf("%s has %d characters, a Swarm service may have 63", spec.Name, len(spec.Name))
		}
		out[spec.Name] = spec
	}
	return out
}

func TestEachEdgeNodeHasAnIngress(t *testing.T) {
	compose, err := edge.IngressCompose("sha256:1", true)
	if err != nil {
		t.Fatal(err)
	}
	specs := placed(t, stack.IngressProject, string(compose))
	var nodes []string
	for name, s := range specs {
		nodes = append(nodes, s.TaskTemplate.Placement.Constraints...)
		if n := s.TaskTemplate.Networks; len(n) != 1 || n[0].Target != stack.IngressProject || len(n[0].Aliases) != 0 {
			t.Errorf("%s is on %+v", name, n)
		}
		var ports []uint32
		for _, p := range s.EndpointSpec.Ports {
			if p.PublishMode == swarm.PortConfigPublishModeHost {
				ports = append(ports, p.PublishedPort)
			}
		}
		if !slices.Equal(ports, []uint32{80, 443}) || s.TaskTemplate.ContainerSpec.Healthcheck.StartInterval == 0 {
			t.Errorf("%s holds %v of its node", name, ports)
		}
	}
	slices.Sort(nodes)
	if !slices.Equal(nodes, []string{"node.labels.dev.stackctl.node==one", "node.labels.dev.stackctl.node==two"}) {
		t.Errorf("they are on %v", nodes)
	}
	if a, b := serviceName(stack.IngressProject, stack.Slot{N: 1, Nodes: []string{"two"}}), serviceName(stack.IngressProject, stack.Slot{N: 2, Nodes: []string{"two"}}); a != b || specs[a].Name == "" {
		t.Errorf("the ingress of a node is %s and %s, in the order of the settings", a, b)
	}
}

func TestTheIngressOfANodeMeetsTheEdgesOfItsNode(t *testing.T) {
	alias := stack.IngressAlias("shop")
	base := "services:\n  proxy:\n    image: sha256:1\n    labels: {dev.stackctl.layer: edge}\n    networks: {front: {}, stackctl-ingress: {aliases: [" + alias + "]}}\nnetworks:\n  front: {name: shop_front}\n  stackctl-ingress: {name: stackctl-ingress, external: true}\n"
	for name, node := range map[string]string{"shop-proxy-1": "one", "shop-proxy-2": "two"} {
		var front, ingress []string
		for _, n := range placed(t, "shop", base)[name].TaskTemplate.Networks {
			if n.Target == stack.IngressProject {
				ingress = n.Aliases
			} else {
				front = n.Aliases
			}
		}
		if !slices.Equal(ingress, []string{stack.OnNode(alias, node)}) || !slices.Contains(front, "proxy") {
			t.Errorf("%s is %v to the ingress, and %v to its services", name, ingress, front)
		}
	}
	f, err := edge.IngressRoutes("shop", alias, "two", []string{"shop.org"})
	if err != nil || !strings.Contains(string(f.Content), stack.OnNode(alias, "two")+":443") || strings.Contains(string(f.Content), alias) {
		t.Errorf("%v: the ingress of node two leads to\n%s", err, f.Content)
	}
}

func TestACopyOfAnEdgeIsOnEachEdgeNode(t *testing.T) {
	owner := strings.Repeat("s", 40)
	specs := placed(t, stack.StandbyProject(owner), "services:\n  stackctl-edge:\n    image: sha256:1\n    networks: {stackctl-ingress: {aliases: ["+stack.StandbyAlias(owner)+"]}}\nnetworks: {stackctl-ingress: {external: true}}\n")
	if len(specs) != 2 {
		t.Errorf("there are %d copies on two edge nodes", len(specs))
	}
	for project, home := range map[string]bool{stack.StandbyProject("shop"): false, stack.TrialProject("shop"): true, stack.IngressProject: false, "shop": false} {
		if atHome(project) != home {
			t.Errorf("%s runs at home: %t", project, !home)
		}
	}
}

func TestAnIngressThatRunsIsReplacedForANewerOneAlone(t *testing.T) {
	service := func(version string, replicas uint64) swarm.Service {
		return swarm.Service{Spec: swarm.ServiceSpec{Annotations: swarm.Annotations{Labels: map[string]string{stack.LabelIngress: version}},
			Mode: swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &replicas}}}}
	}
	two := service("2", 1).Spec
	for name, c := range map[string]struct {
		there swarm.Service
		spec  swarm.ServiceSpec
		stays bool
	}{
		"an older one":   {service("1", 1), two, false},
		"the same":       {service("2", 1), two, true},
		"a newer one":    {service("3", 1), two, true},
		"one stopped":    {service("2", 0), two, false},
		"one of no note": {service("", 1), two, false},
		"no ingress":     {service("", 1), service("", 1).Spec, false},
	} {
		if asNew(c.there, c.spec) != c.stays {
			t.Errorf("%s: it stays %t", name, !c.stays)
		}
	}
}
