package swarm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"stackctl/pkg/stackctl/stack"
)

// Images are those of all nodes, each with the nodes that have it.
func (c *Cluster) Images(ctx context.Context) ([]stack.HostImage, error) {
	all := make([][]stack.HostImage, len(c.members))
	err := c.each(ctx, func(ctx context.Context, i int, m *member) (err error) {
		all[i], err = m.server.Images(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []stack.HostImage
	for i, list := range all {
		for _, one := range list {
			out = withImage(out, one, c.members[i].Name)
		}
	}
	return out, nil
}

// withImage adds an image that a node has. The same one may have other names on another.
func withImage(list []stack.HostImage, one stack.HostImage, node string) []stack.HostImage {
	at := slices.IndexFunc(list, func(h stack.HostImage) bool {
		return h.ID == one.ID && slices.Equal(h.Tags, one.Tags) && slices.Equal(h.Digests, one.Digests)
	})
	if at < 0 {
		one.Nodes = []string{node}
		return append(list, one)
	}
	list[at].Nodes = append(list[at].Nodes, node)
	return list
}

// Ship streams an image to some nodes, side by side; to each only the layers that it
// lacks.
func (c *Cluster) Ship(ctx context.Context, image stack.Image, to []string, _ []stack.HostImage, progress func(done, total int64)) (string, error) {
	details := make([]string, len(c.members))
	sum := c.progress(progress)
	err := c.on(ctx, to, func(ctx context.Context, i int, m *member) error {
		have, err := m.server.Images(ctx)
		if err != nil {
			return err
		}
		detail, err := m.server.Ship(ctx, image, nil, have, sum.of(i))
		details[i] = m.Name + ": " + detail
		return err
	})
	return strings.Join(slices.DeleteFunc(details, func(d string) bool { return d == "" }), "; "), err
}

// Pull has some nodes pull an image, side by side.
func (c *Cluster) Pull(ctx context.Context, reference string, to []string, progress func(done, total int64)) error {
	sum := c.progress(progress)
	return c.on(ctx, to, func(ctx context.Context, i int, m *member) error {
		return m.server.Pull(ctx, reference, nil, sum.of(i))
	})
}

// on runs a part on some of the nodes that answer, side by side.
func (c *Cluster) on(ctx context.Context, names []string, part func(ctx context.Context, i int, m *member) error) error {
	return c.each(ctx, func(ctx context.Context, i int, m *member) error {
		if !slices.Contains(names, m.Name) {
			return nil
		}
		return part(ctx, i, m)
	})
}

func (c *Cluster) progress(tell func(done, total int64)) *progressSum {
	return &progressSum{tell: tell, done: make([]int64, len(c.members)), total: make([]int64, len(c.members))}
}

// progressSum adds up what several transfers have done.
type progressSum struct {
	tell        func(done, total int64)
	mu          sync.Mutex
	done, total []int64
}

func (p *progressSum) of(i int) func(done, total int64) {
	if p.tell == nil {
		return nil
	}
	return func(done, total int64) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.done[i], p.total[i] = done, total
		var d, t int64
		for j := range p.done {
			d += p.done[j]
			t += p.total[j]
		}
		p.tell(d, t)
	}
}

// InspectImage is what the engine of a node that has an image reports of it.
func (c *Cluster) InspectImage(ctx context.Context, image string) ([]byte, error) {
	raw, err := c.home.server.InspectImage(ctx, image)
	for _, m := range c.members {
		if err == nil || ctx.Err() != nil {
			break
		}
		if m != c.home {
			var again error
			if raw, again = m.server.InspectImage(ctx, image); again == nil {
				return raw, nil
			}
			err = errors.Join(err, again)
		}
	}
	return raw, err
}

// RemoveImage removes an image from the nodes that have it.
func (c *Cluster) RemoveImage(ctx context.Context, id string) error {
	return c.each(ctx, func(ctx context.Context, _ int, m *member) error {
		have, err := m.server.Images(ctx)
		if err != nil || !slices.ContainsFunc(have, func(h stack.HostImage) bool { return h.ID == id }) {
			return err
		}
		return m.server.RemoveImage(ctx, id)
	})
}
