package stack

import (
	"slices"
	"strings"
)

// What a node of a target may be for.
const (
	// NodeEdge is the label of a node that visitors reach: it has ports 80 and 443.
	NodeEdge = "edge"
	// NodeData is the label of a node that services of the layer data may be placed on.
	NodeData = "data"
	// NodeApp is the label of a node that services of the layer app may be placed on.
	NodeApp = "app"
)

// Node is one server of a target that has several. They form one Swarm.
type Node struct {
	// Name is what the node is called in plans and reports, and its label
	// dev.stackctl.node in the Swarm; the server's own host name may be another.
	Name string `mapstructure:"name"`
	// Host is the address or name that SSH connects to, Port its port.
	Host string `mapstructure:"host"`
	Port int    `mapstructure:"port"`
	// Private is the address by which the nodes reach each other.
	Private string `mapstructure:"private"`
	// Labels are what the node is for: edge, data, app. None means all.
	Labels []string `mapstructure:"labels"`
	// Reached is the node as a target of its own, with what ssh's settings say of it;
	// nil: they were not read.
	Reached *Target `mapstructure:"-" json:"-"`
}

// Has reports whether a node is for what a label says.
func (n Node) Has(label string) bool { return len(n.Labels) == 0 || slices.Contains(n.Labels, label) }

// Clustered reports whether the target is more than one server.
func (t Target) Clustered() bool { return len(t.Nodes) > 0 }

// Where returns the address of the server, or the names of the nodes, for people.
func (t Target) Where() string {
	if !t.Clustered() {
		return t.Host
	}
	var names []string
	for _, n := range t.Nodes {
		names = append(names, n.Name)
	}
	return strings.Join(names, ", ")
}

// On is one node of a target as a target of its own.
func (t Target) On(n Node) Target {
	if n.Reached != nil {
		return *n.Reached
	}
	t.Host, t.Nodes = n.Host, nil
	if n.Port != 0 {
		t.Port = n.Port
	}
	t.Edge.Address = ""
	return t
}

// Managers are the nodes that manage the Swarm, in the order of the file: one, or
// with three nodes and more the first three. Two would survive nothing.
func (t Target) Managers() []Node {
	if len(t.Nodes) < 3 {
		return t.Nodes[:min(len(t.Nodes), 1)]
	}
	return t.Nodes[:3]
}

// Labelled are the nodes that are for what a label says, in the order of the file.
func (t Target) Labelled(label string) []Node {
	var out []Node
	for _, n := range t.Nodes {
		if n.Has(label) {
			out = append(out, n)
		}
	}
	return out
}
