package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// severalEdges is the shop's release for a cluster with more than one edge.
func severalEdges() Wanted {
	want := wantedShop()
	want.Release.Edge.Edges = 2
	want.Release.Edge.Routes = []stack.Route{{Name: "api", Hosts: []string{"shop.example"}, Resolver: "le"}}
	return want
}

func TestAClustersEdgesTryTheWayAndGetTheirCertificates(t *testing.T) {
	got := planText(severalEdges(), seenShop())
	for _, want := range []string{
		"gates pre-switch, no user sees a release that was not judged\n[7] reach release bbbbbbbbbbbb from every edge, its containers are new to the other nodes\n[8] switch the edge",
		"[8] switch the edge to release bbbbbbbbbbbb, it points at aaaaaaaaaaaa\n[9] certificates of every edge, each orders its own\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the plan lacks %q:\n%s", want, got)
		}
	}
	seen := done()
	plan := Plan(severalEdges(), seen)
	if plan.Changes() || strings.Contains(plan.String(), "reach") {
		t.Errorf("nothing changed, and it plans\n%s", plan)
	}
}

func TestWaysToUpstreams(t *testing.T) {
	r := stack.Release{ID: "0123456789ab", Services: []stack.Service{{Name: "pages", Layer: stack.LayerApp, Deployed: true}, {Name: "own", Layer: stack.LayerData, Deployed: true},
		{Name: "plain", Layer: stack.LayerData, Deployed: true}, {Name: "pgadmin", Layer: stack.LayerData}}}
	pages := r.Upstreams()["pages"]
	got := waysTo(r, map[string][]string{"a": {"http://" + pages + ":8080"}, "b": {"https://own"}, "c": {"http://plain"}, "d": {"http://" + pages + ":8080"}, "e": nil,
		"not chosen": {"http://pgadmin:80"}, "elsewhere": {"https://example.com"}, "none": {"http://"}})
	if want := []string{"own", "443", pages, "8080", "plain", "80"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// clusterServer is a server of some members, all that is asked of it here.
type clusterServer struct {
	node.Server
	names []string
}

func (c clusterServer) Members() []node.Member {
	var out []node.Member
	for _, n := range c.names {
		out = append(out, node.Member{Name: n})
	}
	return out
}

func (c clusterServer) Containers(context.Context) ([]stack.Container, error) {
	return []stack.Container{{Name: "a", Node: "one"}, {Name: "b", Node: "two"}, {Name: "c", Node: "two"}}, nil
}

func (c clusterServer) Run(context.Context, ...string) (stack.Output, error) {
	return stack.Output{}, errors.New("asked of the cluster")
}

func TestGatesLookAtEachNode(t *testing.T) {
	target := stack.Target{Host: "203.0.113.1", Nodes: []stack.Node{
		{Name: "one", Host: "203.0.113.1", Labels: []string{"data", "app"}}, {Name: "two", Host: "203.0.113.2", Labels: []string{"edge"}}, {Name: "three", Host: "203.0.113.3", Labels: []string{"app"}}}}
	server := clusterServer{names: []string{"one", "three", "two"}}
	var others []string
	for _, m := range otherNodes(target, server, stack.PhasePost) {
		others = append(others, m.Name)
	}
	if !slices.Equal(others, []string{"one", "three"}) || otherNodes(target, server, stack.PhasePre) != nil || otherNodes(stack.Target{}, server, stack.PhasePost) != nil {
		t.Errorf("by themselves are judged %v", others)
	}
	first := seenFirst(gate.Subject{Target: target, Server: server}, server)
	if first.Target.Host != "203.0.113.2" {
		t.Errorf("the whole is judged at %s", first.Target.Host)
	}
	list := []gate.Gate{{ID: "G1", Name: "acme"}, {ID: "G4", Name: "auth", Mutates: true}, {ID: "G5", Name: "exposure"}, {ID: "G7", Name: "jobs"}, {ID: "G8", Name: "headers"}, {ID: "G8", Name: "changes", Mutates: true}, {ID: "G8", Name: "takes long", Slow: true}}
	for name, want := range map[string]string{"one": "exposure of one", "two": "acme of two, exposure of two, headers of two"} {
		var got []string
		for _, g := range onNode(list, node.Member{Name: name}, target) {
			got = append(got, g.Name)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	seen := seenFrom(gate.Subject{Target: target, Server: server}, node.Member{Name: "two"})
	containers, err := seen.Server.Containers(t.Context())
	if err != nil || len(containers) != 2 || seen.Target.Host != "203.0.113.2" || seen.Target.Clustered() {
		t.Errorf("%v %v %+v", err, containers, seen.Target)
	}
}

// onNodes is the shop's release on four nodes: the API may run on two of them, and a
// third takes one of its containers over.
func onNodes() (Wanted, stack.Observed) {
	want, seen := severalEdges(), seenShop()
	want.Slots = []stack.Slot{
		{Service: "db", N: 1, Nodes: []string{"n2"}, Cause: "volume shop_pg is on n2"},
		{Service: "api", N: 1, Nodes: []string{"n2", "n4"}, Cause: "it keeps nothing on a node"},
		{Service: "api", N: 2, Nodes: []string{"n3"}, Cause: "it keeps nothing on a node"},
		{Service: "migrate", N: 1, Nodes: []string{"n3"}, Cause: "it keeps nothing on a node"},
	}
	seen.Host.Node = "n1"
	seen.Images = []stack.HostImage{{ID: "sha256:aaaa", Nodes: []string{"n1", "n2", "n3"}}, {ID: "sha256:cccc", Tags: []string{"postgres:16"}, Nodes: []string{"n1", "n2"}}}
	return want, seen
}

func TestAnImageGoesToTheNodesThatMayRunIt(t *testing.T) {
	want, seen := onNodes()
	steps := func() string {
		var out []string
		for _, s := range Plan(want, seen).Steps {
			if len(s.Nodes) > 0 {
				out = append(out, s.String()+" → "+strings.Join(s.Nodes, " "))
			}
		}
		return strings.Join(out, "\n")
	}
	check := func(when, want string) {
		t.Helper()
		if got := steps(); got != want {
			t.Errorf("%s:\n%s\nnot\n%s", when, got, want)
		}
	}
	check("a new image", "ship-image shop/api:dev, each of n2, n3, n4 lacks bbbb → n2 n3 n4")
	seen.Images = append(seen.Images, stack.HostImage{ID: "sha256:bbbb", Nodes: []string{"n2", "n3", "n4"}})
	check("all have it", "")
	seen.Images[2].Nodes = []string{"n2", "n3"}
	check("one came back without it", "ship-image shop/api:dev, n4 lacks bbbb → n4")
	seen.Host.Away = []string{"n4"}
	check("it is away", "")
	seen.Images[1].Nodes = []string{"n2"}
	check("the records are kept elsewhere now", "pull-image postgres:16, n1 lacks it and no archive holds it → n1")
	seen.Images[1].Nodes, want.DataNodes = []string{"n1", "n2"}, []string{"n2", "n3"}
	check("another node may get the data", "pull-image postgres:16, n3 lacks it and no archive holds it → n3")
	if got := Plan(want, seen).String(); !strings.Contains(got, "api-1 runs on n2 or n4: it keeps nothing on a node") {
		t.Errorf("the plan does not tell where containers run:\n%s", got)
	}
}

func TestClocksThatAreApartAreTold(t *testing.T) {
	want, seen := onNodes()
	for skew, told := range map[time.Duration]bool{4 * time.Second: false, 37 * time.Second: true} {
		seen.Host.Skew = skew
		if got := Plan(want, seen).String(); strings.Contains(got, "the clocks of the nodes are 37s apart") != told {
			t.Errorf("%s:\n%s", skew, got)
		}
	}
}

// What is sent grows with the nodes that need an image, not with the cluster.
func TestALargerClusterIsSentNoMore(t *testing.T) {
	sent := func(nodes int) (n int) {
		want, seen := onNodes()
		for i := range nodes {
			seen.Images = append(seen.Images, stack.HostImage{ID: "sha256:dddd", Nodes: []string{fmt.Sprint("more", i)}})
		}
		for _, s := range Plan(want, seen).Steps {
			n += len(s.Nodes)
		}
		return n
	}
	if few, many := sent(0), sent(100); few != 3 || many != 3 {
		t.Errorf("%d and %d transfers", few, many)
	}
}

// onEdgeNodes is a cluster of two edge nodes whose edges are behind an ingress on each.
func onEdgeNodes() stack.Observed {
	seen := ingressed(seenShop(), map[string][]string{"shop": {"a.org"}})
	seen.Edges = []string{"one", "two"}
	for i := range seen.Containers {
		seen.Containers[i].Node = "one"
	}
	for _, service := range []string{"edge", stack.IngressService} {
		other := *of(seen, service)
		other.Node = "two"
		seen.Containers = append(seen.Containers, other)
	}
	return seen
}

func TestTheIngressOfEachEdgeNodeRuns(t *testing.T) {
	const anew = "every project behind it"
	last := func(o *stack.Observed) *stack.Container { return &o.Containers[len(o.Containers)-1] }
	for name, c := range map[string]struct {
		change func(*stack.Observed)
		want   string
		anew   bool
	}{
		"well":                      {func(*stack.Observed) {}, "", false},
		"one is not there":          {func(o *stack.Observed) { o.Containers = o.Containers[:len(o.Containers)-1] }, "ingress to shop, on two it is not there", false},
		"one has ended":             {func(o *stack.Observed) { last(o).State = "exited" }, "ingress to shop, on two it is exited", true},
		"a node is away":            {func(o *stack.Observed) { o.Edges, last(o).Node, last(o).State = []string{"one"}, "", "created" }, "", false},
		"a node missed where to":    {func(o *stack.Observed) { o.Astray = []string{"shop"} }, "ingress to shop, a run that was cut off left it at a copy of the edge, or a node that was away missed where it leads", false},
		"the edge of a node is off": {func(o *stack.Observed) { o.Containers[len(o.Containers)-2].Node = "" }, "edge edge, edge does not run on two", false},
	} {
		seen := onEdgeNodes()
		c.change(&seen)
		plan := Plan(sharedShop("a.org"), seen)
		got, _, _ := strings.Cut(ingressSteps(plan), " a.org")
		got, _, _ = strings.Cut(got, "commit")
		if got = strings.TrimSpace(got); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if strings.Contains(strings.Join(plan.Notes, "\n"), anew) != c.anew {
			t.Errorf("%s: the notes are %v", name, plan.Notes)
		}
	}
}

func TestACopyServesOnEachNodeWhileTheEdgesAreReplaced(t *testing.T) {
	want, seen := sharedShop("a.org"), onEdgeNodes()
	want.Release.Services[2].Definition = "edge-2"
	if got := replacedEdge(Plan(want, seen)); got != "standby aaaaaaaaaaaa; edge ; ingress a.org" {
		t.Errorf("it is %s", got)
	}
	seen.Containers = seen.Containers[:len(seen.Containers)-1]
	if got := replacedEdge(Plan(want, seen)); strings.Contains(got, "standby") {
		t.Errorf("the ingress of a node does not run, and a copy is to serve: %s", got)
	}
}

// A port is held on the nodes that visitors reach; what another node has is in nobody's way.
func TestWhoHoldsAPortOfAnEdgeNodeIsInTheWay(t *testing.T) {
	for node, refused := range map[string]bool{"two": true, "three": false} {
		seen := onEdgeNodes()
		seen.Containers = append(seen.Containers, stack.Container{Name: "web", Project: "web", State: "running", Ports: webPorts, Node: node})
		if err := checkIngress(sharedShop("a.org").Release, stack.Target{}, seen); (err != nil) != refused {
			t.Errorf("held on %s: %v", node, err)
		}
	}
}

// nodesRoutes is a host with the routes of a release, which other nodes have too or not.
type nodesRoutes struct {
	keeping
	alike bool
}

const routesOfA = "# stackctl: release aaaaaaaaaaaa\nhttp: {}\n"

func (nodesRoutes) List(context.Context, string) ([]fs.FileInfo, error) {
	info, err := fs.Stat(fstest.MapFS{"routes.yml": {Data: []byte(routesOfA)}}, "routes.yml")
	return []fs.FileInfo{info}, err
}

func (nodesRoutes) ReadFile(context.Context, string) ([]byte, error) { return []byte(routesOfA), nil }

func (r nodesRoutes) Hashes(_ context.Context, _ string, paths []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range paths {
		if r.alike {
			out[p] = stack.Sum([]byte(routesOfA))
		}
	}
	return out, nil
}

func TestRoutesCountOnlyWhereAllNodesHaveThem(t *testing.T) {
	for alike, want := range map[bool]string{true: stack.Sum([]byte(routesOfA)), false: ""} {
		host := nodesRoutes{keeping{clock: time.Now, records: map[string][]byte{}}, alike}
		seen, err := node.Observe(t.Context(), host, stack.Target{}, nil, time.Now())
		if err != nil || seen.Live != "aaaaaaaaaaaa" || seen.Files[stack.DynamicPath("routes.yml")] != want {
			t.Errorf("alike %t: %v, live %q, files %v", alike, err, seen.Live, seen.Files)
		}
	}
}
