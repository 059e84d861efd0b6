package swarm

import (
	"context"
	"fmt"
	"slices"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Facts are those of the nodes together, and of each.
func (c *Cluster) Facts(ctx context.Context) (stack.HostFacts, error) {
	all := make([]stack.HostFacts, len(c.members))
	err := c.each(ctx, func(ctx context.Context, i int, m *member) (err error) {
		if all[i], err = m.server.Facts(ctx); err == nil && !all[i].Clock.IsZero() {
			m.ahead.Store(int64(time.Until(all[i].Clock)))
		}
		all[i].Node = m.Name
		return err
	})
	if err != nil {
		return stack.HostFacts{}, err
	}
	home := slices.Index(c.members, c.home)
	sum, other := together(all, home)
	if other >= 0 {
		return sum, stack.Fault(stack.CauseStep, "observe "+c.target.Domain, fmt.Errorf("%s is %s and %s is %s: one image does not run on both", c.home.Name, sum.Arch, c.members[other].Name, all[other].Arch),
			"use servers of one architecture")
	}
	sum.Node, sum.Away, sum.Nodes = c.home.Name, c.away(), all
	ahead := make([]time.Duration, len(c.members))
	for i, m := range c.members {
		ahead[i] = time.Duration(m.ahead.Load())
	}
	sum.Skew = slices.Max(ahead) - slices.Min(ahead)
	return sum, nil
}

// together adds up facts of nodes to those of one of them. It also returns a node of
// another architecture, if there is one, else -1.
func together(all []stack.HostFacts, home int) (sum stack.HostFacts, other int) {
	sum, other = all[home], -1
	sum.CPUs, sum.MemoryBytes = 0, 0
	for i, f := range all {
		if f.Arch != sum.Arch {
			other = i
		}
		sum.CPUs += f.CPUs
		sum.MemoryBytes += f.MemoryBytes
	}
	return sum, other
}
