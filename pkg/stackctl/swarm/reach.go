package swarm

import (
	"context"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// Reach connects to a target: to its one server, or to the nodes of its cluster.
func Reach(ctx context.Context, t stack.Target) (node.Server, error) {
	if t.Clustered() {
		return Connect(ctx, t)
	}
	return node.Connect(ctx, t)
}
