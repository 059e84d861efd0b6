package swarm

import (
	"context"
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// secrets makes the Swarm secrets of a project's files. Their names tell the keyed
// hash that the files' folder has: another value is another secret.
func (c *Cluster) secrets(ctx context.Context, p *types.Project) (map[string]secret, error) {
	out := map[string]secret{}
	if len(p.Secrets) == 0 {
		return out, nil
	}
	api := c.home.manager
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

// removeSecrets removes the secrets of the project whose services were removed, but for
// those that a service still names, be it stopped. One that is needed again is made
// again of its file.
func (c *Cluster) removeSecrets(ctx context.Context, removed []swarm.Service) error {
	if len(removed) == 0 {
		return nil
	}
	project := removed[0].Spec.Labels[stack.LabelProject]
	api := c.home.manager
	secrets, err := api.SecretList(ctx, client.SecretListOptions{Filters: make(client.Filters).Add("label", stack.LabelProject)})
	if err != nil {
		return fmt.Errorf("list the Swarm's secrets: %w", err)
	}
	services, err := api.ServiceList(ctx, client.ServiceListOptions{}) // whoever made them
	if err != nil {
		return fmt.Errorf("list the services of the cluster: %w", err)
	}
	for _, s := range unusedSecrets(secrets.Items, services.Items, project) {
		_, err := api.SecretRemove(ctx, s.ID, client.SecretRemoveOptions{})
		if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsInvalidArgument(err) { // a service has come to use it
			return fmt.Errorf("remove secret %s: %w", s.Spec.Name, err)
		}
	}
	return nil
}

// unusedSecrets are the secrets of a project that no service names.
func unusedSecrets(secrets []swarm.Secret, services []swarm.Service, project string) []swarm.Secret {
	used := map[string]bool{}
	for _, s := range services {
		for _, spec := range []*swarm.ServiceSpec{&s.Spec, s.PreviousSpec} { // a service may be set back to that
			if spec == nil || spec.TaskTemplate.ContainerSpec == nil {
				continue
			}
			for _, ref := range spec.TaskTemplate.ContainerSpec.Secrets {
				used[ref.SecretID] = true
			}
		}
	}
	var out []swarm.Secret
	for _, s := range secrets {
		if !used[s.ID] && stack.OwnsLabels(s.Spec.Labels, project) {
			out = append(out, s)
		}
	}
	return out
}
