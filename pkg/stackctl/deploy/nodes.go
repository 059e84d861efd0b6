package deploy

import (
	"context"
	"slices"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// The gates judge a cluster once as a whole, as its first edge node shows it, and
// what a visitor or a stranger meets once more on every other node.

// otherNodes are the nodes of a cluster that are judged by themselves after a switch.
func otherNodes(t stack.Target, server node.Server, phase stack.Phase) []node.Member {
	if !t.Clustered() || server == nil || phase != stack.PhasePost {
		return nil
	}
	first := firstEdge(t, server)
	return slices.DeleteFunc(server.Members(), func(m node.Member) bool { return m.Name == first })
}

// firstEdge is the edge node by which a cluster is judged as a whole: the first of
// the settings that answers.
func firstEdge(t stack.Target, server node.Server) string {
	for _, n := range t.Labelled(stack.NodeEdge) {
		if slices.ContainsFunc(server.Members(), func(m node.Member) bool { return m.Name == n.Name && !m.Drained }) {
			return n.Name
		}
	}
	return ""
}

// onNode are the gates that look at one node: of those after a switch that change
// nothing on the site, all on an edge node, and on any other what can be reached.
func onNode(list []gate.Gate, m node.Member, t stack.Target) []gate.Gate {
	edge := !m.Drained && slices.ContainsFunc(t.Labelled(stack.NodeEdge), func(n stack.Node) bool { return n.Name == m.Name })
	var out []gate.Gate
	for _, g := range list {
		if g.Mutates || g.Slow || !edge && g.ID != "G5" || !slices.Contains([]string{"G1", "G3", "G5", "G8"}, g.ID) {
			continue
		}
		g.Name += " of " + m.Name
		out = append(out, g)
	}
	return out
}

// seenFirst is a subject as the first edge node shows it, with the containers of all.
func seenFirst(s gate.Subject, server node.Server) gate.Subject {
	if !s.Target.Clustered() || server == nil {
		return s
	}
	first := firstEdge(s.Target, server)
	for _, m := range server.Members() {
		if m.Name == first {
			s.Target, s.Server = onlyOn(s.Target, m), oneHost{s.Server, m}
		}
	}
	return s
}

// onlyOn is one node of a target as a target of its own.
func onlyOn(t stack.Target, m node.Member) stack.Target {
	for _, n := range t.Nodes {
		if n.Name == m.Name {
			return t.On(n)
		}
	}
	return t
}

// seenFrom is a subject as one node shows it.
func seenFrom(s gate.Subject, m node.Member) gate.Subject {
	s.Target, s.Server = onlyOn(s.Target, m), oneNode{oneHost{s.Server, m}}
	s.Artifacts = partOf{s.Artifacts, m.Name}
	return s
}

// partOf keeps artifacts of a node beside those of the others.
type partOf struct {
	gate.Sink
	node string
}

// Artifact keeps an artifact under the node's name.
func (p partOf) Artifact(name string, content []byte) error {
	return p.Sink.Artifact(p.node+"-"+name, content)
}

// edgeNodes are the nodes that visitors reach: those of a cluster that answer, or the one
// server, which has no name.
func edgeNodes(seen stack.Observed) []string {
	if len(seen.Edges) == 0 {
		return []string{""}
	}
	return seen.Edges
}

// onNodeOf are the containers of a service that a node has.
func onNodeOf(seen stack.Observed, project, service, node string) []stack.Container {
	return slices.DeleteFunc(containersOf(seen, project, service), func(c stack.Container) bool { return c.Node != node })
}

// ofNode names a node behind what is on it; nothing on one server.
func ofNode(node string) string {
	if node == "" {
		return ""
	}
	return " of " + node
}

// oneHost runs commands on one node of a cluster.
type oneHost struct {
	gate.Server
	at node.Member
}

// Run executes argv on the node.
func (o oneHost) Run(ctx context.Context, argv ...string) (stack.Output, error) {
	return o.at.Run(ctx, argv...)
}

// oneNode also sees the containers of that node alone.
type oneNode struct{ oneHost }

// Containers are those of the node.
func (o oneNode) Containers(ctx context.Context) ([]stack.Container, error) {
	all, err := o.Server.Containers(ctx)
	return slices.DeleteFunc(all, func(c stack.Container) bool { return c.Node != o.at.Name }), err
}
