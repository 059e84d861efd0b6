package provision

import (
	"slices"

	"stackctl/pkg/stackctl/stack"
)

// ListedNode is a node of a target, of its Swarm, or of both.
type ListedNode struct {
	Name string `json:"name"`
	// Host is what SSH connects to; empty where the file does not name the node.
	Host string `json:"host,omitempty"`
	// Role is leader, manager or worker; empty where it is not in the Swarm.
	Role   string   `json:"role,omitempty"`
	Labels []string `json:"labels"`
	SwarmNode
	InFile  bool `json:"in_file"`
	InSwarm bool `json:"in_swarm"`
}

// Listed are the nodes of a target in the order of its file, and then those that its
// Swarm has beside them.
func Listed(t stack.Target, seen *Swarm) []ListedNode {
	out := make([]ListedNode, 0, len(t.Nodes))
	var further []SwarmNode
	if seen != nil {
		further = slices.Clone(seen.Nodes)
	}
	for _, n := range t.Nodes {
		one := ListedNode{Name: n.Name, Host: n.Host, Labels: words(n)[1:], InFile: true, SwarmNode: SwarmNode{Address: n.Private}}
		named := func(o SwarmNode) bool { return o.Name() == n.Name }
		at := slices.IndexFunc(further, func(o SwarmNode) bool { return named(o) && o.Ready })
		if at < 0 {
			at = slices.IndexFunc(further, named)
		}
		if at >= 0 {
			one.in(further[at])
			further = slices.Delete(further, at, at+1)
		}
		out = append(out, one)
	}
	for _, o := range further {
		one := ListedNode{Name: o.Name()}
		one.in(o)
		out = append(out, one)
	}
	return out
}

// in adds what the Swarm has of a node.
func (l *ListedNode) in(o SwarmNode) {
	l.SwarmNode, l.Role, l.InSwarm, l.Labels = o, o.Role(), true, ownLabels(o)
	if o.Name() != "" {
		l.Labels = l.Labels[1:]
	}
	if l.Labels == nil {
		l.Labels = []string{} // never null in JSON
	}
}
