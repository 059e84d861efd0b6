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
		id, _, err := c.wake(ctx, s)
		if err != nil {
			return fault("start project "+project, err)
		}
		started = append(started, id)
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
	api := c.home.manager
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
		if _, err := c.home.manager.ServiceRemove(ctx, s.ID, client.ServiceRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("remove service %s: %w", s.Spec.Name, err)
		}
	}
	return nil
}

// RemovePlain removes the containers of a project that are of no Swarm service, as they run on
// one server, those of its stores last, and then the server's ingress where it leads to no
// other project; volumes stay. It returns what it removed.
func (c *Cluster) RemovePlain(ctx context.Context, project string) ([]string, error) {
	names, err := c.removePlain(ctx, project, func(one stack.Container) bool { return one.Plain(project) })
	if err != nil {
		return names, err
	}
	left, err := c.Containers(ctx)
	if err != nil {
		return names, err
	}
	more, err := c.removePlain(ctx, stack.IngressProject, func(one stack.Container) bool {
		return one.PlainIngress() && len(stack.BehindPlainIngress(left, one.Node)) == 0
	})
	return append(names, more...), err
}

// removePlain removes some containers of a compose project, and the networks that nodes alone
// have of it once it has none.
func (c *Cluster) removePlain(ctx context.Context, project string, goes func(stack.Container) bool) ([]string, error) {
	list, err := c.Containers(ctx)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(one stack.Container) bool { return !goes(one) })
	if len(list) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(list, func(a, b stack.Container) int { return after(a) - after(b) })
	var names []string
	for _, one := range list {
		api := c.member(one.Node).engine.Client()
		if _, err := api.ContainerStop(ctx, one.ID, client.ContainerStopOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return names, fault("stop container "+one.Name+" on "+one.Node, err)
		}
		if _, err := api.ContainerRemove(ctx, one.ID, client.ContainerRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return names, fault("remove container "+one.Name+" on "+one.Node, err)
		}
		names = append(names, one.Name)
	}
	return names, c.each(ctx, func(ctx context.Context, _ int, m *member) error { return m.dropNetworks(ctx, project) })
}

// StartStores starts the stores of a project that run as on one server and were ended, as by an
// Engine that was set up for the cluster, and waits until they are healthy.
func (c *Cluster) StartStores(ctx context.Context, project string) error {
	ctx, cancel := context.WithTimeout(ctx, moveTime)
	defer cancel()
	for {
		list, err := c.Containers(ctx)
		if err != nil {
			return err
		}
		open := ""
		for _, one := range list {
			if !one.Plain(project) || one.Layer != stack.LayerData || one.State == "running" && one.Health != "starting" {
				continue
			}
			open = one.Name
			if one.State == "running" {
				continue
			}
			if _, err := c.member(one.Node).engine.Client().ContainerStart(ctx, one.ID, client.ContainerStartOptions{}); err != nil {
				return fault("start container "+one.Name+" on "+one.Node, err)
			}
		}
		if open == "" {
			return nil
		}
		if err := pause(ctx); err != nil {
			return fault("start container "+open, err)
		}
	}
}

// dropNetworks removes the networks that a node alone has of a project: those of the
// cluster have the same names.
func (m *member) dropNetworks(ctx context.Context, project string) error {
	api := m.engine.Client()
	list, err := api.NetworkList(ctx, client.NetworkListOptions{Filters: make(client.Filters).Add("driver", "bridge").Add("label", stack.ComposeProject+"="+project)})
	if err != nil {
		return fmt.Errorf("list the networks of project %s: %w", project, err)
	}
	for _, n := range list.Items {
		if _, err := api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("remove network %s: %w", n.Name, err)
		}
	}
	return nil
}

// after is 1 for what others need until they have ended.
func after(c stack.Container) int {
	if c.Layer == stack.LayerData {
		return 1
	}
	return 0
}
