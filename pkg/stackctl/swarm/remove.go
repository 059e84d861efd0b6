package swarm

import (
	"context"
	"fmt"
	"slices"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// Stop stops services of a project, and waits until their containers have ended; none
// named means all.
func (c *Cluster) Stop(ctx context.Context, project string, grace time.Duration, services ...string) error {
	if atHome(project) {
		return c.home.server.Stop(ctx, project, grace, services...)
	}
	list, err := c.some(ctx, project, services)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := c.scale(ctx, s, 0); err != nil {
			return fault("stop project "+project, err)
		}
	}
	return fault("stop project "+project, c.awaitEnd(ctx, list))
}

// Start starts again what was stopped of a project.
func (c *Cluster) Start(ctx context.Context, project string) error {
	if atHome(project) {
		return c.home.server.Start(ctx, project)
	}
	list, err := c.some(ctx, project, nil)
	if err != nil {
		return err
	}
	var started []string
	for _, s := range list {
		if s.Spec.Mode.Replicated == nil {
			continue
		}
		if scaled(s) == 0 {
			if err := c.scale(ctx, s, 1); err != nil {
				return fault("start project "+project, err)
			}
		}
		started = append(started, s.ID)
	}
	return fault("start project "+project, c.await(ctx, nil, started, nil))
}

// RemoveProject removes a project's services, the network that its release had for
// itself, and the secrets that nothing of the project in the Swarm uses any more; volumes
// stay.
func (c *Cluster) RemoveProject(ctx context.Context, project string) error {
	if atHome(project) {
		return c.home.server.RemoveProject(ctx, project)
	}
	removed, err := c.some(ctx, project, nil)
	if err == nil {
		err = c.drop(ctx, removed)
	}
	if err != nil {
		return fault("remove project "+project, err)
	}
	api := c.home.engine.Client()
	list, err := api.NetworkList(ctx, client.NetworkListOptions{Filters: make(client.Filters).Add("name", project+privateEnding).Add("label", stack.LabelProject)})
	if err != nil {
		return fault("remove project "+project, err)
	}
	for _, n := range list.Items {
		if n.Name != project+privateEnding {
			continue
		}
		if _, err := api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return fault("remove project "+project, err)
		}
	}
	return fault("remove the secrets of project "+project, c.removeSecrets(ctx, removed))
}

// RemoveServices removes services of a project; volumes stay.
func (c *Cluster) RemoveServices(ctx context.Context, project string, services []string) error {
	if atHome(project) {
		return c.home.server.RemoveServices(ctx, project, services)
	}
	list, err := c.some(ctx, project, services)
	if err != nil {
		return err
	}
	return fault("remove services of project "+project, c.drop(ctx, list))
}

// some are services of a project by their names; none named means all.
func (c *Cluster) some(ctx context.Context, project string, names []string) ([]swarm.Service, error) {
	list, err := c.services(ctx, project)
	return slices.DeleteFunc(list, func(s swarm.Service) bool {
		return len(names) > 0 && !slices.Contains(names, s.Spec.Labels[stack.ComposeService])
	}), err
}

// drop removes Swarm services and waits until their containers are gone. The Swarm
// forgets the tasks of a service with no containers a moment later: a service that is
// removed at that moment takes the Engine of the manager that leads with it (swarmkit's
// SetServiceTasksRemove does not expect a task that is gone).
func (c *Cluster) drop(ctx context.Context, list []swarm.Service) error {
	for _, s := range list {
		if err := c.scale(ctx, s, 0); err != nil && !cerrdefs.IsNotFound(err) {
			return err
		}
	}
	if err := c.awaitTasks(ctx, list, func(t swarm.Task) bool { return over(t.Status.State) && t.DesiredState != swarm.TaskStateRemove }); err != nil {
		return err
	}
	for _, s := range list {
		if _, err := c.home.engine.Client().ServiceRemove(ctx, s.ID, client.ServiceRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("remove service %s: %w", s.Spec.Name, err)
		}
	}
	return nil
}
