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

// nodeRemoveOptions are the flags of node remove, and what it needs.
type nodeRemoveOptions struct {
	*printer
	project *project

	name  string
	force bool
}

func newNodeRemove(s *session, run func(context.Context, *nodeRemoveOptions) error) *cobra.Command {
	o := &nodeRemoveOptions{printer: s.printer, project: s.project}
	cmd := &cobra.Command{
		Use: "remove NAME", Args: cobra.ExactArgs(1), Short: "Take a node that has left the file out of the Swarm",
		Long: `remove takes a node out of the Swarm that stands in the file no more. Take it out
of the file first: the next provision would bring it back. The server itself
stays as it is; where it still runs, its Engine is told nothing.`,
		Example: "  stackctl node remove node3",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			return run(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.force, "force", false, "also one that answers and is not drained")
	return cmd
}

func runNodeRemove(ctx context.Context, o *nodeRemoveOptions) error {
	what := "remove the node " + o.name
	t, err := clusterTarget(o.project, what)
	if err != nil {
		return err
	}
	for _, n := range t.Nodes {
		if n.Name == o.name {
			return stack.Fault(stack.CauseUsage, what, fmt.Errorf("it stands in %s", o.project.file), "take it out of the file first: the next provision would bring it back")
		}
	}
	nodes, err := config.Nodes(t)
	if err != nil {
		return err
	}
	var errs []error
	for i, n := range nodes {
		gone, err := provision.RemoveNode(ctx, n, o.name, o.force)
		if err == nil {
			return o.gone(gone)
		}
		if stack.CauseOf(err) == stack.CauseUsage {
			return err
		}
		errs = append(errs, fmt.Errorf("%s: %w", t.Nodes[i].Name, err))
	}
	return stack.Fault(stack.CauseStep, what, errors.Join(errs...), "no manager took it out: see `stackctl node list`, and run `stackctl provision`")
}

func (o *nodeRemoveOptions) gone(n provision.SwarmNode) error {
	if o.output == "json" {
		return o.json(n)
	}
	fmt.Fprintf(o.out, "%s is out of the Swarm\n", o.name)
	return nil
}
