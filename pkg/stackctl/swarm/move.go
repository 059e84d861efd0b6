package swarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// Data moves to another node by a store that is started there empty and filled from a
// backup. Until it is filled its service has a label with the node that it comes from,
// where the data is: a run that finds one leads it back.

// labelFrom is the label of a service whose data is on its way, with the node that has it.
const labelFrom = "dev.stackctl.from"

// moveTime bounds the wait for a volume that nobody has mounted any more.
const moveTime = time.Minute

// VolumesOn are the volumes that services of all projects keep on a node, by what the Swarm
// has of them; those of edges are made anew wherever one runs.
func (c *Cluster) VolumesOn(ctx context.Context, node string) ([]stack.Kept, error) {
	services, err := c.services(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []stack.Kept
	for _, s := range services {
		l := s.Spec.Labels
		if pinOf(s) != node || l[stack.LabelLayer] == string(stack.LayerEdge) || s.Spec.TaskTemplate.ContainerSpec == nil {
			continue
		}
		for _, m := range s.Spec.TaskTemplate.ContainerSpec.Mounts {
			if m.Type == mount.TypeVolume && m.Source != "" {
				out = append(out, stack.Kept{Project: l[stack.LabelProject], Compose: l[stack.ComposeProject], Service: l[stack.ComposeService], Layer: stack.Layer(l[stack.LabelLayer]), Volume: m.Source})
			}
		}
	}
	return out, nil
}

// BeginMove places nothing more on a node, and lets what it holds count no more: the next Up
// starts on others, empty, what keeps something there. A volume of the same name on another node is
// refused.
func (c *Cluster) BeginMove(ctx context.Context, node string, kept []stack.Kept) error {
	at, err := c.volumes(ctx)
	if err != nil {
		return err
	}
	for _, k := range kept {
		if others := without(at[k.Volume], []string{node}); len(others) > 0 {
			return fmt.Errorf("a volume %s is on %s too, which may be of before: look what it holds, and remove it there by hand (`docker volume rm %s`)", k.Volume, strings.Join(others, " and "), k.Volume)
		}
	}
	services, err := c.services(ctx, "")
	if err != nil {
		return err
	}
	c.left = slices.DeleteFunc(services, func(s swarm.Service) bool {
		return !slices.ContainsFunc(kept, func(k stack.Kept) bool {
			return s.Spec.Labels[stack.ComposeProject] == k.Compose && s.Spec.Labels[stack.ComposeService] == k.Service
		})
	})
	c.leaving = node
	return nil
}

// EndMove ends a move that went well: what was moved is where it is.
func (c *Cluster) EndMove(ctx context.Context) error {
	services, err := c.services(ctx, "")
	if err != nil {
		return err
	}
	for _, s := range c.moved(services) {
		if err := c.alter(ctx, s.ID, func(spec *swarm.ServiceSpec) { delete(spec.Labels, labelFrom) }); err != nil {
			return err
		}
	}
	return nil
}

// moved are the services of the move that goes on. What another project has on its way
// may not be filled yet.
func (c *Cluster) moved(services []swarm.Service) []swarm.Service {
	var out []swarm.Service
	for _, s := range services {
		if s.Spec.Labels[labelFrom] != "" && c.isLeft(s.Spec.Name) {
			out = append(out, s)
		}
	}
	return out
}

// isLeft reports whether a service is of the move that goes on.
func (c *Cluster) isLeft(name string) bool {
	return slices.ContainsFunc(c.left, func(s swarm.Service) bool { return s.Spec.Name == name })
}

// UndoMove ends a move that went wrong: what was begun on other nodes goes, and the services
// are as they were.
func (c *Cluster) UndoMove(ctx context.Context, kept []stack.Kept) error {
	node, ids := c.leaving, []string{}
	defer func() { c.leaving, c.left = "", nil }()
	for _, s := range c.left {
		there, err := c.home.manager.ServiceInspect(ctx, s.Spec.Name, client.ServiceInspectOptions{})
		switch {
		case err == nil && there.Service.ID == s.ID:
			continue // it was not touched
		case err == nil:
			err = c.drop(ctx, []swarm.Service{there.Service})
		case cerrdefs.IsNotFound(err):
			err = nil
		}
		if err == nil {
			err = c.dropVolumes(ctx, node, kept)
		}
		if err != nil {
			return err
		}
		made, err := c.home.manager.ServiceCreate(ctx, client.ServiceCreateOptions{Spec: s.Spec})
		if err != nil {
			return fmt.Errorf("make service %s as it was: %w", s.Spec.Name, err)
		}
		ids = append(ids, made.ID)
	}
	if c.member(node) == nil {
		return nil
	}
	return c.await(ctx, nil, ids, nil)
}

// dropVolumes removes what a move made on other nodes than the one that has the data.
func (c *Cluster) dropVolumes(ctx context.Context, node string, kept []stack.Kept) error {
	ctx, cancel := context.WithTimeout(ctx, moveTime)
	defer cancel()
	return c.each(ctx, func(ctx context.Context, _ int, m *member) error {
		for _, k := range kept {
			for m.Name != node {
				_, err := m.engine.Client().VolumeRemove(ctx, k.Volume, client.VolumeRemoveOptions{})
				if err == nil || cerrdefs.IsNotFound(err) {
					break
				}
				if late := pause(ctx); late != nil { // the container that had it may be going
					return errors.Join(err, late)
				}
			}
		}
		return nil
	})
}

// SetAvailable lets a node run containers, or none.
func (c *Cluster) SetAvailable(ctx context.Context, node string, is bool) error {
	list, err := c.home.manager.NodeList(ctx, client.NodeListOptions{})
	if err != nil {
		return err
	}
	for _, n := range list.Items {
		if n.Spec.Labels[LabelNode] != node {
			continue
		}
		n.Spec.Availability = swarm.NodeAvailabilityDrain
		if is {
			n.Spec.Availability = swarm.NodeAvailabilityActive
		}
		_, err := c.home.manager.NodeUpdate(ctx, n.ID, client.NodeUpdateOptions{Version: n.Version, Spec: n.Spec})
		return err
	}
	return fmt.Errorf("the Swarm has no node %s", node)
}
