package swarm

import (
	"context"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/stack"
)

// prepare reads a compose file, and makes the networks and secrets that its services
// have.
func (c *Cluster) prepare(ctx context.Context, project string, compose []byte, services []string, deps types.DependencyOption) (blueprint, *types.Project, error) {
	b := blueprint{nodes: c.target.Nodes}
	p, err := engine.Project(ctx, project, compose)
	if err != nil {
		return b, nil, err
	}
	if p, err = engine.Select(p, services, deps); err != nil {
		return b, nil, err
	}
	b.project = p
	for _, s := range p.Services {
		if len(s.ExternalLinks) > 0 { // a release beside others: its plain names are its own
			b.private = project + privateEnding
		}
	}
	for _, key := range sortedKeys(p.Networks) {
		n := p.Networks[key]
		if n.External {
			continue
		}
		if project == stack.IngressProject {
			err = c.ingressNetwork(ctx)
		} else {
			err = c.network(ctx, n.Name, n.Internal, merged(n.CustomLabels, n.Labels))
		}
		if err != nil {
			return b, nil, err
		}
	}
	if b.private != "" {
		if err := c.network(ctx, b.private, true, ownLabels(p)); err != nil {
			return b, nil, err
		}
	}
	b.secrets, err = c.secrets(ctx, p)
	return b, p, err
}

// ownLabels are those by which a network or secret of a project is known as ours.
func ownLabels(p *types.Project) map[string]string {
	out := map[string]string{stack.ComposeProject: p.Name, stack.LabelProject: p.Name}
	for _, s := range p.Services {
		for _, key := range []string{stack.LabelProject, stack.LabelRelease} {
			if v := merged(s.CustomLabels, s.Labels)[key]; v != "" {
				out[key] = v
			}
		}
	}
	return out
}
