package deploy

import (
	"fmt"
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

// differs returns why a service's containers are not what its definition makes.
func (p *planner) differs(project string, s stack.Service) string {
	all := containersOf(p.seen, project, s.Name)
	if len(all) == 0 {
		return "is not there"
	}
	if s.Layer == stack.LayerEdge && len(p.seen.Edges) > 0 {
		return p.differsOnNodes(project, s)
	}
	for _, c := range all {
		if cause := p.differsIn(c, s); cause != "" {
			return cause
		}
	}
	return ""
}

// differsOnNodes is differs for the edge of a cluster: each edge node that answers is to
// have one. What was on another node says nothing.
func (p *planner) differsOnNodes(project string, s stack.Service) string {
	for _, node := range p.seen.Edges {
		all := onNodeOf(p.seen, project, s.Name, node)
		if len(all) == 0 {
			return "does not run on " + node
		}
		for _, c := range all {
			if cause := p.differsIn(c, s); cause != "" {
				return cause
			}
		}
	}
	return ""
}

// differsIn is differs for one of the service's containers.
func (p *planner) differsIn(c stack.Container, s stack.Service) string {
	switch {
	case c.Labels[stack.LabelDefinition] != s.Definition:
		return otherDefinition
	case s.OneShot && s.Layer != stack.LayerApp && c.State == "exited":
		if c.ExitCode != 0 {
			return fmt.Sprintf("has failed (exit code %d)", c.ExitCode)
		}
		return "" // it ran once under this definition
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
