package operate

import (
	"slices"

	"stackctl/pkg/stackctl/stack"
)

// Ingress is what the server's ingress does for the project, which shares it.
type Ingress struct {
	// Hosts are those that it leads to the project, Others the projects that it
	// serves beside.
	Hosts  []string `json:"hosts"`
	Others []string `json:"others,omitempty"`
	// Problem is why visitors do not get through it; empty: they do.
	Problem string `json:"problem,omitempty"`
	// Node is the node of a cluster that has the problem; empty: the target is one server.
	Node string `json:"node,omitempty"`
}

// ingressOf reads the ingress of what was observed; nil: the release is not behind it.
func ingressOf(kept stack.Release, seen stack.Observed) *Ingress {
	if !kept.Shared() {
		return nil
	}
	i := &Ingress{Hosts: seen.Ingress[kept.Project]}
	for project := range seen.Ingress {
		if project != kept.Project {
			i.Others = append(i.Others, project)
		}
	}
	slices.Sort(i.Others)
	nodes := seen.Edges
	if len(nodes) == 0 {
		nodes = []string{""} // one server, which has no name
	}
	for _, node := range nodes {
		if i.Problem = i.problemOn(node, seen.Containers); i.Problem != "" {
			i.Node = node
			break
		}
	}
	return i
}

// problemOn is what is wrong with the ingress of a node.
func (i *Ingress) problemOn(node string, containers []stack.Container) string {
	for _, c := range containers {
		switch {
		case c.Project != stack.IngressProject || c.Service != stack.IngressService || c.Node != node:
			continue
		case c.State != "running":
			return "is " + c.State
		case c.Health == "unhealthy":
			return "is unhealthy"
		case len(i.Hosts) == 0:
			return "leads nobody here"
		}
		return ""
	}
	return "is not there"
}

// behind adds to the health of a release what the server's ingress is like.
func (h *Health) behind(i *Ingress) {
	if i != nil && i.Problem != "" && h.State != "none" {
		h.State = "bad"
		what := "the server's ingress "
		if i.Node != "" {
			what = "the ingress of " + i.Node + " "
		}
		h.Problems = append(h.Problems, what+i.Problem)
		if !slices.Contains(h.Advice, adviseDeploy) {
			h.Advice = append(h.Advice, adviseDeploy)
		}
	}
}
