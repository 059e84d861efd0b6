package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

func newMaintenance(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "maintenance", Args: cobra.NoArgs,
		Short: "Tell whether visitors are kept out, or keep them out for a while",
		Long: `maintenance tells whether the site is in maintenance mode: the edge answers
visitors itself with 503 and leads none of them to a service. Containers, jobs
and data stay as they are. A deploy or a rollback leaves the mode as it is.`,
		Example: "  stackctl maintenance\n  stackctl maintenance on --allow 203.0.113.0/24\n  stackctl maintenance off",
		RunE: o.onTarget(func(ctx context.Context, r reached, _ []string) error {
			m, err := node.Maintenance(ctx, r.server, r.target)
			switch {
			case err != nil:
				return err
			case o.output == "json":
				return o.json(m)
			}
			fmt.Fprintln(o.out, o.clean(maintenanceLine(m)))
			return nil
		}),
	}
	cmd.AddCommand(newMaintenanceOn(o), newMaintenanceOff(o))
	return cmd
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

func newMaintenanceOn(o *options) *cobra.Command {
	want := deploy.Maintaining{On: true}
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "on", Args: cobra.NoArgs,
		Short: "Keep visitors out",
		Long: `on makes the edge answer every visitor with 503 and Retry-After. It lets in the
address that you connect from, so that you see the site and gates can judge it;
--allow names more. Run again, it replaces who is let in.

Connections that are open, such as WebSockets, stay so. Ports that the edge does
not serve by HTTPS are not closed.`,
		Example: "  stackctl maintenance on\n  stackctl maintenance on --allow 203.0.113.0/24,2001:db8::1 --without-me",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.maintain(cmd.Context(), want, wait) },
	}
	cmd.Flags().StringSliceVar(&want.Allow, "allow", nil, "let in these addresses or `networks` (may be repeated)")
	cmd.Flags().BoolVar(&want.WithoutMe, "without-me", false, "do not let in the address that you connect from")
	o.bindMaintenance(cmd, &wait)
	return cmd
}

func newMaintenanceOff(o *options) *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "off", Args: cobra.NoArgs,
		Short:   "Lead visitors to the site again",
		Example: "  stackctl maintenance off",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.maintain(cmd.Context(), deploy.Maintaining{}, wait)
		},
	}
	o.bindMaintenance(cmd, &wait)
	return cmd
}

func (o *options) bindMaintenance(cmd *cobra.Command, wait *time.Duration) {
	cmd.Flags().DurationVar(wait, "lock-wait", 0, "how long to wait for a lock that another run holds")
	o.many.bindTargets(cmd)
}

func (o *options) maintain(ctx context.Context, want deploy.Maintaining, wait time.Duration) error {
	return o.recorder().record(ctx, "maintenance", o.many, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
		d.LockWait = wait
		return d.Maintenance(ctx, want)
	})
}
