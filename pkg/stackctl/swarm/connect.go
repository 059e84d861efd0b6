package swarm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// socket is where an engine listens on a node unless the target says otherwise.
const socket = "/var/run/docker.sock"

// Connect reaches the nodes of a target, side by side. Nodes that cannot be reached
// are left out where the Swarm itself says that they are down; a target whose
// managers cannot be reached is an error, and so is a node that is not of the Swarm.
func Connect(ctx context.Context, t stack.Target) (node.Server, error) {
	c := &Cluster{target: t, down: map[string]error{}, where: map[string]*member{}, stopped: map[string]string{}}
	found, failed := make([]*member, len(t.Nodes)), make([]error, len(t.Nodes))
	var all sync.WaitGroup
	for i, n := range t.Nodes {
		all.Go(func() { found[i], failed[i] = reach(ctx, t.On(n), n) })
	}
	all.Wait()
	for i, n := range t.Nodes {
		if failed[i] != nil {
			c.down[n.Name] = failed[i]
			continue
		}
		c.members = append(c.members, found[i])
	}
	if err := c.settle(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func reach(ctx context.Context, t stack.Target, n stack.Node) (*member, error) {
	conn, err := host.Dial(ctx, host.OptionsFor(t, false))
	if err != nil {
		return nil, err
	}
	if err := conn.Usable(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	e, err := engine.Open(ctx, func(ctx context.Context) (net.Conn, error) {
		return conn.DialContext(ctx, "unix", cmp.Or(t.Socket, socket))
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	m := &member{Node: n, server: node.Join(conn, e), engine: e, conn: conn}
	if m.manager, err = m.open(cmp.Or(t.Socket, socket)); err != nil {
		return nil, errors.Join(err, m.server.Close())
	}
	return m, nil
}

// open makes the client for questions about the Swarm. The Engine's own takes connections
// over, which one that asks again cannot.
func (m *member) open(socket string) (*client.Client, error) {
	way := &http.Transport{DisableCompression: true, IdleConnTimeout: time.Minute, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return m.conn.DialContext(ctx, "unix", socket)
	}}
	// WithHost comes before WithHTTPClient, because it would replace the dialer.
	return client.New(client.WithHost("http://docker.invalid"), client.WithHTTPClient(&http.Client{Transport: leaderRetry{way, lookEvery, leaderTime}}), client.WithAPIVersion(m.engine.Client().ClientVersion()))
}

// settle finds the home, and compares what was reached with what the Swarm knows.
func (c *Cluster) settle(ctx context.Context) error {
	what := "reach the cluster of " + c.target.Domain
	var managers []*member
	for _, n := range c.target.Managers() {
		if m := c.member(n.Name); m != nil {
			managers = append(managers, m)
		}
	}
	if len(managers) == 0 {
		return stack.Fault(stack.CauseUnreachable, what, fmt.Errorf("no manager answers: %w", c.failures()), "see whether the servers run")
	}
	list, err := c.ask(ctx, managers)
	if err != nil {
		return stack.Fault(stack.CauseUnreachable, what, err, "without a majority of the managers ("+strings.Join(names(c.target.Managers()), ", ")+") nothing can be changed, and what runs goes on: start the others; where they are lost for good, docs/cluster.md says how one that is left begins anew")
	}
	for _, n := range list {
		m := c.member(n.Spec.Labels[LabelNode])
		if n.Spec.Availability != swarm.NodeAvailabilityActive {
			c.drained = append(c.drained, n.Spec.Labels[LabelNode])
		}
		if m == nil {
			continue // of one that cannot be reached it is made certain before anything is changed
		}
		m.id = n.ID
	}
	for _, m := range c.members {
		if m.id == "" {
			return stack.Fault(stack.CauseStep, what, fmt.Errorf("%s is not in the Swarm of %s", m.Name, c.home.Name), "run `stackctl provision`")
		}
		if v := m.engine.Client().ClientVersion(); older(v, oldestAPI) {
			return stack.Fault(stack.CauseStep, what, fmt.Errorf("the engine of %s speaks API %s, and %s is the oldest that carries all security options", m.Name, v, oldestAPI), "update its Docker Engine to 25 or newer")
		}
	}
	turns, err := c.turns(ctx)
	if err != nil {
		return stack.Fault(stack.CauseStep, what, err, "")
	}
	turn := map[*member]int64{}
	for i, m := range c.members {
		turn[m] = turns[i]
	}
	c.home = latest(slices.DeleteFunc(managers, func(m *member) bool { return m.lost }), turn)
	return nil
}

// ask makes the first manager home that has a leader, and returns the Swarm's nodes: one
// that is cut off from the others has none.
func (c *Cluster) ask(ctx context.Context, managers []*member) ([]swarm.Node, error) {
	lists, failed := make([]client.NodeListResult, len(managers)), make([]error, len(managers))
	var all sync.WaitGroup
	for i, m := range managers {
		all.Go(func() { lists[i], failed[i] = m.manager.NodeList(ctx, client.NodeListOptions{}) })
	}
	all.Wait()
	var found []swarm.Node
	c.home = nil
	for i, m := range managers {
		if failed[i] == nil {
			if c.home == nil {
				c.home, found = m, lists[i].Items
			}
			continue
		}
		m.lost = true
		failed[i] = fmt.Errorf("%s does not tell of the Swarm: %w", m.Name, failed[i])
	}
	if c.home == nil {
		return nil, errors.Join(failed...)
	}
	return found, nil
}

// older reports whether one API version comes before another.
func older(a, b string) bool {
	var x, y [2]int
	_, _ = fmt.Sscanf(a, "%d.%d", &x[0], &x[1])
	_, _ = fmt.Sscanf(b, "%d.%d", &y[0], &y[1])
	return slices.Compare(x[:], y[:]) < 0
}

func (c *Cluster) failures() error {
	var all []error
	for _, name := range sortedKeys(c.down) {
		all = append(all, fmt.Errorf("%s: %w", name, c.down[name]))
	}
	return errors.Join(all...)
}
