package swarm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"stackctl/pkg/stackctl/stack"
)

// Align makes the files of a folder on every node those of home, and returns the
// nodes that had others. A node that was away has what was live then.
func (c *Cluster) Align(ctx context.Context, dir string) ([]string, error) {
	want, err := c.folder(ctx, c.home, dir)
	if err != nil || want == nil {
		return nil, err
	}
	var changed []string
	for _, m := range c.members {
		if m == c.home {
			continue
		}
		have, err := c.folder(ctx, m, dir)
		if err != nil {
			return changed, fmt.Errorf("on %s: %w", m.Name, err)
		}
		did, err := c.alike(ctx, m, dir, want, have)
		if did {
			changed = append(changed, m.Name)
		}
		if err != nil {
			return changed, fmt.Errorf("on %s: %w", m.Name, err)
		}
	}
	return changed, nil
}

// alike writes and removes files of a folder on a node, and reports whether it had to.
func (c *Cluster) alike(ctx context.Context, m *member, dir string, want, have map[string][]byte) (bool, error) {
	did := false
	for _, name := range sortedKeys(want) {
		if old, there := have[name]; there && slices.Equal(old, want[name]) {
			continue
		}
		did = true
		if err := m.server.WriteFileVia(ctx, c.target.At(stack.TmpDir), path.Join(dir, name), want[name], 0o644); err != nil {
			return did, err
		}
	}
	for _, name := range sortedKeys(have) {
		if _, there := want[name]; there {
			continue
		}
		did = true
		if err := m.server.Remove(ctx, path.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return did, err
		}
	}
	return did, nil
}

// mostAligned bounds a file that is compared.
const mostAligned = 1 << 20

// folder reads the files of a folder on a node; nil: it is not there.
func (c *Cluster) folder(ctx context.Context, m *member, dir string) (map[string][]byte, error) {
	entries, err := m.server.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, e := range entries {
		if !e.Mode().IsRegular() || e.Size() > mostAligned {
			continue
		}
		if out[e.Name()], err = m.server.ReadFile(ctx, path.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return out, nil
}
