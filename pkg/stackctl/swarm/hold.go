package swarm

import (
	"context"
	"fmt"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// Hold pauses a container, or stops it: then its service has none until Release.
func (c *Cluster) Hold(ctx context.Context, container string, stop bool) error {
	m, err := c.at(ctx, container)
	if err != nil {
		return err
	}
	if !stop {
		return m.server.Hold(ctx, container, false)
	}
	s, err := c.serviceOf(ctx, m, container)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.stopped[container] = s.ID
	c.mu.Unlock()
	if err := c.scale(ctx, s, 0); err != nil {
		return err
	}
	return c.awaitEnd(ctx, []swarm.Service{s})
}

// serviceOf is the Swarm service that a container of a node belongs to.
func (c *Cluster) serviceOf(ctx context.Context, m *member, container string) (swarm.Service, error) {
	seen, err := m.engine.Client().ContainerInspect(ctx, container, client.ContainerInspectOptions{})
	if err != nil {
		return swarm.Service{}, fmt.Errorf("look at container %s: %w", container, err)
	}
	id := ""
	if seen.Container.Config != nil {
		id = seen.Container.Config.Labels[labelService]
	}
	if id == "" {
		return swarm.Service{}, c.unsupported("stop container " + container + ", which is of no service of the Swarm,")
	}
	s, err := c.home.manager.ServiceInspect(ctx, id, client.ServiceInspectOptions{})
	if err != nil {
		return swarm.Service{}, fmt.Errorf("look at the service of container %s: %w", container, err)
	}
	return s.Service, nil
}

// Release lets a container go on that was held; of one that was stopped its service
// starts another.
func (c *Cluster) Release(ctx context.Context, container string) error {
	c.mu.Lock()
	id := c.stopped[container]
	delete(c.stopped, container)
	c.mu.Unlock()
	if id != "" {
		s, err := c.home.manager.ServiceInspect(ctx, id, client.ServiceInspectOptions{})
		if err != nil {
			return fmt.Errorf("look at the service of container %s: %w", container, err)
		}
		if err := c.scale(ctx, s.Service, 1); err != nil {
			return err
		}
		return c.await(ctx, nil, []string{id}, nil)
	}
	m, err := c.at(ctx, container)
	if err != nil {
		return err
	}
	return m.server.Release(ctx, container)
}
