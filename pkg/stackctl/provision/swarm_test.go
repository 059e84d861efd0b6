package provision

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// world is a Swarm and how the nodes of a target stand to it.
type world struct {
	target stack.Target
	at     map[string]Standing
	seen   *Swarm
}

// made is a Swarm of a target's nodes, in which all is as it is to be.
func made(t stack.Target) world {
	w := world{t, map[string]Standing{}, &Swarm{Cluster: "c", History: historyLimit}}
	for i, n := range t.Nodes {
		id := "id-" + n.Name
		w.at[n.Name] = Standing{Cluster: "c", Node: id, Mark: "c"}
		w.seen.Nodes = append(w.seen.Nodes, SwarmNode{ID: id, Hostname: "host" + fmt.Sprint(i), Address: n.Private, Labels: labelsFor(n),
			Manager: i < len(t.Managers()), Leader: i == 0, Ready: true, Reachable: i < len(t.Managers()), State: "ready"})
	}
	return w
}

func (w world) node(name string) *SwarmNode {
	return &w.seen.Nodes[slices.IndexFunc(w.seen.Nodes, func(o SwarmNode) bool { return o.Name() == name })]
}

func (w world) text() string {
	var b strings.Builder
	for _, m := range planSwarm(w.target, func(name string) Standing { return w.at[name] }, w.seen) {
		fmt.Fprintf(&b, "%s: %s, because %s\n", m.Node, m.What, m.Cause)
	}
	return cmp.Or(b.String(), "nothing\n")
}

func TestPlansOfASwarm(t *testing.T) {
	five := three()
	five.Nodes = append(five.Nodes, stack.Node{Name: "node4", Host: "h4", Private: "10.0.0.4"}, stack.Node{Name: "node5", Host: "h5", Private: "10.0.0.5", Labels: []string{"app"}})
	bare := func(t stack.Target) world { return world{t, map[string]Standing{}, nil} }
	leave := func(w world, name string) { w.at[name] = Standing{Mark: "c"} }
	for name, c := range map[string]struct {
		world  world
		differ func(w *world)
		want   string
	}{
		"ready": {made(three()), nil, "nothing\n"},
		"bare": {bare(three()), nil, `node1: begin a Swarm at 10.0.0.1, because there is none
node2: join the Swarm as manager at 10.0.0.2, because it is not in it
node3: join the Swarm as manager at 10.0.0.3, because it is not in it
`},
		"workers after managers": {bare(five), nil, `node1: begin a Swarm at 10.0.0.1, because there is none
node2: join the Swarm as manager at 10.0.0.2, because it is not in it
node3: join the Swarm as manager at 10.0.0.3, because it is not in it
node4: join the Swarm as worker at 10.0.0.4, because it is not in it
node5: join the Swarm as worker at 10.0.0.5, because it is not in it
`},
		"two have one manager": {bare(stack.Target{Nodes: three().Nodes[:2]}), nil, `node1: begin a Swarm at 10.0.0.1, because there is none
node2: join the Swarm as worker at 10.0.0.2, because it is not in it
`},
		"one alone": {bare(stack.Target{Nodes: []stack.Node{{Name: "one", Host: "203.0.113.1"}}}), nil, "one: begin a Swarm at 203.0.113.1, because there is none\n"},
		"one has left": {made(three()), func(w *world) { leave(*w, "node2") }, `node2: take the entry id-node2 out of the Swarm, because its server has left it
node2: join the Swarm as manager at 10.0.0.2, because it is not in it
`},
		"the first has left": {made(three()), func(w *world) { leave(*w, "node1") }, `node1: take the entry id-node1 out of the Swarm, because its server has left it
node1: join the Swarm as manager at 10.0.0.1, because it is not in it
`},
		"half made": {made(three()), func(w *world) {
			w.seen.Nodes = w.seen.Nodes[:1]
			w.at["node2"], w.at["node3"] = Standing{}, Standing{Mark: pendingMark}
			w.at["node1"] = Standing{Cluster: "c", Node: "id-node1", Mark: pendingMark}
			w.node("node1").Labels = nil
		}, `node2: join the Swarm as manager at 10.0.0.2, because it is not in it
node3: join the Swarm as manager at 10.0.0.3, because it is not in it
node1: note on it that this Swarm is stackctl's, because a run before was interrupted
node1: label it node1, edge, data, app, because its labels are none
`},
		"forgotten by the managers": {made(three()), func(w *world) { w.seen.Nodes = w.seen.Nodes[:2] }, `node3: leave the Swarm, because its managers do not know this node any more
node3: join the Swarm as manager at 10.0.0.3, because it is not in it
`},
		"one more": {made(five), func(w *world) {
			w.seen.Nodes = w.seen.Nodes[:4]
			w.at["node5"] = Standing{}
		}, "node5: join the Swarm as worker at 10.0.0.5, because it is not in it\n"},
		"other labels": {made(three()), func(w *world) {
			w.target.Nodes = slices.Clone(w.target.Nodes)
			w.target.Nodes[1].Labels = []string{"data"}
		}, "node2: label it node2, data, because its labels are node2, edge, app\n"},
		"labels of others stay": {made(three()), func(w *world) { w.node("node2").Labels["rack"] = "7" }, "nothing\n"},
		"two become three": {made(stack.Target{Nodes: three().Nodes[:2]}), func(w *world) { w.target = three() }, `node3: join the Swarm as manager at 10.0.0.3, because it is not in it
node2: make it a manager, because it is a worker
`},
		"the order is another": {made(five), func(w *world) {
			n := w.target.Nodes
			w.target.Nodes = []stack.Node{n[0], n[3], n[1], n[2], n[4]}
		}, `node4: make it a manager, because it is a worker
node3: make it a worker, because it is a manager
`},
		"the leader is not demoted": {made(five), func(w *world) {
			n := w.target.Nodes
			w.target.Nodes = []stack.Node{n[1], n[2], n[3], n[0], n[4]}
		}, "node4: make it a manager, because it is a worker\n"},
		"not in the file": {made(five), func(w *world) { w.target.Nodes = w.target.Nodes[:4] }, "nothing\n"},
		"history":         {made(three()), func(w *world) { w.seen.History = 5 }, "node1: keep 2 ended tasks of a service, because it keeps 5\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.differ != nil {
				c.differ(&c.world)
			}
			if got := c.world.text(); got != c.want {
				t.Errorf("plan:\n%swant:\n%s", got, c.want)
			}
		})
	}
}

func TestWhatIsLeftAsItIsIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		differ func(w *world)
		want   string
	}{
		"nothing":           {func(*world) {}, ""},
		"two nodes":         {func(w *world) { w.target.Nodes = w.target.Nodes[:2] }, "two nodes have one manager"},
		"left the file":     {func(w *world) { w.target.Nodes = w.target.Nodes[:2] }, "node3 is in the Swarm (id-node3 at 10.0.0.3) and not in the file: it stays; `stackctl node remove node3`"},
		"a manager is down": {func(w *world) { w.node("node2").Reachable = false }, "node2: this manager does not answer the others"},
		"a worker is down": {func(w *world) {
			n := w.node("node3")
			n.Manager, n.Ready, n.State = false, false, "down"
		}, "node3: the Swarm does not hear of it (down)"},
		"another address": {func(w *world) { w.node("node2").Address = "203.0.113.2" }, "node2: the others reach it at 203.0.113.2, not at 10.0.0.2"},
		"a locked Swarm":  {func(w *world) { w.seen.Locked = true }, "autolock"},
		"the leader is to be a worker": {func(w *world) {
			n := w.target.Nodes
			w.target.Nodes = []stack.Node{n[1], n[2], {Name: "node9"}, n[0]}
		}, "node1: it is to be a worker and leads the Swarm"},
	} {
		w := made(three())
		c.differ(&w)
		if got := strings.Join(SwarmNotes(w.target, w.seen), "\n"); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q lacks %q", name, got, c.want)
		}
	}
}

func TestANodeThatIsNotHeardOfIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		differ func(w *world)
		want   string
	}{
		"none":             {func(*world) {}, "[]"},
		"not ready":        {func(w *world) { w.node("node3").Ready = false }, "[node3: the Swarm does not hear of it]"},
		"a silent manager": {func(w *world) { w.node("node2").Reachable = false }, "[node2: the Swarm does not hear of it]"},
		"its old entry": {func(w *world) {
			w.seen.Nodes = append(w.seen.Nodes, SwarmNode{ID: "old", Labels: w.node("node2").Labels})
		}, "[]"},
		"a stranger is no one": {func(w *world) { w.seen.Nodes = append(w.seen.Nodes, SwarmNode{ID: "x"}) }, "[]"},
	} {
		w := made(three())
		c.differ(&w)
		if got := fmt.Sprint(missing(w.target, w.seen)); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestLinksAreJudged(t *testing.T) {
	nodes := three().Nodes
	links := append(parseLinks("node1", nodes, "10.0.0.3 1450\n10.0.0.2 1500\n10.0.0.9 1500\nping: x\n"), parseLinks("node2", nodes, "10.0.0.1 1500\n10.0.0.3 0\n")...)
	if fmt.Sprint(links) != "[{node1 node2 1500} {node1 node3 1450} {node2 node1 1500} {node2 node3 0}]" {
		t.Errorf("%v", links)
	}
	if got := SmallestMTU(links); got != 1450 {
		t.Errorf("the smallest is %d", got)
	}
	want := "packets from node1 to node3 arrive whole up to 1450 bytes, not 1500\nnode2 does not reach node3 by its private address with ping: see whether their network lets packets through"
	if got := strings.Join(LinkNotes(links), "\n"); got != want {
		t.Errorf("%s", got)
	}
}

func TestOnlyANodeThatMayGoIsRemoved(t *testing.T) {
	for name, c := range map[string]struct {
		node   string
		force  bool
		differ func(w *world)
		want   string
	}{
		"down":          {"node3", false, func(w *world) { w.node("node3").Ready = false }, ""},
		"drained":       {"node3", false, func(w *world) { w.node("node3").Availability = "drain" }, ""},
		"forced":        {"node3", true, func(*world) {}, ""},
		"by its ID":     {"id-node3", true, func(*world) {}, ""},
		"it answers":    {"node3", false, func(*world) {}, "is not drained"},
		"it leads":      {"node1", true, func(*world) {}, "it leads the Swarm"},
		"there is none": {"node9", true, func(*world) {}, "no such node"},
		"there are two": {"node3", true, func(w *world) { w.node("node2").Labels = labelsFor(w.target.Nodes[2]) }, "two of that name"},
	} {
		w := made(three())
		c.differ(&w)
		n, err := removable(w.seen, c.node, c.force)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || err == nil && n.ID != "id-node3" {
			t.Errorf("%s: %v %v", name, n, err)
		}
	}
}

func TestNodesOfTheFileAndOfTheSwarmAreListedOnce(t *testing.T) {
	w := made(three())
	w.seen.Nodes = append(w.seen.Nodes, SwarmNode{ID: "old", Labels: labelsFor(w.target.Nodes[1]), State: "down"}, SwarmNode{ID: "x", Hostname: "stranger"})
	slices.Reverse(w.seen.Nodes)
	w.target.Nodes = append(w.target.Nodes, stack.Node{Name: "node4", Host: "h4", Private: "10.0.0.4"})
	var got []string
	for _, n := range Listed(w.target, w.seen) {
		got = append(got, fmt.Sprint(cmp.Or(n.Name, n.Hostname), " ", n.ID, " ", n.Role, " ", n.Labels, " ", n.State, " ", n.InFile, " ", n.InSwarm))
	}
	want := []string{
		"node1 id-node1 leader [edge data app] ready true true", "node2 id-node2 manager [edge app] ready true true", "node3 id-node3 manager [app] ready true true",
		"node4   [edge data app]  true false", "stranger x worker []  false true", "node2 old worker [edge app] down false true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}
