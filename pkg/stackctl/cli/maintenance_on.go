package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/stack"
)

// maintenanceOnOptions are the flags of maintenance on, and what it needs.
type maintenanceOnOptions struct {
	recorder *recorder
	runFlags

	allow     []string
	withoutMe bool
	lockWait  time.Duration
}

func newMaintenanceOn(s *session, run func(context.Context, *maintenanceOnOptions) error) *cobra.Command {
	o := &maintenanceOnOptions{recorder: s.recorder()}
	cmd := &cobra.Command{
		Use: "on", Args: cobra.NoArgs,
		Short: "Keep visitors out",
		Long: `on makes the edge answer every visitor with 503 and Retry-After. It lets in the
address that you connect from, so that you see the site and gates can judge it;
--allow names more. Run again, it replaces who is let in.

Connections that are open, such as WebSockets, stay so. Ports that the edge does
not serve by HTTPS are not closed.`,
		Example: "  stackctl maintenance on\n  stackctl maintenance on --allow 203.0.113.0/24,2001:db8::1 --without-me",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.Flags().StringSliceVar(&o.allow, "allow", nil, "let in these addresses or `networks` (may be repeated)")
	cmd.Flags().BoolVar(&o.withoutMe, "without-me", false, "do not let in the address that you connect from")
	bindLockWait(cmd, &o.lockWait, "run")
	o.bindTargets(cmd)
	return cmd
}

func runMaintenanceOn(ctx context.Context, o *maintenanceOnOptions) error {
	return o.recorder.record(ctx, "maintenance", o.runFlags, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
		d.LockWait = o.lockWait
		return d.Maintenance(ctx, deploy.Maintaining{On: true, Allow: o.allow, WithoutMe: o.withoutMe})
	})
}
