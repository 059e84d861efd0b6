package deploy

import (
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// otherDefinition is the one difference for which a container is replaced; an
// ill one is started anew.
const (
	otherDefinition = "has another definition"
	ill             = "is unhealthy"
	noRoutes        = "reads routes from a folder that is gone"
	offNetwork      = "is off network "
)

// differs says why a service's container is not what its definition makes.
func (p *planner) differs(project string, s stack.Service) string {
	c, ok := p.find(project, s.Name)
	switch {
	case !ok:
		return "is not there"
	case c.Labels[stack.LabelDefinition] != s.Definition:
		return otherDefinition
	case c.State != "running":
		return "is " + c.State
	case c.Health == "unhealthy":
		return ill
	case p.seen.Unrouted && s.Layer == stack.LayerEdge:
		return noRoutes
	case c.Health == "starting":
		return "is starting"
	}
	if off := p.r.OffNetworks(c, s); len(off) > 0 {
		return offNetwork + strings.Join(off, ", ")
	}
	return ""
}

func (p *planner) find(project, service string) (stack.Container, bool) {
	for _, c := range p.seen.Containers {
		if c.Project == project && c.Service == service {
			return c, true
		}
	}
	return stack.Container{}, false
}
