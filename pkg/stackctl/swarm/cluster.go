// Package swarm owns several servers that form one Docker Swarm, as if they were
// one: where each container runs, how a service of a compose file becomes Swarm
// services, and what is on all nodes. It must not know what a release is for or
// which step of a deploy comes next; it makes Swarm services and never updates one.
package swarm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/node"
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
}

// socket is where an engine listens on a node unless the target says otherwise.
const socket = "/var/run/docker.sock"

// Connect reaches the nodes of a target, side by side. Nodes that cannot be reached
// are left out where the Swarm itself says that they are down; a target whose
// managers cannot be reached is an error, and so is a node that is not of the Swarm.
func Connect(ctx context.Context, t stack.Target) (node.Server, error) {
	c := &Cluster{target: t, down: map[string]error{}, where: map[string]*member{}}
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
	return &member{Node: n, server: node.Join(conn, e), engine: e, conn: conn}, nil
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
	c.home = managers[0]
	list, err := c.home.engine.Client().NodeList(ctx, client.NodeListOptions{})
	if err != nil {
		return stack.Fault(stack.CauseUnreachable, what, fmt.Errorf("%s does not tell of the Swarm: %w", c.home.Name, err),
			"without a majority of the managers ("+strings.Join(names(c.target.Managers()), ", ")+") nothing can be changed, and what runs goes on; start the others, or run `stackctl provision`")
	}
	for _, n := range list.Items {
		name := n.Spec.Labels[LabelNode]
		m := c.member(name)
		if m == nil {
			if failure := c.down[name]; failure != nil && n.Status.State == "ready" {
				return stack.Fault(stack.CauseUnreachable, what, fmt.Errorf("%s serves and cannot be reached: %w", name, failure), "see why SSH to it fails")
			}
			continue
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
	c.home = latest(managers, turn)
	return nil
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

// Absent tells which nodes do not answer, each with the reason; nothing is placed there.
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

// What is said and kept once is at home: commands, records, the lock's note.

// Run executes argv at home.
func (c *Cluster) Run(ctx context.Context, argv ...string) (stack.Output, error) {
	return c.home.server.Run(ctx, argv...)
}

// Attach executes argv at home, with the operator's streams.
func (c *Cluster) Attach(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, argv ...string) (int, error) {
	return c.home.server.Attach(ctx, stdin, stdout, stderr, argv...)
}

// ReadFile reads a file at home.
func (c *Cluster) ReadFile(ctx context.Context, name string) ([]byte, error) {
	return c.home.server.ReadFile(ctx, name)
}

// List lists a folder at home.
func (c *Cluster) List(ctx context.Context, dir string) ([]fs.FileInfo, error) {
	return c.home.server.List(ctx, dir)
}

// What is written is written on every node that answers.

// WriteFile replaces a file on every node.
func (c *Cluster) WriteFile(ctx context.Context, name string, content []byte, mode fs.FileMode) error {
	return c.each(ctx, func(ctx context.Context, _ int, m *member) error { return m.server.WriteFile(ctx, name, content, mode) })
}

// WriteFileVia replaces a file on every node by a rename out of tmpDir.
func (c *Cluster) WriteFileVia(ctx context.Context, tmpDir, name string, content []byte, mode fs.FileMode) error {
	return c.each(ctx, func(ctx context.Context, _ int, m *member) error {
		return m.server.WriteFileVia(ctx, tmpDir, name, content, mode)
	})
}

// WriteFiles writes files below root, and returns those that some node lacked.
// Secrets are the Swarm's: their files are at home alone.
func (c *Cluster) WriteFiles(ctx context.Context, root string, files []stack.File) ([]string, error) {
	var open []stack.File
	for _, f := range files {
		if !isSecret(f.Path) {
			open = append(open, f)
		}
	}
	written := make([][]string, len(c.members))
	err := c.each(ctx, func(ctx context.Context, i int, m *member) (err error) {
		mine := open
		if m == c.home {
			mine = files
		}
		written[i], err = m.server.WriteFiles(ctx, root, mine)
		return err
	})
	all := slices.Concat(written...)
	slices.Sort(all)
	return slices.Compact(all), err
}

func isSecret(name string) bool {
	return strings.HasPrefix(name, stack.SecretsDir+"/") || strings.HasPrefix(name, "releases/") && strings.Contains(name, "/"+stack.SecretsDir+"/")
}

// Hashes are the sums of files that all nodes have alike.
func (c *Cluster) Hashes(ctx context.Context, root string, paths []string) (map[string]string, error) {
	var open []string
	for _, p := range paths {
		if !isSecret(p) {
			open = append(open, p)
		}
	}
	sums := make([]map[string]string, len(c.members))
	err := c.each(ctx, func(ctx context.Context, i int, m *member) (err error) {
		mine := open
		if m == c.home {
			mine = paths
		}
		sums[i], err = m.server.Hashes(ctx, root, mine)
		return err
	})
	if err != nil {
		return nil, err
	}
	home := sums[slices.Index(c.members, c.home)]
	for name, sum := range home {
		if slices.ContainsFunc(sums, func(of map[string]string) bool { return !isSecret(name) && of[name] != sum }) {
			delete(home, name)
		}
	}
	return home, nil
}

// MkdirAll makes a folder on every node.
func (c *Cluster) MkdirAll(ctx context.Context, dir string, mode fs.FileMode) error {
	return c.each(ctx, func(ctx context.Context, _ int, m *member) error { return m.server.MkdirAll(ctx, dir, mode) })
}

// Remove removes a file on every node; fs.ErrNotExist where no node has it.
func (c *Cluster) Remove(ctx context.Context, name string) error {
	missing := make([]bool, len(c.members))
	err := c.each(ctx, func(ctx context.Context, i int, m *member) error {
		err := m.server.Remove(ctx, name)
		missing[i] = errors.Is(err, fs.ErrNotExist)
		if missing[i] {
			return nil
		}
		return err
	})
	if err == nil && !slices.Contains(missing, false) {
		return fmt.Errorf("remove %s: %w", name, fs.ErrNotExist)
	}
	return err
}

// RemoveAll removes a folder on every node.
func (c *Cluster) RemoveAll(ctx context.Context, dir string) error {
	return c.each(ctx, func(ctx context.Context, _ int, m *member) error { return m.server.RemoveAll(ctx, dir) })
}

// nodeDomain ends the names by which containers of other nodes are dialled; RFC 2606
// reserves it.
const nodeDomain = ".node.invalid"

// dialName is the name of an address on a node: those of two nodes may be the same.
func dialName(address, node string) string {
	return strings.NewReplacer(".", "-", ":", "_").Replace(address) + "." + node + nodeDomain
}

// DialContext dials an address as the node sees it that it belongs to; any other as
// home does.
func (c *Cluster) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !strings.HasSuffix(host, nodeDomain) {
		return c.home.server.DialContext(ctx, network, address)
	}
	at, name, _ := strings.Cut(strings.TrimSuffix(host, nodeDomain), ".")
	m := c.member(name)
	if m == nil {
		return nil, fmt.Errorf("dial %s: node %s does not answer", address, name)
	}
	return m.server.DialContext(ctx, network, net.JoinHostPort(strings.NewReplacer("-", ".", "_", ":").Replace(at), port))
}
