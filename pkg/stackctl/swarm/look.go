package swarm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// privateEnding ends the name of the network of one release alone: on it its services
// have their plain names. No compose file declares it.
const privateEnding = "_release"

func isPrivate(network string) bool { return strings.HasSuffix(network, privateEnding) }

// gateway is the network by which a node itself reaches its containers.
const gateway = "docker_gwbridge"

const labelService = stack.LabelSwarm

// Containers lists the containers of all nodes that answer, by name. Of a Swarm
// service that stackctl made only the newest counts, and one that has none is told
// as created. Addresses are those by which DialContext reaches a container.
func (c *Cluster) Containers(ctx context.Context) ([]stack.Container, error) {
	found := make([][]stack.Container, len(c.members))
	err := c.each(ctx, func(ctx context.Context, i int, m *member) (err error) {
		if found[i], err = m.server.Containers(ctx); err != nil {
			return err
		}
		return m.address(ctx, found[i])
	})
	if err != nil {
		return nil, err
	}
	services, err := c.services(ctx, "")
	if err != nil {
		return nil, err
	}
	where := map[string]*member{}
	var out []stack.Container
	newest := map[string]stack.Container{}
	for i, list := range found {
		for _, one := range list {
			where[one.ID] = c.members[i]
			id := one.Labels[labelService]
			if id == "" {
				out = append(out, one)
				continue
			}
			if last, known := newest[id]; !known || newer(one, last) {
				newest[id] = one
			}
		}
	}
	for _, s := range services {
		one, runs := newest[s.ID]
		if !runs {
			one = c.idle(s)
		}
		one.Image = imageOf(s)
		out = append(out, one)
		delete(newest, s.ID)
	}
	for _, one := range newest { // of a service that is somebody else's, or is going
		out = append(out, one)
	}
	c.mu.Lock()
	c.where = where
	c.mu.Unlock()
	slices.SortFunc(out, func(a, b stack.Container) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

func newer(a, b stack.Container) bool {
	if a.Active() != b.Active() {
		return a.Active()
	}
	return a.Started.After(b.Started)
}

// idle is a service without a container as if it had one that does not run, on the
// node that is the only one for it.
func (c *Cluster) idle(s swarm.Service) stack.Container {
	node, labels := pinOf(s), merged(s.Spec.Labels, map[string]string{stack.LabelSwarm: s.ID})
	return stack.Container{
		Node: node, Away: node != "" && c.member(node) == nil,
		ID: s.ID, Name: s.Spec.Name, Project: s.Spec.Labels[stack.ComposeProject], Service: s.Spec.Labels[stack.ComposeService], Release: s.Spec.Labels[stack.LabelRelease],
		Layer: stack.Layer(s.Spec.Labels[stack.LabelLayer]), Image: imageOf(s), ImageID: imageOf(s), State: "created", Addresses: map[string]string{}, Labels: labels,
	}
}

// imageOf is a service's image as the compose file has it, whatever the nodes call it.
func imageOf(s swarm.Service) string {
	if s.Spec.TaskTemplate.ContainerSpec == nil {
		return ""
	}
	return cmp.Or(s.Spec.Labels[labelImage], s.Spec.TaskTemplate.ContainerSpec.Image)
}

// address sets the addresses of containers of a node to those by which they are dialled.
// Those on an overlay are reached by other containers alone.
func (m *member) address(ctx context.Context, list []stack.Container) error {
	at := map[string]string{}
	n, err := m.engine.Client().NetworkInspect(ctx, gateway, client.NetworkInspectOptions{})
	if err != nil {
		return fmt.Errorf("look at network %s: %w", gateway, err)
	}
	for id, end := range n.Network.Containers {
		if end.IPv4Address.IsValid() {
			at[id] = end.IPv4Address.Addr().String()
		}
	}
	for i, one := range list {
		list[i].Node = m.Name
		list[i].Networks = slices.DeleteFunc(one.Networks, func(n string) bool { return isPrivate(n) })
		reached := map[string]string{}
		for net, a := range one.Addresses {
			switch {
			case isPrivate(net):
			case one.Labels[labelService] == "":
				reached[net] = dialName(a, m.Name)
			case at[one.ID] != "":
				reached[net] = dialName(at[one.ID], m.Name)
			default:
				reached[net] = "" // on networks without a way out, which its node has no part in
			}
		}
		list[i].Addresses = reached
	}
	return nil
}

// Networks are those of the Swarm, and those that home has.
func (c *Cluster) Networks(ctx context.Context) ([]string, error) {
	return c.home.server.Networks(ctx)
}

// MakeNetwork makes a network of the Swarm that belongs to no project; there being
// one of the name, it does nothing.
func (c *Cluster) MakeNetwork(ctx context.Context, name string) error {
	return c.network(ctx, name, false, nil)
}

// network makes an overlay where there is none of the name.
func (c *Cluster) network(ctx context.Context, name string, internal bool, labels map[string]string) error {
	return c.makeNetwork(ctx, name, client.NetworkCreateOptions{Driver: "overlay", Scope: "swarm", Attachable: true, Internal: internal, Labels: labels,
		IPAM: &network.IPAM{Driver: "default"}})
}

// makeNetwork makes a network of the Swarm where there is none of the name.
func (c *Cluster) makeNetwork(ctx context.Context, name string, how client.NetworkCreateOptions) error {
	known, err := c.home.manager.NetworkList(ctx, client.NetworkListOptions{Filters: make(client.Filters).Add("name", name)})
	if err != nil {
		return fmt.Errorf("look for network %s: %w", name, err)
	}
	for _, n := range known.Items {
		if n.Name == name && n.Scope == "swarm" {
			return nil
		}
		if n.Name == name {
			return fmt.Errorf("network %s on %s is no network of the Swarm, and services of a cluster cannot join it; remove it, or give it another name", name, c.home.Name)
		}
	}
	if how.Options, err = c.below(ctx); err != nil {
		return err
	}
	if _, err := c.home.manager.NetworkCreate(ctx, name, how); err != nil {
		return fmt.Errorf("make network %s: %w", name, err)
	}
	return nil
}

// Volumes are those of all nodes, sorted.
func (c *Cluster) Volumes(ctx context.Context) ([]string, error) {
	at, err := c.volumes(ctx)
	return sortedKeys(at), err
}

// volumes are the nodes that have each volume, in the order of the settings.
func (c *Cluster) volumes(ctx context.Context) (map[string][]string, error) {
	all := make([][]string, len(c.members))
	err := c.each(ctx, func(ctx context.Context, i int, m *member) (err error) {
		all[i], err = m.server.Volumes(ctx)
		return err
	})
	at := map[string][]string{}
	for i, list := range all {
		for _, v := range list {
			at[v] = append(at[v], c.members[i].Name)
		}
	}
	return at, err
}

// services lists the Swarm services that stackctl made, of one compose project or of all.
func (c *Cluster) services(ctx context.Context, project string) ([]swarm.Service, error) {
	filters := make(client.Filters).Add("label", stack.LabelProject)
	if project != "" {
		filters.Add("label", stack.ComposeProject+"="+project)
	}
	list, err := c.home.manager.ServiceList(ctx, client.ServiceListOptions{Filters: filters})
	if err != nil {
		return nil, stack.Fault(stack.CauseStep, "list the services of the cluster", err, "")
	}
	return list.Items, nil
}

// tasks are those of a service that the Swarm wants or wanted, the newest first.
func (c *Cluster) tasks(ctx context.Context, services ...string) ([]swarm.Task, error) {
	filters := make(client.Filters)
	for _, id := range services {
		filters.Add("service", id)
	}
	list, err := c.home.manager.TaskList(ctx, client.TaskListOptions{Filters: filters})
	if err != nil {
		return nil, fmt.Errorf("list the tasks of the cluster: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b swarm.Task) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return list.Items, nil
}

// at is the member that a container is on.
func (c *Cluster) at(ctx context.Context, container string) (*member, error) {
	c.mu.Lock()
	m := c.where[container]
	c.mu.Unlock()
	if m != nil {
		return m, nil
	}
	if _, err := c.Containers(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m = c.where[container]; m != nil {
		return m, nil
	}
	for id, m := range c.where {
		if len(container) >= 12 && strings.HasPrefix(id, container) {
			return m, nil
		}
	}
	return nil, fmt.Errorf("container %s is on no node that answers", container)
}

// byID is the member with a node ID of the Swarm.
func (c *Cluster) byID(id string) *member {
	i := slices.IndexFunc(c.members, func(m *member) bool { return m.id == id })
	if i < 0 {
		return nil
	}
	return c.members[i]
}

// pause waits until it is time for another look, or until the context ends.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(lookEvery):
		return nil
	}
}
