package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// nameReplicas renames the containers of services that have several to the names that
// those of a new service have, counted from 1: an edge may reach each by its name.
// Compose counts on from the highest number where one was lost.
func (e *Engine) nameReplicas(ctx context.Context, p *types.Project) error {
	list, err := e.ours(ctx, p.Name)
	if err != nil {
		return err
	}
	for name, s := range p.Services {
		if s.GetScale() < 2 {
			continue
		}
		var free []string
		for n := 1; n <= s.GetScale(); n++ {
			free = append(free, stack.ReplicaContainer(p.Name, name, n))
		}
		var others []string // IDs of those that are called otherwise
		for _, c := range list {
			if c.Labels[api.ServiceLabel] != name {
				continue
			}
			if i := slices.Index(free, containerName(c)); i >= 0 {
				free = slices.Delete(free, i, i+1)
			} else {
				others = append(others, c.ID)
			}
		}
		for i, id := range others[:min(len(others), len(free))] {
			if _, err := e.api.ContainerRename(ctx, id, client.ContainerRenameOptions{NewName: free[i]}); err != nil {
				return fmt.Errorf("rename a container of service %s to %s: %w", name, free[i], err)
			}
		}
	}
	return nil
}
