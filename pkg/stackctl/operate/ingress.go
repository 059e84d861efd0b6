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
}

// ingressOf reads the ingress of what was observed; nil: the release is not behind it.
func ingressOf(kept stack.Release, seen stack.Observed) *Ingress {
	if !kept.Shared() {
		return nil
	}
	i := &Ingress{Hosts: seen.Ingress[kept.Project], Problem: "is not there"}
	for project := range seen.Ingress {
		if project != kept.Project {
			i.Others = append(i.Others, project)
		}
	}
	slices.Sort(i.Others)
	for _, c := range seen.Containers {
		switch {
		case c.Project != stack.IngressProject || c.Service != stack.IngressService:
		case c.State != "running":
			i.Problem = "is " + c.State
		case c.Health == "unhealthy":
			i.Problem = "is unhealthy"
		case len(i.Hosts) == 0:
			i.Problem = "leads nobody here"
		default:
			i.Problem = ""
		}
	}
	return i
}

// behind adds to the health of a release what the server's ingress is like.
func (h *Health) behind(i *Ingress) {
	if i != nil && i.Problem != "" && h.State != "none" {
		h.State = "bad"
		h.Problems = append(h.Problems, "the server's ingress "+i.Problem)
		if !slices.Contains(h.Advice, adviseDeploy) {
			h.Advice = append(h.Advice, adviseDeploy)
		}
	}
}
