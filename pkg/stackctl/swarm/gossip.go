package swarm

import (
	"context"
	"fmt"
	"slices"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// gossip is how long the nodes may take to hear of each other's new containers: a
// second or two. Whoever asks for one before finds no such name.
const gossip = 10 * time.Second

// awaitNames waits until every node that has a network of some services knows their
// containers by name. It gives up without an error: the gates tell what is amiss.
func (c *Cluster) awaitNames(ctx context.Context, ids []string) error {
	services, err := c.services(ctx, "")
	if err != nil {
		return err
	}
	names := map[string][]string{} // by network
	for _, s := range services {
		if !slices.Contains(ids, s.ID) || s.Spec.Mode.Replicated == nil {
			continue
		}
		for _, n := range s.Spec.TaskTemplate.Networks {
			names[n.Target] = append(names[n.Target], s.Spec.Name)
		}
	}
	waiting, cancel := context.WithTimeout(ctx, gossip)
	defer cancel()
	for {
		heard, err := c.heard(waiting, names)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if heard || waiting.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		_ = pause(waiting)
	}
}

// heard reports whether each node that has a network knows the services on it.
func (c *Cluster) heard(ctx context.Context, names map[string][]string) (bool, error) {
	all := make([]bool, len(c.members))
	err := c.each(ctx, func(ctx context.Context, i int, m *member) error {
		for _, id := range sortedKeys(names) {
			n, err := m.engine.Client().NetworkInspect(ctx, id, client.NetworkInspectOptions{Verbose: true, Scope: "swarm"})
			if cerrdefs.IsNotFound(err) {
				continue // nothing runs there that would ask
			}
			if err != nil {
				return fmt.Errorf("look at network %s: %w", id, err)
			}
			if len(n.Network.Containers) > 0 && !knows(n.Network.Services, names[id]) {
				return nil
			}
		}
		all[i] = true
		return nil
	})
	return !slices.Contains(all, false), err
}

// knows reports whether each of some services has a container in a network's list.
func knows(list map[string]network.ServiceInfo, names []string) bool {
	for _, name := range names {
		if len(list[name].Tasks) == 0 {
			return false
		}
	}
	return true
}
