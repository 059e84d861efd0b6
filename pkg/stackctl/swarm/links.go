package swarm

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/provision"
	"stackctl/pkg/stackctl/stack"
)

// mtuOption is the option of an overlay for how large packets are that pass below it. Its own are
// smaller by 50 bytes, what VXLAN puts around each.
const mtuOption = "com.docker.network.driver.mtu"

// links are the ways between the nodes that answer, measured once.
func (c *Cluster) links(ctx context.Context) ([]provision.Link, error) {
	c.measuring.Lock()
	defer c.measuring.Unlock()
	if c.measured != nil {
		return c.measured, nil
	}
	var nodes []stack.Node
	for _, m := range c.members {
		nodes = append(nodes, m.Node)
	}
	from := make([][]provision.Link, len(c.members))
	err := c.each(ctx, func(ctx context.Context, i int, m *member) (err error) {
		from[i], err = provision.MeasureLinks(ctx, m.Name, nodes, m.conn.Run)
		return err
	})
	if err == nil {
		c.measured = append([]provision.Link{}, slices.Concat(from...)...)
	}
	return c.measured, err
}

// below are the options of a new overlay for what passes below it.
func (c *Cluster) below(ctx context.Context) (map[string]string, error) {
	links, err := c.links(ctx)
	if err != nil {
		return nil, err
	}
	if least := provision.SmallestMTU(links); least > 0 && least < provision.FullMTU {
		return map[string]string{mtuOption: strconv.Itoa(least)}, nil
	}
	return nil, nil
}

// Narrow returns the pairs of nodes between which full packets of a project's networks
// do not arrive whole.
func (c *Cluster) Narrow(ctx context.Context, project string) ([]string, error) {
	list, err := c.home.manager.NetworkList(ctx, client.NetworkListOptions{Filters: make(client.Filters).Add("driver", "overlay").Add("label", stack.LabelProject+"="+project)})
	if err != nil {
		return nil, fmt.Errorf("list the networks of the cluster: %w", err)
	}
	links, err := c.links(ctx)
	if err != nil {
		return nil, err
	}
	return tooNarrow(links, list.Items), nil
}

// tooNarrow returns each link that is narrower than a network takes it to be. One that
// could not be measured is left out.
func tooNarrow(links []provision.Link, networks []network.Summary) []string {
	needed := 0
	for _, n := range networks {
		size, err := strconv.Atoi(n.Options[mtuOption])
		if err != nil {
			size = provision.FullMTU
		}
		needed = max(needed, size)
	}
	var out []string
	for _, l := range links {
		if l.MTU > 0 && l.MTU < needed {
			out = append(out, fmt.Sprintf("packets from %s to %s arrive whole up to %d bytes, and the project's networks were made for %d", l.From, l.To, l.MTU, needed))
		}
	}
	return out
}
