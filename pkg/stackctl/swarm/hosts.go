package swarm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// What is said and kept once is at home: commands, records, the lock's note. What is
// written is written on every node that answers.

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
