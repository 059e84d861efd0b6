package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/provision"
	"stackctl/pkg/stackctl/stack"
)

func newNode(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "node",
		Short: "List the servers of a target that has several, empty one or take one out",
		Long: `node is for the servers of a target that has several (nodes in stackctl.yaml):
one Docker Swarm, which ` + "`stackctl provision`" + ` made of them.`,
	}
	cmd.AddCommand(newNodeList(s, runNodeList), newNodeDrain(s, runNodeDrain), newNodeActivate(s, runNodeActivate), newNodeClear(s, runNodeClear), newNodeRemove(s, runNodeRemove))
	return cmd
}

// clusterTarget returns the target of a verb, which has several servers.
func clusterTarget(p *project, what string) (stack.Target, error) {
	_, t, err := p.load()
	if err == nil && !t.Clustered() {
		err = stack.Fault(stack.CauseUsage, what, fmt.Errorf("target %s is one server", t.Name), "this is for a target with nodes (docs/cluster.md)")
	}
	return t, err
}

// readSwarm asks the managers of a target, one after the other, for their Swarm.
func readSwarm(ctx context.Context, t stack.Target) (*provision.Swarm, error) {
	nodes, err := config.Nodes(t)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, n := range nodes {
		seen, err := provision.ReadSwarm(ctx, n)
		if err == nil {
			return seen, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", t.Nodes[i].Name, err))
	}
	return nil, stack.Fault(stack.CauseUnreachable, "read the Swarm of "+t.Name, errors.Join(errs...),
		"no node answers as a manager of a Swarm: run `stackctl provision`; where managers are down, start enough of them that more than half run")
}
