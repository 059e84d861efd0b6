package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/provision"
)

// nodeListOptions are what node list needs.
type nodeListOptions struct {
	*printer
	project *project
}

func newNodeList(s *session, run func(context.Context, *nodeListOptions) error) *cobra.Command {
	o := &nodeListOptions{printer: s.printer, project: s.project}
	return &cobra.Command{
		Use: "list", Args: cobra.NoArgs, Short: "List the nodes with role, labels, state and Engine, as the Swarm has them",
		Long: `list asks a manager for the Swarm's nodes, and lists them beside those of the
file: one that is in the file and not in the Swarm, or the other way round, is
told. It changes nothing.`,
		Example: "  stackctl node list\n  stackctl node list --target production --output json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
}

func runNodeList(ctx context.Context, o *nodeListOptions) error {
	t, err := clusterTarget(o.project, "list the nodes")
	if err != nil {
		return err
	}
	seen, err := readSwarm(ctx, t)
	if err != nil {
		return err
	}
	list, notes := provision.Listed(t, seen), append([]string{}, provision.SwarmNotes(t, seen)...)
	if o.output == "json" {
		return o.json(map[string]any{"target": t.Name, "swarm": seen.Cluster, "nodes": list, "notes": notes})
	}
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tADDRESS\tROLE\tLABELS\tSTATE\tENGINE")
	for _, n := range list {
		state := n.State
		switch {
		case !n.InSwarm:
			state = "not in the Swarm"
		case !n.InFile:
			state += ", not in the file"
		}
		if n.Availability != "" && n.Availability != "active" {
			state += ", " + n.Availability
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", o.clean(or(n.Name, n.Hostname)), or(n.Address, "-"), or(n.Role, "-"), or(strings.Join(n.Labels, " "), "-"), state, o.clean(or(n.Engine, "-")))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, note := range notes {
		fmt.Fprintln(o.errs, o.clean(note))
	}
	return nil
}
