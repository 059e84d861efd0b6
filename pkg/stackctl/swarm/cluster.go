// Package swarm owns several servers that form one Docker Swarm, as if they were
// one: where each container runs, how a service of a compose file becomes Swarm
// services, and what is on all nodes. It must not know what a release is for or
// which step of a deploy comes next; it makes Swarm services and never updates one.
package swarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/provision"
	"stackctl/pkg/stackctl/stack"
)

// oldestAPI is what an engine must speak: older ones drop security options of a
// service in silence (Docker 25).
const oldestAPI = "1.44"

// Cluster is a target of several servers. It is safe for concurrent use.
type Cluster struct {
	target  stack.Target
	members []*member
	// down are the nodes that cannot be reached, with the reason.
	down map[string]error
	// home keeps the records and is asked about the Swarm: of the managers that answer the
	// first that took part in the last run.
	home *member

	measuring sync.Mutex
	// measured are the links between the nodes; nil: not measured yet.
	measured []provision.Link

	mu sync.Mutex
	// where is the node of each container that was seen.
	where map[string]*member
}

// member is one server of the cluster.
type member struct {
	stack.Node
	server node.Server
	engine *engine.Engine
	conn   *host.Conn
	id     string // the Swarm's
	// ahead is how far the node's clock is before this machine's, in nanoseconds.
	ahead atomic.Int64
}

func (c *Cluster) member(name string) *member {
	i := slices.IndexFunc(c.members, func(m *member) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return c.members[i]
}

// each runs a part on every node that answers, side by side.
func (c *Cluster) each(ctx context.Context, part func(ctx context.Context, i int, m *member) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, m := range c.members {
		group.Go(func() error {
			if err := part(ctx, i, m); err != nil {
				return fmt.Errorf("on %s: %w", m.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// Absent returns the nodes that do not answer, each with the reason; nothing is placed there.
func (c *Cluster) Absent() []string {
	var out []string
	for _, name := range c.away() {
		out = append(out, fmt.Sprintf("%s does not answer: %v", name, c.down[name]))
	}
	return out
}

// away are the names of the nodes that do not answer.
func (c *Cluster) away() []string { return sortedKeys(c.down) }

// Members are the nodes that answer, in the order of their names.
func (c *Cluster) Members() []node.Member {
	var out []node.Member
	for _, m := range c.members {
		out = append(out, node.Member{Name: m.Name, Host: m.conn})
	}
	slices.SortFunc(out, func(a, b node.Member) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Wire adds up what went over the connections.
func (c *Cluster) Wire() stack.Wire {
	var sum stack.Wire
	for _, m := range c.members {
		w := m.server.Wire()
		sum.Connections += w.Connections
		sum.Sessions += w.Sessions
		sum.Tunnels += w.Tunnels
		sum.Files += w.Files
		sum.Calls += w.Calls
		sum.Sent += w.Sent
		sum.Received += w.Received
	}
	return sum
}

// Close ends all connections.
func (c *Cluster) Close() error {
	var all []error
	for _, m := range c.members {
		all = append(all, m.server.Close())
	}
	return errors.Join(all...)
}
