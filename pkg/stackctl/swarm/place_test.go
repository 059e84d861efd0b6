package swarm_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/swarm"
)

var three = []stack.Node{
	{Name: "one", Labels: []string{"edge", "data", "app"}},
	{Name: "two", Labels: []string{"edge", "app"}},
	{Name: "three", Labels: []string{"app"}},
}

func told(slots []stack.Slot) string {
	var out []string
	for _, s := range slots {
		out = append(out, s.String())
	}
	return strings.Join(out, "\n")
}

func TestEachContainerHasItsPlaceWithTheCause(t *testing.T) {
	for name, c := range map[string]struct {
		demands []swarm.Demand
		away    []string
		held    map[string]string
		want    string
	}{
		"one anywhere": {demands: []swarm.Demand{{Service: "web", Layer: stack.LayerApp, Replicas: 1}},
			want: "web-1 runs on one or two or three: it keeps nothing on a node"},
		"two share no node": {demands: []swarm.Demand{{Service: "web", Layer: stack.LayerApp, Replicas: 2}},
			want: "web-1 runs on one or three: it keeps nothing on a node\nweb-2 runs on two: it keeps nothing on a node"},
		"more than nodes": {demands: []swarm.Demand{{Service: "web", Layer: stack.LayerApp, Replicas: 4}},
			want: "web-1 runs on one: it keeps nothing on a node\nweb-2 runs on two: it keeps nothing on a node\nweb-3 runs on three: it keeps nothing on a node\nweb-4 runs on one: it keeps nothing on a node"},
		"an edge on each edge node": {demands: []swarm.Demand{{Service: "edge", Layer: stack.LayerEdge, Replicas: 1, Volumes: []string{"acme"}}}, held: map[string]string{"acme": "two"},
			want: "edge-1 runs on one: it is an edge node\nedge-2 runs on two: it is an edge node"},
		"an edge keeps its number while the first is away": {demands: []swarm.Demand{{Service: "edge", Layer: stack.LayerEdge, Replicas: 1}}, away: []string{"one"},
			want: "edge-2 runs on two: it is an edge node"},
		"new data": {demands: []swarm.Demand{{Service: "db", Layer: stack.LayerData, Replicas: 1, Volumes: []string{"pg"}}},
			want: "db-1 runs on one: one is the first data node"},
		"data stays where it is": {demands: []swarm.Demand{{Service: "db", Layer: stack.LayerData, Replicas: 1, Volumes: []string{"pg"}}}, held: map[string]string{"pg": "three"},
			want: "db-1 runs on three: volume pg is on three"},
		"also while its node is away": {demands: []swarm.Demand{{Service: "db", Layer: stack.LayerData, Replicas: 1, Volumes: []string{"pg"}}}, held: map[string]string{"pg": "one"}, away: []string{"one"},
			want: "db-1 runs on one: volume pg is on one"},
		"who shares a volume shares a node": {demands: []swarm.Demand{
			{Service: "a", Layer: stack.LayerApp, Replicas: 1, Volumes: []string{"x"}}, {Service: "b", Layer: stack.LayerApp, Replicas: 1, Volumes: []string{"x", "y"}}, {Service: "c", Layer: stack.LayerData, Replicas: 1, Volumes: []string{"y"}}},
			held: map[string]string{"y": "two"},
			want: "a-1 runs on two: volume y is on two\nb-1 runs on two: volume y is on two\nc-1 runs on two: volume y is on two"},
		"a port is where visitors are": {demands: []swarm.Demand{{Service: "git", Layer: stack.LayerApp, Replicas: 1, Publishes: true}},
			want: "git-1 runs on one or two: visitors reach edge nodes alone"},
		"nothing new where nobody answers": {demands: []swarm.Demand{{Service: "web", Layer: stack.LayerApp, Replicas: 2}}, away: []string{"two"},
			want: "web-1 runs on one: it keeps nothing on a node\nweb-2 runs on three: it keeps nothing on a node"},
	} {
		got, err := swarm.Place(c.demands, three, c.away, c.held)
		if err != nil || told(got) != c.want {
			t.Errorf("%s: %v\n%s\nnot\n%s", name, err, told(got), c.want)
		}
	}
}

func TestWhatHasNoPlaceIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		demands []swarm.Demand
		away    []string
		held    map[string]string
		want    string
	}{
		"two volumes on two nodes":    {[]swarm.Demand{{Service: "db", Replicas: 1, Volumes: []string{"a", "b"}}}, nil, map[string]string{"a": "one", "b": "two"}, "they cannot be on two nodes"},
		"data of a stranger":          {[]swarm.Demand{{Service: "db", Replicas: 1, Volumes: []string{"a"}}}, nil, map[string]string{"a": "elsewhere"}, "is no node of the target"},
		"a port where no visitor is":  {[]swarm.Demand{{Service: "git", Replicas: 1, Publishes: true, Volumes: []string{"a"}}}, nil, map[string]string{"a": "three"}, "visitors reach edge nodes alone"},
		"a port more often than edge": {[]swarm.Demand{{Service: "git", Replicas: 3, Publishes: true}}, nil, nil, "there are 2 edge nodes"},
		"new data, no data node":      {[]swarm.Demand{{Service: "db", Replicas: 1, Volumes: []string{"a"}}}, []string{"one"}, nil, "those labelled data are away"},
		"no app node":                 {[]swarm.Demand{{Service: "web", Replicas: 1}}, []string{"one", "two", "three"}, nil, "those labelled app"},
	} {
		if got, err := swarm.Place(c.demands, three, c.away, c.held); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %v", name, told(got), err)
		}
	}
}

// The placement of a large cluster takes far less than a second: 100 nodes, 200
// services, 5 replicas.
func TestALargeClusterIsPlaced(t *testing.T) {
	var nodes []stack.Node
	for i := range 100 {
		nodes = append(nodes, stack.Node{Name: fmt.Sprintf("n%d", i)})
	}
	var demands []swarm.Demand
	for i := range 200 {
		demands = append(demands, swarm.Demand{Service: fmt.Sprintf("s%d", i), Layer: stack.LayerApp, Replicas: 5})
	}
	began := time.Now()
	got, err := swarm.Place(demands, nodes, nil, nil)
	if err != nil || len(got) != 1000 {
		t.Fatalf("%d slots, %v", len(got), err)
	}
	t.Logf("%s", time.Since(began))
	for i := 0; i < len(got); i += 5 {
		var all []string
		for _, s := range got[i : i+5] {
			all = append(all, s.Nodes...)
		}
		slices.Sort(all)
		if len(slices.Compact(all)) != 100 {
			t.Fatalf("the containers of %s share nodes", got[i].Service)
		}
	}
}

// Where the databases are elsewhere, no node is for data; what keeps some is refused.
func TestDataHasNoPlaceWhereNoNodeIsForIt(t *testing.T) {
	nodes := []stack.Node{{Name: "one", Labels: []string{"edge", "app"}}, {Name: "two", Labels: []string{"app"}}}
	client := swarm.Demand{Service: "client", Layer: stack.LayerData, Replicas: 1}
	slots, err := swarm.Place([]swarm.Demand{client}, nodes, nil, nil)
	if err != nil || len(slots) != 1 || !slices.Equal(slots[0].Nodes, []string{"one", "two"}) {
		t.Errorf("%+v, %v", slots, err)
	}
	store := swarm.Demand{Service: "db", Layer: stack.LayerData, Replicas: 1, Volumes: []string{"pg"}}
	if _, err := swarm.Place([]swarm.Demand{store}, nodes, nil, nil); err == nil || !strings.Contains(err.Error(), "service db has no node: it keeps data, and none is labelled data") {
		t.Error(err)
	}
}
