package swarm

import (
	"context"
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

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

// secrets makes the Swarm secrets of a project's files. Their names tell the keyed
// hash that the files' folder has: another value is another secret.
func (c *Cluster) secrets(ctx context.Context, p *types.Project) (map[string]secret, error) {
	out := map[string]secret{}
	if len(p.Secrets) == 0 {
		return out, nil
	}
	api := c.home.engine.Client()
	list, err := api.SecretList(ctx, client.SecretListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the Swarm's secrets: %w", err)
	}
	known := map[string]string{}
	for _, s := range list.Items {
		known[s.Spec.Name] = s.ID
	}
	owner := ownLabels(p)[stack.LabelProject]
	if of, spare := stack.StandbyOf(p.Name); spare {
		owner = of // it has the edge's own
	}
	for _, key := range sortedKeys(p.Secrets) {
		file := p.Secrets[key].File
		if file == "" || out[file].id != "" {
			continue
		}
		name := secretName(owner, c.target.Path, file)
		id := known[name]
		if id == "" {
			value, err := c.home.server.ReadFile(ctx, file)
			if err != nil {
				return nil, fmt.Errorf("secret %s: %w", key, err)
			}
			made, err := api.SecretCreate(ctx, client.SecretCreateOptions{Spec: swarm.SecretSpec{
				Annotations: swarm.Annotations{Name: name, Labels: map[string]string{stack.LabelProject: owner}}, Data: value,
			}})
			if err != nil {
				return nil, fmt.Errorf("give secret %s to the Swarm: %w", key, err)
			}
			id = made.ID
		}
		out[file] = secret{id, name}
	}
	return out, nil
}

// secretName is the Swarm's name of a secret's file below the target's folder. A
// name has 64 characters at most.
func secretName(project, root, file string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(file, root+"/"), stack.SecretsDir+"/")
	name := project + "." + strings.ReplaceAll(rest, "/", ".")
	if len(name) > 64 {
		name = name[:51] + "." + stack.Sum([]byte(name))[:12]
	}
	return name
}
