package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/node"
)

// maintenanceOptions are what maintenance needs.
type maintenanceOptions struct {
	*printer
	project *project
}

func newMaintenance(s *session, run func(context.Context, *maintenanceOptions) error) *cobra.Command {
	o := &maintenanceOptions{printer: s.printer, project: s.project}
	cmd := &cobra.Command{
		Use: "maintenance", Args: cobra.NoArgs,
		Short: "Tell whether visitors are kept out, or keep them out for a while",
		Long: `maintenance tells whether the site is in maintenance mode: the edge answers
visitors itself with 503 and leads none of them to a service. Containers, jobs
and data stay as they are. A deploy or a rollback leaves the mode as it is.`,
		Example: "  stackctl maintenance\n  stackctl maintenance on --allow 203.0.113.0/24\n  stackctl maintenance off",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.AddCommand(newMaintenanceOn(s, runMaintenanceOn), newMaintenanceOff(s, runMaintenanceOff))
	return cmd
}

func runMaintenance(ctx context.Context, o *maintenanceOptions) error {
	return connect(ctx, o.project, o.redactor, func(c connection) error {
		m, err := node.Maintenance(ctx, c.server, c.target)
		switch {
		case err != nil:
			return err
		case o.output == "json":
			return o.json(m)
		}
		fmt.Fprintln(o.out, o.clean(maintenanceLine(m)))
		return nil
	})
}

// maintenanceLine returns the mode in a line.
func maintenanceLine(m *edge.Maintenance) string {
	if m == nil {
		return "off"
	}
	line := fmt.Sprintf("on since %s, by %s: visitors get 503", moment(m.Since), m.By)
	if len(m.Allow) > 0 {
		line += ", but for " + strings.Join(m.Allow, ", ")
	}
	return line
}
