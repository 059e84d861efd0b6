package swarm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// Demand is what the placement of a service depends on.
type Demand struct {
	Service string
	Layer   stack.Layer
	// Replicas is how many containers there are to be; an edge has one on each edge node.
	Replicas int
	// Volumes are the volumes that it mounts, by their names on a node.
	Volumes []string
	// Publishes reports whether it publishes ports of a node.
	Publishes bool
}

// Place assigns the containers of services to nodes. held names the node that has a
// volume already. What keeps data stays where the data is; what is placed for the
// first time goes to the first node of its kind. Two containers of one service share
// no node as long as there are enough. Nothing new is placed on a node that is away;
// an edge there keeps its number. It depends on nothing else, so that a plan and its
// execution agree.
func Place(demands []Demand, nodes []stack.Node, away []string, held map[string]string) ([]stack.Slot, error) {
	homes, err := settle(demands, nodes, away, held)
	if err != nil {
		return nil, err
	}
	var out []stack.Slot
	for _, d := range demands {
		slots, err := place(d, nodes, away, homes[d.Service])
		if err != nil {
			return nil, err
		}
		out = append(out, slots...)
	}
	return out, nil
}

func place(d Demand, nodes []stack.Node, away []string, at home) ([]stack.Slot, error) {
	all := labelled(nodes, stack.NodeEdge)
	edges, apps := without(all, away), without(labelled(nodes, stack.NodeApp), away)
	switch {
	case d.Layer == stack.LayerEdge:
		var out []stack.Slot
		for i, n := range all {
			if slices.Contains(edges, n) {
				out = append(out, stack.Slot{Service: d.Service, N: i + 1, Nodes: []string{n}, Cause: "it is an edge node"})
			}
		}
		return out, nil
	case at.node != "":
		if d.Publishes && !slices.Contains(edges, at.node) {
			return nil, fmt.Errorf("service %s publishes a port, and %s; visitors reach edge nodes alone (%s)", d.Service, at.cause, strings.Join(edges, ", "))
		}
		return repeat(d, []string{at.node}, at.cause), nil
	case d.Publishes:
		if d.Replicas > len(edges) {
			return nil, fmt.Errorf("service %s publishes a port of %d nodes, and there are %d edge nodes (%s)", d.Service, d.Replicas, len(edges), strings.Join(edges, ", "))
		}
		return spread(d, edges, "visitors reach edge nodes alone"), nil
	case len(apps) == 0:
		return nil, fmt.Errorf("service %s has no node: those labelled app (%s) are away", d.Service, strings.Join(labelled(nodes, stack.NodeApp), ", "))
	}
	return spread(d, apps, "it keeps nothing on a node"), nil
}

// spread assigns each slot nodes of its own, as far as there are enough.
func spread(d Demand, nodes []string, cause string) []stack.Slot {
	groups := min(max(d.Replicas, 1), len(nodes))
	var out []stack.Slot
	for i := range d.Replicas {
		var may []string
		for j, n := range nodes {
			if j%groups == i%groups {
				may = append(may, n)
			}
		}
		out = append(out, stack.Slot{Service: d.Service, N: i + 1, Nodes: may, Cause: cause})
	}
	return out
}

func repeat(d Demand, nodes []string, cause string) []stack.Slot {
	var out []stack.Slot
	for i := range d.Replicas {
		out = append(out, stack.Slot{Service: d.Service, N: i + 1, Nodes: nodes, Cause: cause})
	}
	return out
}

// home is the node that a service's data is on.
type home struct{ node, cause string }

// settle finds the node of each service that mounts volumes. Services that share
// one have one home.
func settle(demands []Demand, nodes []stack.Node, away []string, held map[string]string) (map[string]home, error) {
	known := names(nodes)
	homes := map[string]home{}
	for _, group := range sharing(demands) {
		var at home
		for _, d := range group {
			for _, v := range d.Volumes {
				node := held[v]
				switch {
				case node == "":
				case !slices.Contains(known, node):
					return nil, fmt.Errorf("volume %s of service %s is on %s, which is no node of the target", v, d.Service, node)
				case at.node != "" && at.node != node:
					return nil, fmt.Errorf("volume %s of service %s is on %s, and %s: they cannot be on two nodes", v, d.Service, node, at.cause)
				case at.node == "":
					at = home{node, "volume " + v + " is on " + node}
				}
			}
		}
		if at.node == "" {
			free := without(labelled(nodes, stack.NodeData), away)
			switch {
			case len(labelled(nodes, stack.NodeData)) == 0:
				return nil, fmt.Errorf("service %s has no node: it keeps data, and none is labelled data", group[0].Service)
			case len(free) == 0:
				return nil, fmt.Errorf("service %s has no node: those labelled data are away", group[0].Service)
			}
			at = home{free[0], free[0] + " is the first data node"}
		}
		for _, d := range group {
			homes[d.Service] = at
		}
	}
	return homes, nil
}

// sharing groups the services that mount volumes: two that share one, directly or by
// others, are in one group. An edge has its volumes on each of its nodes.
func sharing(demands []Demand) [][]Demand {
	var groups [][]Demand
	for _, d := range demands {
		if len(d.Volumes) == 0 || d.Layer == stack.LayerEdge {
			continue
		}
		joined := []Demand{d}
		groups = slices.DeleteFunc(groups, func(g []Demand) bool {
			meets := slices.ContainsFunc(g, func(o Demand) bool {
				return slices.ContainsFunc(o.Volumes, func(v string) bool { return slices.Contains(d.Volumes, v) })
			})
			if meets {
				joined = append(joined, g...)
			}
			return meets
		})
		groups = append(groups, joined)
	}
	for _, g := range groups {
		slices.SortFunc(g, func(a, b Demand) int { return cmp.Compare(a.Service, b.Service) })
	}
	return groups
}

func labelled(nodes []stack.Node, label string) []string {
	var out []string
	for _, n := range nodes {
		if n.Has(label) {
			out = append(out, n.Name)
		}
	}
	return out
}

func names(nodes []stack.Node) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.Name)
	}
	return out
}

func without(list, gone []string) []string {
	var out []string
	for _, one := range list {
		if !slices.Contains(gone, one) {
			out = append(out, one)
		}
	}
	return out
}
